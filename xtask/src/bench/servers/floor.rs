//! The floor: the example of `nexus-cli` that only writes bytes to sockets.

use std::path::Path;
use std::process::Command;

use super::Running;
use crate::bench::cores::Cores;

pub(super) fn start(program: &Path, mode: &str, dir: &Path, cores: &Cores) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    command
        .args(["--listen", "127.0.0.1:0", "--mode", mode])
        .current_dir(dir);
    Running::that_says_where("the floor", command, dir, cores)
}
