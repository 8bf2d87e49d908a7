//! `cargo +nightly fuzz run negotiate`: what must hold stands in `checks.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_server::checks::negotiate(data));
