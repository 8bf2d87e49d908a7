//! `wasm-opt` from binaryen. `index.html` asks for `-O1`: measured on this dashboard, 1,378 kB raw and 367 kB in brotli
//! become 1,341 and 365 in six seconds; `-Oz` makes it 1,236 and 370 in thirty, and what travels is what counts.
//!
//! Rust emits instructions that releases before 117 do not know, and distributions carry older ones.

use std::path::PathBuf;
use std::process::Command;

use crate::step::{note, step};
use crate::{process, workspace};

use super::on_path;

const OLDEST: u32 = 117;
const NPM_PACKAGE: &str = "binaryen@132.0.0";

/// Where `wasm-opt` comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WasmOpt {
    /// It is here.
    At(PathBuf),
    /// Neither here nor to be had from npm: trunk downloads its own.
    LeftToTrunk,
}

/// Takes `wasm-opt` from the PATH, from an earlier run, or from npm; leaves it to trunk otherwise.
pub(crate) fn find_or_install() -> anyhow::Result<WasmOpt> {
    let npm_root = workspace::tools().join("npm");
    let from_npm = npm_root.join("node_modules/.bin/wasm-opt");
    let candidates = [
        Some(workspace::tools().join("bin/wasm-opt")),
        Some(from_npm.clone()),
        on_path("wasm-opt"),
    ];
    if let Some(found) = candidates.into_iter().flatten().find(is_new_enough) {
        return Ok(WasmOpt::At(found));
    }
    if let Some(npm) = on_path("npm") {
        let installed = step("wasm-opt from npm, once, into target/tools", || {
            std::fs::create_dir_all(&npm_root)?;
            let mut install = Command::new(npm);
            install
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(&npm_root)
                .arg(NPM_PACKAGE);
            process::run(&mut install)
        });
        crate::interrupt::check()?;
        if installed.is_ok() && is_new_enough(&from_npm) {
            return Ok(WasmOpt::At(from_npm));
        }
    }
    note("wasm-opt is neither on the PATH nor to be had from npm: trunk will try to download it");
    Ok(WasmOpt::LeftToTrunk)
}

fn is_new_enough(program: &PathBuf) -> bool {
    process::answer(Command::new(program).arg("--version"))
        .and_then(|answer| release_in(&answer))
        .is_some_and(|release| release >= OLDEST)
}

/// The release in an answer like `wasm-opt version 132 (version_132)`.
fn release_in(answer: &str) -> Option<u32> {
    answer.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_the_third_word_of_the_answer() {
        assert_eq!(release_in("wasm-opt version 132 (version_132)\n"), Some(132));
        assert_eq!(release_in("wasm-opt version 108\n"), Some(108));
        assert_eq!(release_in("something else entirely"), None);
    }
}
