//! Simulated tasks: what a worker would publish on `tasks` from beginning to end.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// A job: its title, its steps, and why it fails when it does.
const JOBS: [(&str, &[&str], &str); 6] = [
    (
        "Nightly backup",
        &["listing files", "copying", "checking sums", "pruning old copies"],
        "the disk is full",
    ),
    (
        "Import of readings",
        &[
            "reading the file",
            "validating rows",
            "writing rows",
            "building indexes",
        ],
        "row 10482 has no date",
    ),
    (
        "Monthly report",
        &["collecting figures", "drawing charts", "writing pages"],
        "the figures of May are missing",
    ),
    (
        "Search index",
        &["scanning documents", "splitting into words", "merging segments"],
        "a segment is damaged",
    ),
    (
        "Firmware rollout",
        &[
            "signing the image",
            "sending to the first ring",
            "waiting for reports",
            "sending to all",
        ],
        "two devices of the first ring did not come back",
    ),
    (
        "Video transcoding",
        &["reading the source", "encoding 720p", "encoding 1080p", "packing"],
        "the source ends too early",
    ),
];
/// Of so many tasks, one fails.
const ONE_FAILS_OF: u32 = 5;

/// All updates of one task, each with the time to wait before it.
pub(super) fn script(id: &str, rng: &mut Rng) -> Vec<(Duration, Value)> {
    let (title, steps, excuse) = JOBS[rng.usize(..JOBS.len())];
    let title = format!("{title} (simulated)");
    let update = |state: &str, progress: Option<f64>, message: Option<&str>| {
        let mut update = json!({ "task_id": id, "title": title, "state": state, "simulated": true });
        if let Some(progress) = progress {
            update["progress"] = ((progress * 1000.0).round() / 1000.0).into();
        }
        if let Some(message) = message {
            update["message"] = message.into();
        }
        update
    };
    let mut script = vec![(Duration::ZERO, update("queued", None, None))];
    let fails_at = (rng.u32(..ONE_FAILS_OF) == 0).then(|| rng.f64().max(0.1));
    let mut progress = 0.0;
    let pace = 0.5 + rng.f64() * 2.0;
    let mut wait = millis(rng, 800..4_000);
    while progress < 1.0 {
        if fails_at.is_some_and(|at| progress >= at) {
            script.push((wait, update("failed", Some(progress), Some(excuse))));
            return script;
        }
        let step = steps[(progress * steps.len() as f64) as usize % steps.len()];
        script.push((wait, update("running", Some(progress), Some(step))));
        // Some steps drag, some fly.
        progress += pace * (0.005 + rng.f64() * rng.f64() * 0.09);
        wait = millis(rng, 300..1_800);
    }
    script.push((wait, update("done", Some(1.0), None)));
    script
}

/// The pause before a worker takes the next task.
pub(super) fn pause(rng: &mut Rng) -> Duration {
    millis(rng, 1_000..9_000)
}

fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_begins_goes_on_and_ends() {
        let mut failed = 0;
        for seed in 0..200 {
            let script = script("t-1", &mut Rng::with_seed(seed));
            let states: Vec<_> = script
                .iter()
                .map(|(_, update)| update["state"].as_str().unwrap())
                .collect();
            let (last, before) = states.split_last().unwrap();
            assert_eq!(before[0], "queued");
            assert!(before[1..].iter().all(|state| *state == "running"), "{states:?}");
            assert!(matches!(*last, "done" | "failed"), "{states:?}");
            failed += usize::from(*last == "failed");
            let progress: Vec<_> = script
                .iter()
                .filter_map(|(_, update)| update["progress"].as_f64())
                .collect();
            assert!(progress.is_sorted() && progress.iter().all(|progress| (0.0..=1.0).contains(progress)));
            for (_, update) in &script {
                let read: nexus_protocol::TaskUpdate = serde_json::from_value(update.clone()).unwrap();
                assert!(read.title.unwrap().ends_with("(simulated)"));
                assert_eq!(update["simulated"], true);
            }
            let takes: Duration = script.iter().map(|(wait, _)| *wait).sum();
            assert!(takes < Duration::from_secs(600), "{takes:?}");
        }
        assert!((10..80).contains(&failed), "{failed}");
    }
}
