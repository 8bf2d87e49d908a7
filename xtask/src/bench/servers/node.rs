//! The servers of npm, by the scripts in `xtask/peers`.

use std::path::Path;

use super::{Compression, Running};
use crate::bench::cores::Cores;
use crate::tools::peers::Node;
use crate::workspace;

pub(super) fn start(
    node: &Node,
    script: &'static str,
    dir: &Path,
    cores: &Cores,
    compression: Compression,
) -> anyhow::Result<Running> {
    let mut command = node.program.command();
    command
        .arg(workspace::root().join("xtask/peers").join(script))
        .arg("0")
        .env("NODE_ENV", "production")
        .env("NODE_PATH", node.dir.join("node_modules"))
        .current_dir(dir);
    if compression == Compression::On {
        command.arg("deflate");
    }
    Running::that_says_where(script, command, dir, cores)
}
