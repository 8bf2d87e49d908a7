//! Tokens, signed by the test with the server's secret.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// What a token says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Who.
    pub sub: String,
    /// As what: `viewer`, `operator`, `device`, `admin`.
    pub role: &'static str,
    /// When it expires, from now; negative for a token that has.
    pub expires_in_secs: i64,
}

impl Claims {
    /// A viewer for an hour.
    pub fn viewer(sub: &str) -> Self {
        Claims {
            sub: sub.to_owned(),
            role: "viewer",
            expires_in_secs: 3_600,
        }
    }

    /// The same for another time.
    #[must_use]
    pub fn expiring_in(mut self, secs: i64) -> Self {
        self.expires_in_secs = secs;
        self
    }

    fn to_json(&self) -> anyhow::Result<Value> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let now = i64::try_from(now.as_secs()).context("the clock is far in the future")?;
        Ok(
            json!({"sub": self.sub, "role": self.role, "iat": now.min(now + self.expires_in_secs), "exp": now + self.expires_in_secs}),
        )
    }
}

/// Signs a token with HS256.
///
/// # Errors
/// If signing fails, which only a broken build brings about.
pub fn sign(claims: &Claims, secret: &str) -> anyhow::Result<String> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims.to_json()?, &key).context("cannot sign a token")
}
