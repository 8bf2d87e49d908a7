//! Thousands of lives of a session: its servers, its link and its user misbehave at random for minutes, and all that the
//! crate promises must hold throughout, and everything must be live in the end.
//!
//! A failing run prints its seed; `NEXUS_SIM_SEED=n cargo test -p nexus-client --test simulation` repeats it and
//! prints what happens; `NEXUS_SIM_RUNS=n` asks for more runs than the default.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod broker;
mod ledger;
mod server;
mod world;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use world::World;

#[test]
fn every_promise_holds_through_random_faults() {
    let runs = setting("NEXUS_SIM_RUNS", option_env!("NEXUS_SIM_RUNS")).unwrap_or(RUNS);
    let one = setting("NEXUS_SIM_SEED", option_env!("NEXUS_SIM_SEED"));
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..runs,
    };
    let several = seeds.end - seeds.start >= RUNS;
    let (mut publications, mut losses, mut recovered) = (0, 0, 0);
    let (mut entered, mut snapshots, mut continued) = (0, 0, 0);
    for seed in seeds {
        #[cfg(target_arch = "wasm32")]
        wasm_bindgen_test::console_log!("run {seed}");
        let seed = PrintedOnFailure(seed);
        let report = World::new(seed.0, one.is_some()).run();
        publications += report.publications;
        losses += report.losses;
        recovered += report.recovered;
        entered += report.entered;
        snapshots += report.snapshots;
        continued += report.continued;
    }
    // The runs must have had something to prove.
    if several {
        assert!(publications > RUNS * 20, "{publications} publications came");
        assert!(losses > RUNS / 4, "{losses} losses were told");
        assert!(recovered > RUNS, "{recovered} publications were recovered");
        assert!(entered > RUNS, "rooms were entered {entered} times");
        assert!(snapshots > RUNS, "{snapshots} snapshots of a key came");
        assert!(
            continued > RUNS / 20,
            "{continued} orders went on under another epoch"
        );
    }
}

/// One core gets through about a hundred runs a second.
#[cfg(not(target_arch = "wasm32"))]
const RUNS: u64 = 2_000;
/// The same code on a slower machine: fewer suffice.
#[cfg(target_arch = "wasm32")]
const RUNS: u64 = 300;

struct PrintedOnFailure(u64);

impl Drop for PrintedOnFailure {
    fn drop(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        if std::thread::panicking() {
            eprintln!("the failing run: NEXUS_SIM_SEED={}", self.0);
        }
    }
}

/// A number out of the environment: of the run where there is one, otherwise of the build.
fn setting(name: &str, built_in: Option<&str>) -> Option<u64> {
    let text = std::env::var(name).ok().or(built_in.map(str::to_owned))?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
