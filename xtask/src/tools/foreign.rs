//! Other people's WebSocket clients, for the doors that are for them: npm's `ws`, and Python's `websockets` and `msgpack`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{distribution, on_path};
use crate::process;

/// Where the distribution keeps packages of node.
const NODE_PATH: &str = "/usr/share/nodejs";
const PACKAGES: [&str; 4] = ["nodejs", "node-ws", "python3-websockets", "python3-msgpack"];
const BY_HAND: &str = "install node with the package `ws` and Python with the packages `websockets` and `msgpack` and run this \
    again: `apt-get install nodejs node-ws python3-websockets python3-msgpack` on Debian";

/// Interpreters that have the libraries.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    pub(crate) node: PathBuf,
    /// Where `ws` is found.
    pub(crate) node_path: PathBuf,
    pub(crate) python: PathBuf,
}

/// Finds the interpreters with their libraries, or gets them where that is allowed.
pub(crate) fn find_or_install() -> anyhow::Result<Foreign> {
    if let Some(foreign) = find() {
        return Ok(foreign);
    }
    distribution::install(
        "node with `ws` and Python with `websockets` and `msgpack`",
        &PACKAGES,
        BY_HAND,
    )?;
    find().with_context(|| format!("the packages are installed but cannot be used: {BY_HAND}"))
}

fn find() -> Option<Foreign> {
    let node = [on_path("node"), Some(PathBuf::from("/usr/bin/node"))]
        .into_iter()
        .flatten()
        .find(|node| has_ws(node))?;
    let python = [on_path("python3"), Some(PathBuf::from("/usr/bin/python3"))]
        .into_iter()
        .flatten()
        .find(|python| {
            process::answer(Command::new(python).args(["-c", "import websockets, msgpack"])).is_some()
        })?;
    Some(Foreign {
        node,
        node_path: NODE_PATH.into(),
        python,
    })
}

fn has_ws(node: &Path) -> bool {
    let mut command = Command::new(node);
    command
        .args(["-e", "require(\"ws\")"])
        .env("NODE_PATH", NODE_PATH);
    process::answer(&mut command).is_some()
}
