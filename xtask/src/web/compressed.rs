//! The compressed files beside the plain ones, as the server wants them: `app.wasm.br` and `app.wasm.gz`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::stamp;

/// Smaller files gain nothing: they fit into one packet anyway.
const WORTH_COMPRESSING: usize = 512;
const BROTLI_QUALITY: i32 = 11;
const BROTLI_WINDOW_BITS: i32 = 22;

/// Sizes of one file in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) raw: u64,
    pub(super) gzip: u64,
    pub(super) brotli: u64,
}

/// Writes `.br` and `.gz` beside every file of `dist` that is worth it.
pub(super) fn write_all(dist: &Path) -> anyhow::Result<()> {
    for path in stamp::files_below(dist)?
        .iter()
        .filter(|path| is_compressible(path))
    {
        write(path).with_context(|| format!("cannot compress {}", path.display()))?;
    }
    Ok(())
}

/// What the wasm of `dist` weighs, plain and compressed.
pub(super) fn weight_of_wasm(dist: &Path) -> anyhow::Result<Weight> {
    let files = stamp::files_below(dist)?;
    let wasm = files
        .iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    let wasm = wasm.with_context(|| {
        format!(
            "there is no .wasm in {}: delete it and build again",
            dist.display()
        )
    })?;
    let size = |path: &Path| {
        let meta = std::fs::metadata(path);
        meta.map(|meta| meta.len())
            .with_context(|| format!("{} is missing: build again", path.display()))
    };
    Ok(Weight {
        raw: size(wasm)?,
        gzip: size(&beside(wasm, "gz"))?,
        brotli: size(&beside(wasm, "br"))?,
    })
}

fn is_compressible(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(
        extension,
        Some("html" | "js" | "mjs" | "css" | "wasm" | "svg" | "json" | "webmanifest" | "txt" | "ico")
    )
}

fn write(path: &Path) -> anyhow::Result<()> {
    let plain = std::fs::read(path)?;
    if plain.len() < WORTH_COMPRESSING {
        return Ok(());
    }
    for (suffix, compressed) in [("br", brotli(&plain)?), ("gz", gzip(&plain)?)] {
        if compressed.len() < plain.len() {
            std::fs::write(beside(path, suffix), compressed)?;
        }
    }
    Ok(())
}

/// `app.wasm` and `br` make `app.wasm.br`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_lie_beside_the_plain_ones_and_unpack_to_them() {
        let dist = tempfile::tempdir().expect("a temporary directory");
        let plain = b"prices ".repeat(400);
        std::fs::create_dir(dist.path().join("deep")).expect("a directory");
        std::fs::write(dist.path().join("deep/app.wasm"), &plain).expect("a file");
        std::fs::write(dist.path().join("tiny.css"), "a{}").expect("a file");
        std::fs::write(dist.path().join("picture.png"), &plain).expect("a file");

        write_all(dist.path()).expect("compresses");

        let packed = std::fs::read(dist.path().join("deep/app.wasm.br")).expect("the brotli file");
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &*packed, &mut unpacked).expect("unpacks");
        assert_eq!(unpacked, plain);
        let zipped = std::fs::read(dist.path().join("deep/app.wasm.gz")).expect("the gzip file");
        let mut unzipped = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*zipped), &mut unzipped)
            .expect("unpacks");
        assert_eq!(unzipped, plain);
        assert!(!dist.path().join("tiny.css.br").exists(), "too small to gain");
        assert!(!dist.path().join("picture.png.br").exists(), "compressed already");

        let weight = weight_of_wasm(dist.path()).expect("all three are there");
        let expected = [plain.len(), zipped.len(), packed.len()].map(|length| length as u64);
        assert_eq!([weight.raw, weight.gzip, weight.brotli], expected);
    }

    #[test]
    fn a_dist_without_wasm_is_an_error() {
        let dist = tempfile::tempdir().expect("a temporary directory");
        assert!(weight_of_wasm(dist.path()).is_err());
    }
}
