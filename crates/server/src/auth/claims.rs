//! JSON Web Tokens: who signed in, as what, and until when. The algorithm comes from the configuration, never from the
//! token. A token is never logged, and neither is a reason that quotes one.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus_protocol::{Timestamp, UserId};
use serde::Deserialize;

use crate::auth::ChannelPattern;

/// Longer tokens are refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Someone who signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Only these channels, whatever the role may; all if absent.
    pub channels: Option<Arc<[ChannelPattern]>>,
    /// The user's address at the exchange, where the token binds one.
    pub address: Option<Arc<str>>,
    /// How many messages this user may send in any 60 seconds, where the token says so.
    pub messages_per_minute: Option<u32>,
    /// The token's own name, by which it can be revoked.
    pub token_id: Option<Arc<str>>,
    /// When the token was made.
    pub issued_at: Option<Timestamp>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// What someone is here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks on.
    #[default]
    Viewer,
    /// Looks on, publishes and gives commands.
    Operator,
    /// Reports and takes commands.
    Device,
    /// May all, other users' channels included.
    Admin,
}

/// Why a token was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no token, or not one of ours, or does not say what it must.
    #[error("the token is wrong")]
    Wrong,
    /// It was right and has expired.
    #[error("the token has expired")]
    Expired,
}

/// Checks tokens.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    leeway: Duration,
}

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    channels: Option<Vec<ChannelPattern>>,
    #[serde(default)]
    address: Option<Arc<str>>,
    #[serde(default)]
    messages_per_minute: Option<u32>,
    #[serde(default)]
    jti: Option<Arc<str>>,
}

impl Verifier {
    /// Checks tokens signed with a shared secret.
    pub fn hs256(secret: &[u8], leeway: Duration) -> Self {
        Self::new(DecodingKey::from_secret(secret), Algorithm::HS256, leeway)
    }

    /// Checks tokens signed with the private key that belongs to this public key.
    ///
    /// # Errors
    /// If it is no Ed25519 public key in PEM form.
    pub fn eddsa(public_key_pem: &[u8], leeway: Duration) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = DecodingKey::from_ed_pem(public_key_pem)?;
        Ok(Self::new(key, Algorithm::EdDSA, leeway))
    }

    fn new(key: DecodingKey, algorithm: Algorithm, leeway: Duration) -> Self {
        // The library panics if it has to choose between two itself, which other crates' features could bring about.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(algorithm);
        // Times are compared below, against the time that is given. `aud` has no meaning here.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Verifier {
            key,
            validation,
            leeway,
        }
    }

    /// Who a token names, if it is right and holds at this time.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Wrong);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|_| TokenError::Wrong)?
            .claims;
        let leeway = self.leeway.as_millis() as u64;
        let is_early = |moment: Option<f64>| {
            moment.is_some_and(|seconds| {
                moment_of(seconds).as_millis() > now.as_millis().saturating_add(leeway)
            })
        };
        if is_early(claims.nbf) || is_early(claims.iat) {
            return Err(TokenError::Wrong);
        }
        let expires_at = moment_of(claims.exp);
        if expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(Identity {
            user: claims.sub,
            role: claims.role,
            channels: claims.channels.map(Into::into),
            address: claims.address,
            messages_per_minute: claims.messages_per_minute,
            token_id: claims.jti,
            issued_at: claims.iat.map(moment_of),
            expires_at,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("algorithms", &self.validation.algorithms)
            .finish_non_exhaustive()
    }
}

