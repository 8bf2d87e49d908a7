//! `cargo xtask demo`: from a checkout to a page whose prices move, and everything ended by Ctrl-C.
//!
//! Reads as it runs: look whether the port is free, build, start the market, start the gateway, sign in, show. Services
//! end in the reverse order of their start, and with us however we end.

pub(crate) mod http;
mod proof;
mod websocket;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::args::{Browser, Demo, Market, Run};
use crate::binaries::{self, Binaries};
use crate::service::Service;
use crate::step::{note, span, step};
use crate::{interrupt, process, tools, web, workspace};

const HYPERLIQUID: &str = "https://api.hyperliquid.xyz";

/// What a visitor may read.
const PUBLIC_CHANNELS: &str = "prices,orderbook,trades,candles";

/// How long a program may take from its start to its first line, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Who the sign-in link signs in as, and the account at the exchange that is theirs.
const SUBJECT: &str = "demo";
const ADDRESS: &str = "0x00000000000000000000000000000000000000d1";
/// Somebody else, for a second browser.
const GUEST: &str = "guest";

/// How many devices report.
const DEVICES: &str = "6";

/// Runs the demo.
pub(crate) fn run(options: &Demo) -> anyhow::Result<()> {
    let started = Instant::now();
    check_port(options.port)?;
    let dist = web::build()?;
    let binaries = binaries::build()?;

    let place = Place::prepare()?;
    let (market, market_url) = match options.market {
        Market::Standin => {
            let (service, url) = step("simulated exchange", || start_standin(&binaries, &place))?;
            (Some(service), url)
        }
        Market::Hyperliquid => (None, HYPERLIQUID.to_owned()),
    };
    let (chain, chain_url) = step("simulated chain", || start_chain(&binaries, &place))?;
    let upstreams = Upstreams {
        market: &market_url,
        chain: &chain_url,
    };
    let (server, url) = step("gateway", || {
        start_server(&binaries, &place, &dist, upstreams, options)
    })?;
    let devices = step("simulated devices, tasks and people", || {
        start_simulation(&binaries, &place, &url)
    })?;
    // In the order of their end, also when we fail: who uses something goes before it.
    let mut services: Vec<Service> = [devices, server, chain].into_iter().chain(market).collect();

    let token = sign_in(&binaries, &place, SUBJECT, "admin")?;
    let guest = sign_in(&binaries, &place, GUEST, "viewer")?;
    match options.run {
        Run::UntilProved => step("proof: the page answers and prices flow", || {
            proof::run(&url, &token)
        })?,
        Run::UntilStopped => {
            welcome(options.market, upstreams, &url, [&token, &guest], &place, started);
            if options.browser == Browser::Open {
                open_page(&format!("{url}/#token={token}"));
            }
            stay(&mut services)?;
        }
    }
    for service in &mut services {
        step(&format!("ending {}", service.name()), || service.end())?;
    }
    Ok(())
}

/// Where the demo keeps its data and its logs.
struct Place {
    dir: PathBuf,
    data: PathBuf,
}

impl Place {
    fn prepare() -> anyhow::Result<Self> {
        let dir = workspace::root().join("target/demo");
        let data = dir.join("data");
        std::fs::create_dir_all(&data)
            .with_context(|| format!("cannot make {}: see its rights", data.display()))?;
        Ok(Self { dir, data })
    }

    fn log(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }
}

/// Fails early, before minutes of building, when somebody else has the port.
fn check_port(port: u16) -> anyhow::Result<()> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_free) => Ok(()),
        Err(error) => bail!(
            "port {port} is not free ({error}): end what listens there, or choose another with `--port N` (0 picks one)"
        ),
    }
}

fn start_standin(binaries: &Binaries, place: &Place) -> anyhow::Result<(Service, String)> {
    let mut command = Command::new(&binaries.standin);
    command
        .args(["exchange", "--listen", "127.0.0.1:0"])
        .current_dir(&place.dir);
    Service::start("nexus-standin", &mut command, &place.log("standin"))?.listening(START_LIMIT)
}

/// Where the gateway's data comes from.
#[derive(Clone, Copy)]
struct Upstreams<'a> {
    market: &'a str,
    chain: &'a str,
}

fn start_chain(binaries: &Binaries, place: &Place) -> anyhow::Result<(Service, String)> {
    let mut command = Command::new(&binaries.standin);
    command
        .args(["chain", "--listen", "127.0.0.1:0"])
        .current_dir(&place.dir);
    Service::start("nexus-standin", &mut command, &place.log("chain"))?.listening(START_LIMIT)
}

