//! `cargo +nightly fuzz run decoder`: what must hold stands in `checks.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_server::checks::decoder(data));
