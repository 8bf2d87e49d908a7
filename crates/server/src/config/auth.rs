//! Tokens, and what may be done without one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{ChannelPattern, Permissions, Verifier};
use crate::config::{ConfigError, Settings, secret};
use crate::namespaces::Namespaces;

/// The shortest secret, in bytes: as long as what HMAC-SHA-256 makes of it.
pub(super) const LEAST_SECRET_BYTES: usize = 32;

/// Tokens, and what may be done without one.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// How tokens are checked.
    pub key: TokenKey,
    /// How far clocks may differ. `NEXUS_JWT_LEEWAY_SECS`.
    pub leeway: Duration,
    /// The longest life of a token; any if absent. `NEXUS_JWT_MAX_AGE_SECS`.
    pub max_age: Option<Duration>,
    /// Channels that may be read without a token. `NEXUS_ANONYMOUS`.
    pub anonymous: Vec<ChannelPattern>,
}

/// How tokens are checked. The configuration says it, never the token.
#[derive(Clone)]
pub enum TokenKey {
    /// HS256 with this secret. `NEXUS_JWT_SECRET`.
    Secret(Vec<u8>),
    /// HS256 with the secret that is kept in the data directory, and made on the first start.
    KeptSecret,
    /// EdDSA with the public key in this file. `NEXUS_JWT_PUBLIC_KEY`.
    PublicKey(PathBuf),
}

impl AuthConfig {
    pub(super) fn from_settings(settings: &mut Settings) -> Result<Self, ConfigError> {
        let patterns = settings.list("anonymous");
        let anonymous = patterns
            .iter()
            .map(|pattern| ChannelPattern::parse(pattern))
            .collect::<Result<_, _>>();
        Ok(AuthConfig {
            key: TokenKey::from_settings(settings)?,
            leeway: settings.seconds("jwt_leeway_secs")?,
            max_age: max_age(settings)?,
            anonymous: anonymous.map_err(|error| settings.wrong("anonymous", error))?,
        })
    }

    /// The rules.
    pub fn permissions(&self, namespaces: &Arc<Namespaces>) -> Permissions {
        Permissions::new(self.anonymous.clone(), Arc::clone(namespaces))
    }

    /// What checks tokens. Reads the secret or the key, and makes the secret on the first start.
    ///
    /// # Errors
    /// If it cannot be read, made or used.
    pub fn verifier(&self, data_dir: &Path) -> Result<Verifier, ConfigError> {
        let verifier = match &self.key {
            TokenKey::Secret(secret) => Ok(Verifier::hs256(secret, self.leeway)),
            TokenKey::KeptSecret => {
                let secret = secret::read_or_make(data_dir)?;
                Ok(Verifier::hs256(&secret, self.leeway))
            }
            TokenKey::PublicKey(path) => {
                let shown = path.display();
                let pem = std::fs::read(path).map_err(|error| {
                    ConfigError::new(format!("the public key {shown} cannot be read: {error}"))
                })?;
                Verifier::eddsa(&pem, self.leeway)
                    .map_err(|_| ConfigError::new(format!("{shown} is no Ed25519 public key in PEM form")))
            }
        }?;
        Ok(verifier.with_max_age(self.max_age))
    }
}

fn max_age(settings: &mut Settings) -> Result<Option<Duration>, ConfigError> {
    if settings.optional_text("jwt_max_age_secs").is_none() {
        return Ok(None);
    }
    let seconds = settings.number("jwt_max_age_secs", 1u32)?;
    Ok(Some(Duration::from_secs(seconds.into())))
}

impl TokenKey {
    fn from_settings(settings: &mut Settings) -> Result<Self, ConfigError> {
        let secret = settings.optional_text("jwt_secret");
        let public_key = settings.optional_text("jwt_public_key");
        match (settings.text("jwt_algorithm").trim(), secret, public_key) {
            ("HS256", _, Some(_)) => Err(settings.wrong("jwt_public_key", "only means something with `jwt_algorithm` EdDSA")),
            ("HS256", Some(secret), None) if secret.len() < LEAST_SECRET_BYTES => Err(settings.wrong(
                "jwt_secret",
                format!("must have at least {LEAST_SECRET_BYTES} bytes, and has {}; `openssl rand -base64 32` makes one", secret.len()),
            )),
            ("HS256", Some(secret), None) => Ok(TokenKey::Secret(secret.into_bytes())),
            ("HS256", None, None) => Ok(TokenKey::KeptSecret),
            ("EdDSA", Some(_), _) => Err(settings.wrong("jwt_secret", "means nothing with `jwt_algorithm` EdDSA; leave it out")),
            ("EdDSA", None, Some(path)) => Ok(TokenKey::PublicKey(path.into())),
            ("EdDSA", None, None) => {
                Err(settings.wrong("jwt_algorithm", "with EdDSA, `jwt_public_key` must name the PEM file of the public key"))
            }
            _ => Err(settings.wrong("jwt_algorithm", "must be `HS256` or `EdDSA`")),
        }
    }
}

/// A secret must not reach a log.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenKey::Secret(_) => f.write_str("Secret(..)"),
            TokenKey::KeptSecret => f.write_str("KeptSecret"),
            TokenKey::PublicKey(path) => f.debug_tuple("PublicKey").field(path).finish(),
        }
    }
}
