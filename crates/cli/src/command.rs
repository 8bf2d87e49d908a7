//! `nexus command`: orders a device to do something, and shows how far it is until its end.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_client::Ask;
use nexus_protocol::{
    Ack, Command, CommandId, CommandStage, DeviceId, ErrorCode, IdempotencyKey, Json, Outcome, Refusal,
    Reply, Timestamp, encode_reply,
};

use crate::ask::{Asker, Unanswered, unfitting};
use crate::connection::{Connection, interrupted};
use crate::failure::Failure;
use crate::paint::Paint;

/// How much longer than the command may wait for its device, its end is waited for here.
const GRACE: Duration = Duration::from_secs(60);
/// Without a time to live of our own, the server's holds, which may be long.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The device said that the command failed, or never said what became of it.
const FAILED: u8 = 3;
/// The device was away until it was too late.
const OFFLINE: u8 = 4;

/// Options of `nexus command`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus command pump-1 set_target '{\"flow_lpm\":55}' --token-file token
  nexus command pump-1 reboot --ttl 30s --yes

How far it is goes to standard error, what the device gave back to standard output.
Exit code: 0 done, 1 refused or not known, 3 the device failed, 4 the device was away.")]
pub(crate) struct Args {
    /// The device, such as `pump-1`
    #[arg(value_parser = |text: &str| DeviceId::parse(text))]
    device: DeviceId,

    /// What to do, such as `reboot`
    name: String,

    /// With what: any JSON value
    #[arg(value_name = "ARGS-JSON", value_parser = parse_args)]
    args: Option<Json>,

    /// How long the command may wait for the device, such as 30s; otherwise as long as the server has it
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    ttl: Option<Duration>,

    /// Do it even if it is dangerous; otherwise you are asked
    #[arg(long)]
    yes: bool,

    /// The same key again is the same command, and not another
    #[arg(long, value_name = "KEY", value_parser = |text: &str| IdempotencyKey::parse(text))]
    key: Option<IdempotencyKey>,

    /// Every answer of the server as JSON, one a line, on standard output
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

/// Orders, and follows the command to its end.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let asker = Asker::connect(&args.connection)?;
    let known = Arc::new(Mutex::new(None));
    let done = tokio::select! {
        done = order(&asker, &args, &known) => done,
        () = interrupted() => Err(given_up(&known)),
    };
    asker.close().await;
    done
}

/// Orders; if the server wants it confirmed, asks whoever sits there, and orders again.
async fn order(asker: &Asker, args: &Args, known: &Arc<Mutex<Option<CommandId>>>) -> Result<(), Failure> {
    let mut answer = follow(asker, args, args.yes, known).await;
    if let Err(Unanswered::Refused(refusal)) = &answer
        && wants_confirmation(refusal)
        && !args.yes
    {
        let (device, name) = (args.device.as_str(), args.name.as_str());
        if !confirmed(&format!("`{name}` is dangerous. Do it to {device}?"))? {
            return Err(Failure::Because("not done".to_owned()));
        }
        answer = follow(asker, args, true, known).await;
    }
    match answer {
        Ok(Reply::CommandResult(result)) => match result.outcome {
            Outcome::Done(back) => {
                note("done");
                if let Some(back) = back.filter(|_| !args.json) {
                    writeln!(std::io::stdout(), "{}", back.as_str())?;
                }
                Ok(())
            }
            Outcome::Failed(why) => Err(Failure::Outcome(FAILED, failed(&args.device, &why))),
        },
        Ok(other) => Err(unfitting(&other)),
        Err(Unanswered::Refused(refusal)) if refusal.code == ErrorCode::CommandFailed => {
            Err(Failure::Outcome(FAILED, failed(&args.device, &refusal.message)))
        }
        Err(Unanswered::Refused(refusal)) if refusal.code == ErrorCode::DeviceOffline => {
            let sentence = format!("{} is away: {}", args.device, refusal.message);
            Err(Failure::Outcome(OFFLINE, sentence))
        }
        Err(unanswered) => Err(unanswered.into()),
    }
}

