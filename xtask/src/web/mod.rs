//! The dashboard: built by trunk in the release profile, compressed beside its files, weighed.

mod compressed;
mod stamp;

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, bail};

use crate::step::{note, step};
use crate::tools::{self, Downloads};
use crate::{process, workspace};

use compressed::Weight;
use stamp::Inputs;

/// The most that the whole application may weigh on the wire. The aim is 450 kB; five views with 160 components are
/// above it, a third of it what every component costs in itself, and the limit keeps it from growing unseen meanwhile.
const WASM_BROTLI_LIMIT: u64 = 560_000;

/// Builds the dashboard into `dist/`; a second call in the same run finds it built.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(dist) = BUILT.get() {
        return Ok(dist.clone());
    }
    let dist = workspace::dist();
    let tools = tools::for_web()?;
    let inputs = Inputs::now()?;
    if inputs.are_built() {
        note("the dashboard is built already, and nothing it is made of has changed");
    } else {
        step("dashboard (trunk, profile wasm-release)", || run_trunk(&tools))?;
        step("dashboard: compressing", || compressed::write_all(&dist))?;
        inputs.remember()?;
    }
    weigh(compressed::weight_of_wasm(&dist)?)?;
    Ok(BUILT.get_or_init(|| dist).clone())
}

fn run_trunk(tools: &tools::WebTools) -> anyhow::Result<()> {
    let mut command = std::process::Command::new(&tools.trunk);
    command
        .args(["build", "--release"])
        .current_dir(workspace::root());
    command
        .env("PATH", tools::path_with(&tools.dirs)?)
        .env("TRUNK_SKIP_VERSION_CHECK", "true");
    // trunk takes NO_COLOR=1 for a wrong value of a flag of its own, and shows its own backtraces for errors of ours.
    command.env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
    // Not `--offline`: trunk finds its tools on the PATH, but hands the flag on to cargo, which may have to fetch crates.
    let built = process::run(&mut command).or_else(|error| {
        crate::interrupt::check()?;
        match tools.downloads {
            Downloads::WasmOpt if compiles() => build_without_wasm_opt(&mut command, tools),
            Downloads::WasmOpt | Downloads::NotNeeded => Err(error),
        }
    });
    built.context("the dashboard did not build: see what trunk and cargo say above")
}

/// Whether it was not the code that failed: cargo has nothing left to do then.
fn compiles() -> bool {
    let mut cargo = workspace::cargo();
    cargo.args([
        "build",
        "--quiet",
        "--target",
        "wasm32-unknown-unknown",
        "--profile",
        "wasm-release",
    ]);
    process::run(cargo.args(["--package", "nexus-web", "--bin", "nexus-web"])).is_ok()
}

/// The last resort on a machine that can neither install nor download `wasm-opt`: a slightly larger page rather than none.
fn build_without_wasm_opt(
    command: &mut std::process::Command,
    tools: &tools::WebTools,
) -> anyhow::Result<()> {
    crate::step::warning(
        "building WITHOUT wasm-opt: the page will be slightly larger. Install npm, or binaryen 117 or newer, to get it",
    );
    let dir = workspace::tools().join("no-wasm-opt");
    std::fs::create_dir_all(&dir)?;
    let program = dir.join("wasm-opt");
    std::fs::write(&program, COPYING_WASM_OPT)?;
    let mut mode = std::fs::metadata(&program)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&program, mode)?;
    let dirs: Vec<_> = tools.dirs.iter().cloned().chain([dir]).collect();
    process::run(command.env("PATH", tools::path_with(&dirs)?))
}

/// Stands where trunk looks for `wasm-opt`, and hands the file through as it is.
const COPYING_WASM_OPT: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo "wasm-opt version 0 (copies only)"; exit 0; }
for word; do
  case "$word" in
    --output=*) output="${word#--output=}" ;;
    -*) ;;
    *) input="$word" ;;
  esac
done
exec cp "$input" "$output"
"#;

fn weigh(wasm: Weight) -> anyhow::Result<()> {
    let kilobytes = |bytes: u64| bytes as f64 / 1000.0;
    println!(
        "dashboard wasm: {:.1} kB raw, {:.1} kB gzip, {:.1} kB brotli (at most {:.0})",
        kilobytes(wasm.raw),
        kilobytes(wasm.gzip),
        kilobytes(wasm.brotli),
        kilobytes(WASM_BROTLI_LIMIT),
    );
    if wasm.brotli > WASM_BROTLI_LIMIT {
        bail!(
            "the dashboard is too heavy: find what grew (a new dependency, a feature of one) and take it out, or \
             raise the limit in xtask/src/web/mod.rs with a reason"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_heavy_fails() {
        assert!(
            weigh(Weight {
                raw: 1,
                gzip: 1,
                brotli: WASM_BROTLI_LIMIT
            })
            .is_ok()
        );
        assert!(
            weigh(Weight {
                raw: 1,
                gzip: 1,
                brotli: WASM_BROTLI_LIMIT + 1
            })
            .is_err()
        );
    }
}
