//! `nexus token`: signs what the server checks.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::ValueEnum;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_protocol::UserId;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::secret::Secret;

/// Options of `nexus token`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whom the token names
    #[arg(long, value_name = "NAME", value_parser = |text: &str| UserId::parse(text))]
    sub: UserId,

    /// As what: a viewer looks on, an operator publishes and commands, a device reports, an admin may all
    #[arg(long, value_enum, default_value = "viewer")]
    role: Role,

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
    let mut claims = claims(&args.sub, role, args.ttl)?;
    claims.extend(args.claims.unwrap_or_default());
    let token = sign(&secret, &claims)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

/// What a token of a connection says at least.
pub(crate) fn claims(sub: &UserId, role: &str, ttl: Duration) -> anyhow::Result<Map<String, Value>> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock of this machine is before 1970")?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), sub.as_str().into());
    claims.insert("role".to_owned(), role.into());
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