/// A NumericDate of RFC 7519: seconds, perhaps with a fraction. What cannot be a time becomes the nearest that can.
fn moment_of(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"a secret that is 32 bytes long!!";
    const NOW_SECS: u64 = 1_000_000;

    fn verifier() -> Verifier {
        Verifier::hs256(SECRET, Duration::from_secs(30))
    }

    fn signed(header: &Header, claims: &Value, secret: &[u8]) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn check(claims: Value) -> Result<Identity, TokenError> {
        verifier().verify(
            &signed(&Header::default(), &claims, SECRET),
            Timestamp::from_millis(NOW_SECS * 1000),
        )
    }

    #[test]
    fn a_right_token_names_someone() {
        let identity = check(json!({
            "sub": "ann", "exp": NOW_SECS + 60, "iat": NOW_SECS, "nbf": NOW_SECS, "role": "operator",
            "channels": ["prices", "room:*"], "aud": "anyone",
        }))
        .unwrap();
        assert_eq!(identity.user.as_str(), "ann");
        assert_eq!(identity.role, Role::Operator);
        assert_eq!(
            identity.expires_at,
            Timestamp::from_millis((NOW_SECS + 60) * 1000)
        );
        assert_eq!(identity.channels.unwrap().len(), 2);
    }

    #[test]
    fn without_a_role_one_looks_on_only() {
        assert_eq!(
            check(json!({"sub": "ann", "exp": NOW_SECS + 1})).unwrap().role,
            Role::Viewer
        );
    }

    #[test]
    fn a_wrong_token_is_told_apart_from_an_expired_one() {
        use TokenError::{Expired, Wrong};
        for (claims, expected) in [
            (json!({"sub": "ann", "exp": NOW_SECS - 1}), Expired),
            (json!({"sub": "ann", "exp": NOW_SECS}), Expired),
            (json!({"sub": "ann", "exp": 0}), Expired),
            (json!({"sub": "ann", "exp": -5}), Wrong),
            (json!({"sub": "ann"}), Wrong),
            (json!({"exp": NOW_SECS + 60}), Wrong),
            (json!({"sub": "", "exp": NOW_SECS + 60}), Wrong),
            (json!({"sub": 7, "exp": NOW_SECS + 60}), Wrong),
            (json!({"sub": "ann", "exp": "tomorrow"}), Wrong),
            (json!({"sub": "ann", "exp": NOW_SECS + 60, "role": "god"}), Wrong),
            (
                json!({"sub": "ann", "exp": NOW_SECS + 60, "nbf": NOW_SECS + 31}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "exp": NOW_SECS + 60, "iat": NOW_SECS + 31}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "exp": NOW_SECS + 60, "channels": "all"}),
                Wrong,
            ),
        ] {
            assert_eq!(check(claims.clone()), Err(expected), "{claims}");
        }
    }

    #[test]
    fn clocks_may_differ_a_little() {
        assert!(
            check(json!({"sub": "ann", "exp": NOW_SECS + 60, "nbf": NOW_SECS + 30, "iat": NOW_SECS + 30}))
                .is_ok()
        );
    }

    #[test]
    fn the_algorithm_is_ours_and_not_the_token_s() {
        let claims = json!({"sub": "ann", "exp": NOW_SECS + 60});
        let now = Timestamp::from_millis(NOW_SECS * 1000);
        let right = signed(&Header::default(), &claims, SECRET);
        let (body, signature) = right.rsplit_once('.').unwrap();
        let (_, payload) = body.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT"}
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        for token in [
            signed(&Header::default(), &claims, b"another secret, also 32 bytes ok"),
            signed(&Header::new(Algorithm::HS512), &claims, SECRET),
            none,
            format!("{body}."),
            format!("{right}x"),
            format!("{signature}.{body}"),
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(MAX_TOKEN_BYTES + 1),
        ] {
            assert_eq!(verifier().verify(&token, now), Err(TokenError::Wrong), "{token}");
        }
    }

    #[test]
    fn with_a_public_key_only_its_private_key_signs() {
        const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        let claims = json!({"sub": "ann", "exp": NOW_SECS + 60});
        let now = Timestamp::from_millis(NOW_SECS * 1000);
        let verifier = Verifier::eddsa(PUBLIC.as_bytes(), Duration::ZERO).unwrap();
        let token = encode(
            &Header::new(Algorithm::EdDSA),
            &claims,
            &EncodingKey::from_ed_pem(PRIVATE.as_bytes()).unwrap(),
        )
        .unwrap();
        assert_eq!(verifier.verify(&token, now).unwrap().user.as_str(), "ann");
        // The public key is public: it must not be taken for a shared secret.
        let forged = signed(&Header::default(), &claims, PUBLIC.as_bytes());
        assert_eq!(verifier.verify(&forged, now), Err(TokenError::Wrong));
        assert!(Verifier::eddsa(b"no key", Duration::ZERO).is_err());
    }
}
