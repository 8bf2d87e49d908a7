//! mosquitto with a listener for WebSockets.

use std::net::SocketAddr;
use std::path::Path;

use super::{Running, free_address};
use crate::bench::cores::Cores;
use crate::process;
use crate::tools::peers::Program;

pub(super) fn start(program: &Program, dir: &Path, cores: &Cores) -> anyhow::Result<Running> {
    let address = free_address()?;
    let file = dir.join("mosquitto.conf");
    std::fs::write(&file, config(address, dir))?;
    let mut command = program.command();
    command.arg("-c").arg(&file).current_dir(dir);
    Running::told_where("mosquitto", command, dir, cores, address, 1)
}

/// The second listener is because 2.0 thinks that it listens nowhere when there are only WebSockets.
fn config(address: SocketAddr, dir: &Path) -> String {
    format!(
        "listener {} {}\nprotocol websockets\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type error\n\
         connection_messages false\nmax_queued_messages 0\nmax_queued_bytes 0\nmax_connections -1\nset_tcp_nodelay true\n\
         user root\nlistener 0 {}/unix\n",
        address.port(),
        address.ip(),
        dir.display()
    )
}

/// It names its version only in its help, which it ends with an exit code of its own.
pub(super) fn version(program: &Program) -> String {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$0\" -h | head -n 1"]).arg(&program.path);
    let answer = process::answer(&mut program.prepare(shell)).unwrap_or_default();
    let version = answer
        .split_whitespace()
        .find(|word| word.starts_with(|char: char| char.is_ascii_digit()));
    version.unwrap_or("of unknown version").to_owned()
}
