//! `nexus simulate`: devices, work and people that are not real, for demos and for trying things out. Each is a client
//! like any other, on a connection and with a token of its own; whatever can say so says that it is simulated.

mod ai;
mod device;
mod events;
mod machine;
mod operator;
mod participant;
mod room;
mod signal;
mod tasks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nexus_client::ServerUrl;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::interrupted;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::simulate::operator::Wanted;
use crate::simulate::participant::{Stage, say};

/// Devices come one after the other, as they do.
const BETWEEN_DEVICES: Duration = Duration::from_millis(60);
/// Saying goodbye takes no longer than this.
const GOODBYE: Duration = Duration::from_secs(5);

/// Options of `nexus simulate`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus simulate                            five devices, tasks, text streams, events and a chat in room:lobby
  nexus simulate --devices 20 --interval 1s
  nexus simulate --tasks --ai --server http://127.0.0.1:9000 --data-dir /var/lib/nexus

It signs the tokens that it needs, so it needs the server's secret: run it beside the server, or name the secret.
Devices obey set_target, blink, reboot and calibrate: try `nexus command pump-1 blink`.")]
pub(crate) struct Args {
    /// So many devices that measure and obey, each on a connection of its own: pump-1, greenhouse-2, …
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    devices: Option<u32>,

    /// How often a device reports
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_interval)]
    interval: Duration,

    /// Tasks that make progress; some fail
    #[arg(long)]
    tasks: bool,

    /// Texts that are typed word by word
    #[arg(long)]
    ai: bool,

    /// Events
    #[arg(long)]
    events: bool,

    /// Two bots that chat in this room, as in `--room lobby`
    #[arg(long, value_name = "NAME")]
    room: Option<String>,

    /// The same number makes the same devices, tasks and talks
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The server: http://host:port, or ws(s)://…
    #[arg(
        long,
        value_name = "URL",
        env = "NEXUS_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_parser = |text: &str| ServerUrl::parse(text)
    )]
    server: ServerUrl,

    /// The server's secret is in this file
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// The server's data directory; its secret is made if there is none yet
    #[arg(
        long,
        value_name = "DIR",
        env = "NEXUS_DATA_DIR",
        default_value = "nexus-data"
    )]
    data_dir: PathBuf,
}

/// What is simulated.
struct Cast {
    devices: u32,
    wanted: Wanted,
    room: Option<String>,
}

/// Simulates until someone ends it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let cast = args.cast();
    if let Some(room) = &cast.room {
        room::topic_of(room)?;
    }
    let secret = match &args.secret_file {
        Some(file) => Secret::read(file)?,
        None => Secret::from_environment(&args.data_dir)?,
    };
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = format!("{:x}", since_1970.unwrap_or_default().as_secs());
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let stage = Arc::new(Stage::new(args.server.clone(), secret, seed, run));
    say(&format!("simulating on {}; Ctrl-C ends it", args.server));

    // Dropped with this function, it ends all that still run.
    let mut players = JoinSet::new();
    let played = tokio::select! {
        played = play(&stage, &cast, args.interval, &mut players) => played,
        () = interrupted() => Ok(()),
    };
    // What does not close in time is cut.
    let _ = timeout(GOODBYE, stage.close_all()).await;
    played?;
    say("ended");
    Ok(())
}

/// Starts everyone, and goes on until one cannot.
async fn play(
    stage: &Arc<Stage>,
    cast: &Cast,
    interval: Duration,
    players: &mut JoinSet<Result<(), Failure>>,
) -> Result<(), Failure> {
    let Wanted { tasks, ai, events } = cast.wanted;
    if tasks || ai || events {
        for (is_wanted, name) in [(tasks, "tasks"), (ai, "text streams, on ai"), (events, "events")] {
            if is_wanted {
                say(name);
            }
        }
        let (stage, wanted) = (stage.clone(), cast.wanted);
        players.spawn(async move { operator::run(&stage, wanted).await });
    }
    if let Some(room) = cast.room.clone() {
        say(&format!("bots in room:{room}"));
        let stage = stage.clone();
        players.spawn(async move { room::run(&stage, &room).await });
    }
    for number in 1..=cast.devices as usize {
        let id = machine::Machine::new(number, stage.seed_of(number)).id;
        say(&format!("device {id}"));
        let stage = stage.clone();
        players.spawn(async move { device::run(&stage, number, interval).await });
        sleep(BETWEEN_DEVICES).await;
    }
    match players.join_next().await {
        Some(Ok(played)) => played,
        // Nobody was wanted.
        None => Ok(()),
        Some(Err(_)) => Err(Failure::Because("a part of the simulation broke off".to_owned())),
    }
}

impl Args {
    /// What was asked for; everything, if nothing was.
    fn cast(&self) -> Cast {
        let everything =
            self.devices.is_none() && !self.tasks && !self.ai && !self.events && self.room.is_none();
        Cast {
            devices: self.devices.unwrap_or(if everything { 5 } else { 0 }),
            wanted: Wanted {
                tasks: self.tasks || everything,
                ai: self.ai || everything,
                events: self.events || everything,
            },
            room: match everything {
                true => Some("lobby".to_owned()),
                false => self.room.clone(),
            },
        }
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match interval >= Duration::from_millis(100) {
        true => Ok(interval),
        false => Err("a device reports at most every 100ms".to_owned()),
    }
}
