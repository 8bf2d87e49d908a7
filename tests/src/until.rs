//! Waiting for something that must become true: by looking again and again, up to a limit, never by sleeping it out.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep, timeout_at};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(40);

/// Looks until `look` succeeds, and gives back what it found.
///
/// `what` names what is awaited. An error of `look` says what was seen instead; the last one is the reason when the limit
/// passes.
///
/// # Errors
/// If the limit passed.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    let mut seen = None;
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(instead)) => seen = Some(instead),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            let seen = seen.unwrap_or_else(|| anyhow::anyhow!("no look came to an end"));
            return Err(seen).with_context(|| format!("waited {limit:?} in vain until {what}"));
        }
        sleep(PAUSE).await;
    }
}

/// Looks all the time for so long, and fails at the first look that fails.
///
/// # Errors
/// If a look failed.
pub async fn holds(
    what: &str,
    span: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut looks = 0;
    while began.elapsed() < span {
        look()
            .await
            .with_context(|| format!("after {:?} it was no longer so that {what}", began.elapsed()))?;
        looks += 1;
        sleep(PAUSE).await;
    }
    if looks == 0 {
        bail!("nobody looked whether {what}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;

    use super::*;

    #[tokio::test]
    async fn what_becomes_true_is_found() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(5), async || {
            looks += 1;
            ensure!(looks == 3, "look {looks}");
            Ok(looks)
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_never_becomes_true_is_named_with_what_was_seen_instead() {
        let limit = Duration::from_millis(50);
        let error = until::<()>("pigs fly", limit, async || bail!("they walk"))
            .await
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("until pigs fly") && text.contains("they walk"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_look_that_hangs_ends_with_the_limit() {
        let limit = Duration::from_millis(50);
        assert!(
            until::<()>("it ends", limit, async || std::future::pending().await)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn what_stops_being_true_does_not_hold() {
        let mut looks = 0;
        let held = holds("it stays", Duration::from_secs(5), async || {
            looks += 1;
            ensure!(looks < 3, "it went");
            Ok(())
        });
        assert!(format!("{:#}", held.await.unwrap_err()).contains("it went"));
    }
}
