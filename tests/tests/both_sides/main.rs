//! Both sides together: the programs as they ship, real sockets, a real browser. A file is one behaviour, a test's name
//! the claim. `cargo xtask test e2e` builds what is needed and runs them; `cargo xtask test e2e` alone is the way in.

mod barriers;
mod chaos;
mod classic;
mod command_line;
mod compressed;
mod contract;
mod crowd;
mod development;
mod devices;
mod drain;
mod foreign;
mod keyboard;
mod market;
mod offline;
mod packed;
mod phone;
mod restart;
mod stale;
mod streams;
mod tokens;
mod views;
