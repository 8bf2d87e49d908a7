//! nats-server with its WebSocket listener.

use std::net::SocketAddr;
use std::path::Path;

use super::{Compression, Running, free_address};
use crate::bench::cores::Cores;
use crate::tools::peers::Program;

pub(super) fn start(
    program: &Program,
    dir: &Path,
    cores: &Cores,
    compression: Compression,
) -> anyhow::Result<Running> {
    let address = free_address()?;
    let file = dir.join("nats.conf");
    std::fs::write(&file, config(address, compression))?;
    let mut command = program.command();
    // One processor is all that it has.
    command
        .arg("--config")
        .arg(&file)
        .env("GOMAXPROCS", "1")
        .current_dir(dir);
    Running::told_where("nats-server", command, dir, cores, address, 1)
}

/// Everything else is as it comes: 64 MB may wait for a client, payloads are at most 1 MB.
fn config(address: SocketAddr, compression: Compression) -> String {
    let compression = compression == Compression::On;
    format!(
        "listen: 127.0.0.1:-1\nlog_file: /dev/null\nmax_connections: 1000000\n\
         websocket {{\n  listen: \"{address}\"\n  no_tls: true\n  compression: {compression}\n}}\n"
    )
}
