//! `nexus-server`: settings, logs, bind, serve, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use nexus_server::config::{Config, ConfigError, Settings};
use nexus_server::{Server, signals};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A real-time gateway: live data in, ordered and remembered channels, WebSockets out.
///
/// Every setting is listed in docs/OPERATING.md. Flags win over NEXUS_* variables, variables over the file.
#[derive(Parser, Debug)]
#[command(version)]
struct Flags {
    /// The file with the settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR:PORT")]
    bind: Option<String>,
    /// What is kept on disk [default: ./nexus-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// The dashboard's files.
    #[arg(long, value_name = "DIR")]
    web_dir: Option<String>,
    /// Any setting, by its name; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let config = match read_config(Flags::parse()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("nexus-server: {error}");
            return ExitCode::from(2);
        }
    };
    config.log.start();
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nexus-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = signals::Signals::listen().context("cannot listen for signals")?;
    let bind = config.bind;
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("cannot listen on {bind}"))?;
    let server = Server::new(config, listener)?;
    say_where(server.address()?);
    let (asked_to_stop, stop) = tokio::sync::oneshot::channel();
    let running = server.run(async {
        let _ = stop.await;
    });
    tokio::pin!(running);
    tokio::select! {
        () = &mut running => return Ok(()),
        () = signals.next() => {
            let _ = asked_to_stop.send(());
        }
    }
    tokio::select! {
        () = running => Ok(()),
        () = signals.next() => anyhow::bail!("told to stop twice: ended at once"),
    }
}

/// The first line of standard output, and the only one: programs that start us read it.
#[expect(clippy::print_stdout, reason = "the contract with whoever starts us")]
fn say_where(address: SocketAddr) {
    println!("listening on http://{address}");
}

fn read_config(flags: Flags) -> Result<Config, ConfigError> {
    let file = flags.config.map(Settings::read).transpose()?;
    let file = file.as_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    let named = [
        ("bind", flags.bind),
        ("data_dir", flags.data_dir),
        ("web_dir", flags.web_dir),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let settings = Settings::layered(file, Settings::environment()?, flags.set.into_iter().chain(named))?;
    Config::from_settings(settings)
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
