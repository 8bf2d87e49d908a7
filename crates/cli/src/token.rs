//! `nexus token`: signs what the server checks.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::ValueEnum;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_protocol::{ChannelName, Topic, UserId};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::secret::Secret;

/// Options of `nexus token`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus token --sub ann --role operator
  nexus token --sub pump-1 --role device --ttl 30days
  nexus token --sub gateway-7 --role device --claims '{\"devices\":[\"pump-*\"]}'
  nexus token --sub ann --channel room:board            (one subscription, for a viewer who may not otherwise)
  nexus token --anonymous --channel room:stage          (the same for people without a token)")]
pub(crate) struct Args {
    /// Whom the token names; of a device, its id
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "anonymous",
        value_parser = |text: &str| UserId::parse(text)
    )]
    sub: Option<UserId>,

    /// As what: a viewer looks on, an operator publishes and commands, a device reports, an admin may all
    #[arg(long, value_enum, default_value = "viewer")]
    role: Role,

    /// For one subscription only, of this channel; it goes into `subscribe` and not into `auth`
    #[arg(long, value_name = "CHANNEL", conflicts_with = "role", value_parser = |text: &str| ChannelName::parse(text))]
    channel: Option<ChannelName>,

    /// The params of that channel, as a JSON object
    #[arg(long, value_name = "JSON", requires = "channel", value_parser = parse_claims)]
    params: Option<Map<String, Value>>,

    /// That subscription is for whoever has the token
    #[arg(long, requires = "channel", conflicts_with = "sub")]
    anonymous: bool,

    /// How long the token holds
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = humantime::parse_duration)]
    ttl: Duration,

    /// Further claims as a JSON object, such as '{"channels":["prices","room:*"]}'; they go over the options
    #[arg(long, value_name = "JSON", value_parser = parse_claims)]
    claims: Option<Map<String, Value>>,

    /// The server's data directory; its secret is made if there is none yet
    #[arg(
        long,
        value_name = "DIR",
        env = "NEXUS_DATA_DIR",
        default_value = "nexus-data"
    )]
    data_dir: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Viewer,
    Operator,
    Device,
    Admin,
}

/// Signs a token and prints it alone.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let secret = Secret::from_environment(&args.data_dir)?;
    let role = match args.role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Device => "device",
        Role::Admin => "admin",
    };
    let mut claims = match (&args.channel, &args.sub) {
        (None, Some(sub)) => claims(sub, role, args.ttl)?,
        (Some(channel), sub) => grant(channel, args.params, sub.as_ref(), args.ttl)?,
        (None, None) => return Err(Failure::Nonsense("--sub says whom the token names".to_owned())),
    };
    claims.extend(args.claims.unwrap_or_default());
    let token = sign(&secret, &claims)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

/// What a token of a connection says at least.
pub(crate) fn claims(sub: &UserId, role: &str, ttl: Duration) -> anyhow::Result<Map<String, Value>> {
    let mut claims = times(ttl)?;
    claims.insert("sub".to_owned(), sub.as_str().into());
    claims.insert("role".to_owned(), role.into());
    Ok(claims)
}

/// What a token of one subscription says; without a user it is anyone's.
fn grant(
    channel: &ChannelName,
    params: Option<Map<String, Value>>,
    sub: Option<&UserId>,
    ttl: Duration,
) -> Result<Map<String, Value>, Failure> {
    let params = params.unwrap_or_default();
    let given = serde_json::from_value(Value::Object(params.clone()));
    let topic = given
        .map_err(|error| error.to_string())
        .and_then(|given| Topic::parse(channel, given).map_err(|error| error.to_string()));
    topic.map_err(Failure::Nonsense)?;
    let mut claims = times(ttl)?;
    claims.insert("channel".to_owned(), channel.as_str().into());
    if !params.is_empty() {
        claims.insert("params".to_owned(), params.into());
    }
    match sub {
        Some(sub) => claims.insert("sub".to_owned(), sub.as_str().into()),
        None => claims.insert("anonymous".to_owned(), true.into()),
    };
    Ok(claims)
}

/// From now on, for so long.
fn times(ttl: Duration) -> anyhow::Result<Map<String, Value>> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock of this machine is before 1970")?;
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), now.as_secs().into());
    claims.insert("exp".to_owned(), now.saturating_add(ttl).as_secs().into());
    Ok(claims)
}

/// The token that says this.
pub(crate) fn sign(secret: &Secret, claims: &Map<String, Value>) -> anyhow::Result<String> {
    let header = Header::new(Algorithm::HS256);
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).context("the token cannot be signed")
}

fn parse_claims(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("claims are a JSON object: {error}"))
}
