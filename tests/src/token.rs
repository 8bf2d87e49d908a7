//! Tokens, signed by the test with the server's secret.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

/// What a token says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Who.
    pub sub: String,
    /// As what: `viewer`, `operator`, `device`, `admin`.
    pub role: &'static str,
    /// When it expires, from now; negative for a token that has.
    pub expires_in_secs: i64,
    /// Further claims.
    pub more: Map<String, Value>,
}

impl Claims {
    /// A viewer for an hour.
    pub fn viewer(sub: &str) -> Self {
        Claims::of(sub, "viewer")
    }

    /// Someone for an hour.
    pub fn of(sub: &str, role: &'static str) -> Self {
        Claims {
            sub: sub.to_owned(),
            role,
            expires_in_secs: 3_600,
            more: Map::new(),
        }
    }

    /// With a claim more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
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
        let mut claims = self.more.clone();
        let expires = now + self.expires_in_secs;
        claims.insert("sub".to_owned(), json!(self.sub));
        claims.insert("role".to_owned(), json!(self.role));
        claims.insert("iat".to_owned(), json!(now.min(expires)));
        claims.insert("exp".to_owned(), json!(expires));
        Ok(Value::Object(claims))
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
