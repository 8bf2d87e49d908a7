//! The dashboard: built by trunk in the release profile, compressed beside its files, weighed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, bail};

use crate::step::step;
use crate::tools::{self, Downloads};
use crate::{process, workspace};

/// The most that the whole application may weigh on the wire.
const WASM_BROTLI_LIMIT: usize = 450_000;
/// Smaller files gain nothing: they fit into one packet anyway.
const WORTH_COMPRESSING: usize = 512;
const BROTLI_QUALITY: i32 = 11;
const BROTLI_WINDOW_BITS: i32 = 22;

/// Builds the dashboard into `dist/`; a second call in the same run finds it built.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(dist) = BUILT.get() {
        return Ok(dist.clone());
    }
    let tools = tools::for_web()?;
    step("dashboard (trunk, profile wasm-release)", || run_trunk(&tools))?;
    let dist = workspace::dist();
    let wasm = step("dashboard: compressing", || compress_all(&dist))?;
    weigh(wasm)?;
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

/// Sizes of one file in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weight {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

/// Writes `.br` and `.gz` beside every file worth it, and returns the weight of the wasm.
fn compress_all(dist: &Path) -> anyhow::Result<Weight> {
    let mut wasm = None;
    let mut pending = vec![dist.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if is_compressible(&path) {
                let weight =
                    compress(&path).with_context(|| format!("cannot compress {}", path.display()))?;
                if path.extension().is_some_and(|extension| extension == "wasm") {
                    wasm = Some(weight);
                }
            }
        }
    }
    wasm.with_context(|| {
        format!(
            "there is no .wasm in {}: delete it and build again",
            dist.display()
        )
    })
}

fn is_compressible(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(
        extension,
        Some("html" | "js" | "mjs" | "css" | "wasm" | "svg" | "json" | "webmanifest" | "txt" | "ico")
    )
}

fn compress(path: &Path) -> anyhow::Result<Weight> {
    let plain = std::fs::read(path)?;
    let brotli = brotli(&plain)?;
    let gzip = gzip(&plain)?;
    if plain.len() >= WORTH_COMPRESSING {
        for (suffix, bytes) in [("br", &brotli), ("gz", &gzip)] {
            if bytes.len() < plain.len() {
                let mut name = path.as_os_str().to_owned();
                name.push(".");
                name.push(suffix);
                std::fs::write(name, bytes)?;
            }
        }
    }
    Ok(Weight {
        raw: plain.len(),
        gzip: gzip.len(),
        brotli: brotli.len(),
    })
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*plain, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}

fn weigh(wasm: Weight) -> anyhow::Result<()> {
    let kilobytes = |bytes: usize| bytes as f64 / 1000.0;
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
             raise the limit in xtask/src/web.rs with a reason"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_lie_beside_the_plain_ones_and_unpack_to_them() {
        let dist = tempfile::tempdir().expect("a temporary directory");
        let plain = b"prices ".repeat(400);
        std::fs::create_dir(dist.path().join("deep")).expect("a directory");
        std::fs::write(dist.path().join("app.wasm"), &plain).expect("a file");
        std::fs::write(dist.path().join("deep/tiny.css"), "a{}").expect("a file");
        std::fs::write(dist.path().join("picture.png"), &plain).expect("a file");

        let weight = compress_all(dist.path()).expect("compresses");

        assert_eq!(weight.raw, plain.len());
        let mut unpacked = Vec::new();
        let packed = std::fs::read(dist.path().join("app.wasm.br")).expect("the brotli file");
        assert_eq!(packed.len(), weight.brotli);
        brotli::BrotliDecompress(&mut &*packed, &mut unpacked).expect("unpacks");
        assert_eq!(unpacked, plain);
        let mut unpacked = Vec::new();
        let packed = std::fs::read(dist.path().join("app.wasm.gz")).expect("the gzip file");
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*packed), &mut unpacked)
            .expect("unpacks");
        assert_eq!(unpacked, plain);
        assert!(
            !dist.path().join("deep/tiny.css.br").exists(),
            "too small to gain"
        );
        assert!(!dist.path().join("picture.png.br").exists(), "compressed already");
    }

    #[test]
    fn a_dist_without_wasm_is_an_error() {
        let dist = tempfile::tempdir().expect("a temporary directory");
        assert!(compress_all(dist.path()).is_err());
    }

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