/// One order and all its answers.
async fn follow(
    asker: &Asker,
    args: &Args,
    confirm: bool,
    known: &Arc<Mutex<Option<CommandId>>>,
) -> Result<Reply, Unanswered> {
    let ttl_ms = args
        .ttl
        .map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let ask = Ask::Command(Command {
        device_id: args.device.clone(),
        name: args.name.clone(),
        args: args.args.clone(),
        ttl_ms,
        // With a key, a link that breaks does not end it: it is asked for again, and goes on.
        idempotency_key: Some(args.key.clone().unwrap_or_else(new_key)),
        confirm,
    });
    let within = args.ttl.map_or(LONGEST, |ttl| ttl.saturating_add(GRACE));
    let json = args.json;
    let mut told = None;
    let known = known.clone();
    let answer = asker.ask_and_watch(ask, within, move |reply| {
        // First of all, so that whoever has seen it and gives up is told where to look.
        match &reply {
            Reply::Ack(Ack {
                command_id: Some(id), ..
            }) => remember(&known, id),
            Reply::CommandStatus(status) => remember(&known, &status.command_id),
            _ => {}
        }
        if json {
            print_json(&reply);
        }
        match reply {
            Reply::Ack(Ack {
                command_id: Some(id), ..
            }) => tell(&mut told, CommandStage::Queued, Some(&id)),
            Reply::CommandStatus(status) => tell(&mut told, status.status, None),
            _ => {}
        }
    });
    let answer = answer.await;
    match &answer {
        Ok(reply) if json => print_json(reply),
        Err(Unanswered::Refused(refusal)) if json => print_json(&Reply::Error(refusal.clone())),
        Ok(_) | Err(_) => {}
    }
    answer
}

/// Says how far the command is; each step once, and its end elsewhere.
fn tell(told: &mut Option<CommandStage>, stage: CommandStage, id: Option<&CommandId>) {
    if stage.is_final() || *told == Some(stage) {
        return;
    }
    *told = Some(stage);
    let name = match stage {
        CommandStage::Queued => "queued",
        CommandStage::Sent => "sent",
        CommandStage::Delivered => "delivered",
        CommandStage::Done => "done",
        CommandStage::Failed => "failed",
        CommandStage::Expired => "expired",
    };
    match id {
        Some(id) => note(&format!("{name} as {id}")),
        None => note(name),
    }
}

fn remember(known: &Mutex<Option<CommandId>>, id: &CommandId) {
    if let Ok(mut known) = known.lock() {
        *known = Some(id.clone());
    }
}

/// Someone pressed Ctrl-C.
fn given_up(known: &Mutex<Option<CommandId>>) -> Failure {
    let id = known.lock().ok().and_then(|known| known.clone());
    Failure::Because(match id {
        Some(id) => format!(
            "the command goes on; see what becomes of it with `nexus history commands --filter command_id={id}`"
        ),
        None => "interrupted; whether the command was ordered is not known".to_owned(),
    })
}

fn wants_confirmation(refusal: &Refusal) -> bool {
    let details = refusal.details.as_ref();
    refusal.code == ErrorCode::InvalidParams
        && details.is_some_and(|details| details["confirm"] == "required")
}

/// Asks a person. Without one, says how it is done without.
fn confirmed(question: &str) -> Result<bool, Failure> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        let question = question.split(". ").next().unwrap_or(question);
        return Err(Failure::Because(format!(
            "{question}, and nobody is here to be asked; say --yes to do it all the same"
        )));
    }
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn failed(device: &DeviceId, why: &str) -> String {
    match why {
        "" => format!("{device} could not do it, and did not say why"),
        why => format!("{device} could not do it: {why}"),
    }
}

fn print_json(reply: &Reply) {
    let now = Timestamp::from(std::time::SystemTime::now());
    // A reader that is gone is noticed at the end.
    let _ = writeln!(std::io::stdout(), "{}", encode_reply(None, reply, now));
}

/// Says something beside the output. Nobody may listen, and that is fine.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", Paint::stderr().dim(text));
}

fn new_key() -> IdempotencyKey {
    let text = format!("nexus-{:016x}", fastrand::u64(..));
    IdempotencyKey::parse(&text).expect("22 letters and digits are a key")
}

fn parse_args(text: &str) -> Result<Json, String> {
    Json::parse(text).map_err(|error| format!("arguments are JSON, such as '{{\"flow_lpm\":55}}': {error}"))
}
