//! Where things are in the checkout, and the versions that `Cargo.lock` decides.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    // Compiled in, so that the commands work from any directory.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's output directory; honours `CARGO_TARGET_DIR`.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Tools that we installed; nothing is ever installed outside.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// The built dashboard.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// `cargo`, at the top of the checkout.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The version of `package` that `Cargo.lock` holds.
pub(crate) fn locked_version(package: &str) -> anyhow::Result<String> {
    let path = root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: run `cargo generate-lockfile`", path.display()))?;
    version_in_lock(&lock, package).with_context(|| {
        format!("{package} is not in Cargo.lock: run `cargo update --workspace` and commit the file")
    })
}

fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let wanted = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| *line == wanted)?;
    lines
        .next()?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
[[package]]
name = \"wasm-bindgen\"
version = \"0.2.129\"

[[package]]
name = \"wasm-bindgen-macro\"
version = \"0.2.128\"
";

    #[test]
    fn a_locked_version_is_that_of_the_exact_name() {
        assert_eq!(version_in_lock(LOCK, "wasm-bindgen").as_deref(), Some("0.2.129"));
        assert_eq!(
            version_in_lock(LOCK, "wasm-bindgen-macro").as_deref(),
            Some("0.2.128")
        );
        assert_eq!(version_in_lock(LOCK, "wasm"), None);
    }

    #[test]
    fn our_own_lock_file_knows_wasm_bindgen() {
        let version = locked_version("wasm-bindgen").expect("the workspace pins it");
        assert!(version.starts_with("0.2."), "{version}");
    }
}
