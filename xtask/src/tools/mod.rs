//! The tools that a build needs beside cargo: found on the PATH when their version is right, else installed under
//! `target/tools`, once. Nothing is installed outside the checkout.

pub(crate) mod browser;
mod cargo_tool;
mod distribution;
pub(crate) mod foreign;
pub(crate) mod peers;
mod wasm_opt;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::step::step;
use crate::{process, workspace};

pub(crate) use cargo_tool::deny;

const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// What trunk may fetch while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downloads {
    /// All it needs is here.
    NotNeeded,
    /// It lacks `wasm-opt` and fetches it itself.
    WasmOpt,
}

/// Tools that are known to be there.
#[derive(Debug)]
pub(crate) struct WebTools {
    /// What to put before the PATH.
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) trunk: PathBuf,
    pub(crate) downloads: Downloads,
}

/// Gets all that building the dashboard needs: the wasm target, trunk, wasm-bindgen and wasm-opt.
pub(crate) fn for_web() -> anyhow::Result<WebTools> {
    wasm_target()?;
    let bindgen = cargo_tool::wasm_bindgen()?;
    let trunk = cargo_tool::trunk()?;
    let wasm_opt = wasm_opt::find_or_install()?;
    let mut dirs = vec![directory_of(&bindgen), directory_of(&trunk)];
    let downloads = match wasm_opt {
        wasm_opt::WasmOpt::At(path) => {
            dirs.push(directory_of(&path));
            Downloads::NotNeeded
        }
        wasm_opt::WasmOpt::LeftToTrunk => Downloads::WasmOpt,
    };
    dirs.dedup();
    Ok(WebTools {
        dirs,
        trunk,
        downloads,
    })
}

/// Gets what wasm tests need beside a browser: the wasm target and the runner. Returns what to put before the PATH.
pub(crate) fn for_wasm_tests() -> anyhow::Result<PathBuf> {
    wasm_target()?;
    Ok(directory_of(&cargo_tool::wasm_bindgen()?))
}

/// The PATH with these directories first.
pub(crate) fn path_with(dirs: &[PathBuf]) -> anyhow::Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = dirs.iter().cloned().chain(std::env::split_paths(&path));
    std::env::join_paths(all)
        .context("a directory of the checkout has a character that PATH cannot hold: move it")
}

/// The first program of this name on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn directory_of(program: &Path) -> PathBuf {
    program.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Makes sure that rustc can compile for the browser.
pub(crate) fn wasm_target() -> anyhow::Result<()> {
    let sysroot = process::answer(
        Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(workspace::root()),
    )
    .context("rustc does not answer: install Rust through rustup.rs and open a new terminal")?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(WASM_TARGET);
    if library.is_dir() {
        return Ok(());
    }
    step("Rust for the browser (rustup target add)", || {
        process::run(
            Command::new("rustup")
                .args(["target", "add", WASM_TARGET])
                .current_dir(workspace::root()),
        )
        .context("cannot add the wasm target: run `rustup target add wasm32-unknown-unknown` and see why")
    })
}