/// Devices that report and obey, tasks that progress, texts that type themselves, people who talk. They sign their own
/// tokens with the secret in the server's data directory.
fn start_simulation(binaries: &Binaries, place: &Place, url: &str) -> anyhow::Result<Service> {
    let mut command = Command::new(&binaries.cli);
    command
        .args(["simulate", "--server", url, "--devices", DEVICES])
        .args(["--tasks", "--ai", "--events", "--room", "lobby"])
        .current_dir(&place.dir)
        .env("NEXUS_DATA_DIR", &place.data);
    Service::start("nexus simulate", &mut command, &place.log("simulation"))
}

fn start_server(
    binaries: &Binaries,
    place: &Place,
    dist: &Path,
    upstreams: Upstreams<'_>,
    options: &Demo,
) -> anyhow::Result<(Service, String)> {
    let mut command = Command::new(&binaries.server);
    command.arg("--web-dir").arg(dist).current_dir(&place.dir);
    command.env("NEXUS_BIND", format!("127.0.0.1:{}", options.port));
    command.env("NEXUS_HYPERLIQUID_URL", upstreams.market);
    command
        .env("NEXUS_LINERA_URL", upstreams.chain)
        .env("NEXUS_LINERA_SIMULATED", "true");
    // Whoever sees these prices is told that they are no real ones.
    let simulated = match options.market {
        Market::Standin => "true",
        Market::Hyperliquid => "false",
    };
    command.env("NEXUS_HYPERLIQUID_SIMULATED", simulated);
    command.env("NEXUS_DATA_DIR", &place.data);
    // Whoever opens the page sees the market; everything else needs the link that signs in.
    command.env("NEXUS_ANONYMOUS", PUBLIC_CHANNELS);
    // Somebody who reloads the page eleven times in a minute is no attacker here.
    command.env("NEXUS_EXEMPT_LOOPBACK", "true");
    let (mut service, url) =
        Service::start("nexus-server", &mut command, &place.log("server"))?.listening(START_LIMIT)?;
    let deadline = Instant::now() + START_LIMIT;
    while !matches!(http::get(&url, "/health/ready"), Ok(answer) if answer.status == 200) {
        interrupt::check()?;
        service.check_alive()?;
        if Instant::now() > deadline {
            bail!(
                "nexus-server is up but not ready: see {}",
                place.log("server").display()
            );
        }
        interrupt::pause(POLL);
    }
    Ok((service, url))
}

/// A token, signed with the secret that the server keeps in its data directory.
fn sign_in(binaries: &Binaries, place: &Place, who: &str, role: &str) -> anyhow::Result<String> {
    let claims = format!(r#"{{"address":"{ADDRESS}"}}"#);
    let mut command = Command::new(&binaries.cli);
    command
        .args(["token", "--sub", who, "--role", role, "--claims", &claims])
        .env("NEXUS_DATA_DIR", &place.data);
    let token = process::answer(&mut command)
        .with_context(|| format!("no token: run `{}` by hand and see why", process::shown(&command)))?;
    Ok(token.trim().to_owned())
}

fn welcome(
    market: Market,
    upstreams: Upstreams<'_>,
    url: &str,
    [token, guest]: [&str; 2],
    place: &Place,
    started: Instant,
) {
    let named = match market {
        Market::Standin => "a simulated market",
        Market::Hyperliquid => "the market of Hyperliquid",
    };
    println!(
        "\nNexus runs with {named}, {} after the command.\n",
        span(started.elapsed())
    );
    println!("  signed in as {SUBJECT}   {url}/#token={token}");
    println!("  as somebody else    {url}/rooms#token={guest}   (in another browser, for the room)");
    println!("  as a visitor        {url}/");
    println!("  the exchange        {}", upstreams.market);
    println!("  the chain           {}   (simulated)", upstreams.chain);
    println!("  in a terminal       target/release/nexus sub prices --server {url}");
    println!("  logs                {}\n", place.dir.display());
    println!("Ctrl-C ends it.");
}

/// Opens the page where there is a desktop; elsewhere the printed link must do.
fn open_page(link: &str) {
    let has_desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let opener = if cfg!(target_os = "macos") {
        Some("open")
    } else {
        has_desktop.then_some("xdg-open")
    };
    if let Some(opener) = opener.and_then(tools::on_path)
        && process::answer(Command::new(opener).arg(link)).is_none()
    {
        note("the browser did not open by itself: use the link above");
    }
}

/// Returns when a signal asks us to end; fails when a service dies before.
fn stay(services: &mut [Service]) -> anyhow::Result<()> {
    while !interrupt::asked_to_stop() {
        for service in services.iter_mut() {
            service.check_alive()?;
        }
        interrupt::pause(POLL);
    }
    Ok(())
}
