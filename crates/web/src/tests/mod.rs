//! Components in a real browser, mounted on a store that the test fills: what they say, and what a person can do.
//!
//! A test waits for the scheduler and for animation frames, never for time.

mod account;
mod activity;
mod book;
mod chains;
mod chip;
mod crash;
mod devices;
mod dialogs;
mod frames;
mod panels;
mod rooms;
mod stage;
mod tape;
mod visit;
mod watchlist;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
