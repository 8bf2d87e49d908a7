//! nginx with the module nchan.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Compression, Running, free_address};
use crate::bench::cores::Cores;
use crate::process;
use crate::tools::peers::Program;

pub(super) fn start(
    program: &Program,
    module: &Path,
    dir: &Path,
    cores: &Cores,
    compression: Compression,
) -> anyhow::Result<Running> {
    let address = free_address()?;
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config(module, dir, address, compression))?;
    let mut command = program.command();
    command
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(dir)
        .args(["-e", "stderr"])
        .current_dir(dir);
    // The work is done by the one worker, not by its master.
    Running::told_where("nginx", command, dir, cores, address, 2)
}

fn config(module: &Path, dir: &Path, address: SocketAddr, compression: Compression) -> String {
    let deflate = match compression {
        Compression::On => "nchan_deflate_message_for_websocket on;",
        Compression::Off => "",
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("  {what}_temp_path {}/{what};\n", dir.display()))
        .concat();
    format!(
        "load_module {module};
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log stderr crit;
events {{
  worker_connections 19000;
  multi_accept on;
}}
http {{
{temporary}  access_log off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_buffer_size 1m;
  client_max_body_size 16m;
  nchan_shared_memory_size 1024m;
  server {{
    listen {address} backlog=4096;
    location ~ ^/sub/(.+)$ {{
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }}
    location ~ ^/pub/(.+)$ {{
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_message_buffer_length 64;
      nchan_message_timeout 10s;
      {deflate}
    }}
  }}
}}
",
        module = module.display(),
        dir = dir.display(),
    )
}

/// nginx's own version, and nchan's as far as the file tells it.
pub(super) fn version(program: &Program, module: &Path) -> String {
    // It answers on standard error.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" -v 2>&1"]).arg(&program.path);
    let answer = process::answer(&mut program.prepare(shell)).unwrap_or_default();
    let nginx = answer.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let nchan = std::fs::read(module).ok().and_then(|bytes| nchan_version(&bytes));
    match nchan {
        Some(nchan) => format!("{nginx}, nchan {nchan}"),
        None => nginx,
    }
}

/// nchan has its version as a text of its own, like `1.3.6`.
fn nchan_version(module: &[u8]) -> Option<String> {
    let texts = module.split(|byte| *byte == 0);
    let is_version = |text: &&[u8]| {
        let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
        let are_numbers = parts
            .iter()
            .all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
        parts.len() == 3 && are_numbers && text.len() < 12
    };
    let text = texts.filter(|text| text.len() > 4).find(is_version)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_nchan_is_found_in_its_module() {
        assert_eq!(
            nchan_version(b"\0text\x001.2\x001.3.6\0more\0").as_deref(),
            Some("1.3.6")
        );
        assert_eq!(nchan_version(b"1.x.3\0..\x001.2.3.4"), None);
    }
}
