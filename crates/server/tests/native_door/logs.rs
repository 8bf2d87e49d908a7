//! What is logged, at the most talkative level, holds no token and no payload.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Knock, SECRET, World, expired_token, settings, signed, token};

/// Everything that this process logs, from the first call on.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Captured;

    fn make_writer(&'a self) -> Captured {
        self.clone()
    }
}

fn captured() -> &'static Captured {
    static CAPTURED: OnceLock<Captured> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let captured = Captured::default();
        tracing_subscriber::fmt()
            .with_env_filter("trace")
            .with_writer(captured.clone())
            .init();
        captured
    })
}

#[tokio::test]
async fn no_token_secret_or_payload_is_logged_at_any_level() {
    let captured = captured();
    let world = World::start(settings()).await;
    let right = token("log-reader", "viewer", Duration::from_secs(3600));
    let foreign = signed(
        &json!({"sub": "x", "exp": 4_000_000_000u64}),
        "another secret that is long enough too",
    );
    let tokens = [
        right,
        foreign,
        expired_token("log-reader"),
        "nonsense-token-for-the-log".to_owned(),
    ];
    for token in &tokens {
        let knocks = [
            Knock {
                query: format!("?token={token}"),
                ..Knock::default()
            },
            Knock {
                headers: vec![("authorization", format!("Bearer {token}"))],
                ..Knock::default()
            },
        ];
        for knock in knocks {
            let mut client = world.knock(knock).await.unwrap();
            if token == &tokens[0] {
                client.next_of("connected").await;
                client.leave().await;
            } else {
                client.code().await;
            }
        }
        let mut client = world.connect().await;
        client.ask("auth", json!({"token": token})).await;
        client.request("auth", json!({"tokn": token})).await;
        client.end_or_leave().await;
    }
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    world
        .publish("room:a", "\"a payload that nobody shall log\"")
        .await;
    client.next().await;
    client.leave().await;

    let log = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    assert!(log.contains("connected"), "the log is captured");
    for token in &tokens {
        assert!(!log.contains(token.as_str()), "a token is logged");
        // A piece of one would do as well for whoever collects them.
        for piece in token.split('.').filter(|piece| piece.len() > 20).skip(1) {
            assert!(!log.contains(piece), "a piece of a token is logged");
        }
    }
    assert!(!log.contains(SECRET), "the secret is logged");
    assert!(!log.contains("nobody shall log"), "a payload is logged");
}
