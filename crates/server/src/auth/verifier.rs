//! Checks tokens: JSON Web Tokens, signed by a shared secret or a private key. The algorithm comes from the
//! configuration, never from the token. A token is never logged, and neither is a reason that quotes one.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus_protocol::Timestamp;
use serde::de::DeserializeOwned;

use crate::auth::claims::{Claims, GrantClaims, Times, moment_of};
use crate::auth::{Grant, Identity, Revoked};

/// Longer tokens are refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no token, or not one of ours, or does not say what it must, or was revoked.
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
    /// The longest life of a token, from its making to its end; any if absent.
    max_age: Option<Duration>,
    revoked: Revoked,
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
        validation.set_required_spec_claims(&["exp"]);
        Verifier {
            key,
            validation,
            leeway,
            max_age: None,
            revoked: Revoked::default(),
        }
    }

    /// Takes no token that lives longer than this, nor one that does not say when it was made.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age;
        self
    }

    /// Takes none of these.
    #[must_use]
    pub fn with_revoked(mut self, revoked: Revoked) -> Self {
        self.revoked = revoked;
        self
    }

    /// Who a token names, if it is right and holds at this time.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenError> {
        let claims: Claims = self.decode(token)?;
        self.check_times(claims.times, now)?;
        let identity = claims.identity()?;
        if self.has_revoked(&identity) {
            return Err(TokenError::Wrong);
        }
        Ok(identity)
    }

    /// What a token for one subscription allows, if it is right and holds at this time.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify_grant(&self, token: &str, now: Timestamp) -> Result<Grant, TokenError> {
        let claims: GrantClaims = self.decode(token)?;
        self.check_times(claims.times, now)?;
        let grant = claims.grant()?;
        if self.has_revoked_grant(&grant) {
            return Err(TokenError::Wrong);
        }
        Ok(grant)
    }

    /// Whether someone's token was revoked since they signed in.
    pub fn has_revoked(&self, identity: &Identity) -> bool {
        let token_id = identity.token_id.as_deref();
        self.revoked
            .has(Some(&identity.user), token_id, identity.issued_at)
    }

    /// Whether a subscription's own token was revoked since it began.
    pub fn has_revoked_grant(&self, grant: &Grant) -> bool {
        let token_id = grant.token_id.as_deref();
        self.revoked.has(grant.user.as_ref(), token_id, grant.issued_at)
    }

    fn decode<C: DeserializeOwned>(&self, token: &str) -> Result<C, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Wrong);
        }
        jsonwebtoken::decode(token, &self.key, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| TokenError::Wrong)
    }

    fn check_times(&self, times: Times, now: Timestamp) -> Result<(), TokenError> {
        let leeway = self.leeway.as_millis() as u64;
        let is_early = |moment: Option<f64>| {
            moment.is_some_and(|seconds| {
                moment_of(seconds).as_millis() > now.as_millis().saturating_add(leeway)
            })
        };
        if is_early(times.nbf) || is_early(times.iat) {
            return Err(TokenError::Wrong);
        }
        if let Some(most) = self.max_age {
            let life = times.iat.map(|iat| times.exp - iat);
            if life.is_none_or(|life| life.is_nan() || life > most.as_secs_f64()) {
                return Err(TokenError::Wrong);
            }
        }
        if moment_of(times.exp) <= now {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("algorithms", &self.validation.algorithms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use nexus_protocol::UserId;
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::{ChannelPattern, Revoke, Rights, Role, Who};

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
    fn a_token_says_in_place_of_the_role_what_may_be_done() {
        let identity = check(json!({
            "sub": "ann", "exp": NOW_SECS + 60, "subscribe": ["room:*"], "publish": [], "join": ["room:a"],
            "presence": ["*"], "commands": ["reboot"], "devices": ["pump-*"], "address": "0xabc",
            "messages_per_minute": 1_000_000, "jti": "t-1",
        }))
        .unwrap();
        let rights = &identity.rights;
        let count = |list: &Option<Vec<ChannelPattern>>| list.as_ref().map(Vec::len);
        assert_eq!(
            [
                &rights.subscribe,
                &rights.publish,
                &rights.join,
                &rights.presence,
                &rights.commands,
                &rights.devices
            ]
            .map(count),
            [Some(1), Some(0), Some(1), Some(1), Some(1), Some(1)]
        );
        assert_eq!(identity.address.as_deref(), Some("0xabc"));
        assert_eq!(identity.messages_per_minute, Some(1_000_000));
        assert_eq!(identity.token_id.as_deref(), Some("t-1"));
        let plain = check(json!({"sub": "ann", "exp": NOW_SECS + 60})).unwrap();
        assert_eq!(*plain.rights, Rights::default());
    }

    #[test]
    fn a_claim_that_cannot_be_makes_the_token_wrong() {
        for (claim, value) in [
            ("messages_per_minute", json!(0)),
            ("messages_per_minute", json!(1_000_001)),
            ("messages_per_minute", json!(-1)),
            ("messages_per_minute", json!(1.5)),
            ("address", json!("")),
            ("address", json!("a b")),
            ("address", json!(7)),
            ("jti", json!("")),
            ("jti", json!("x".repeat(129))),
            ("jti", json!("a\nb")),
            ("subscribe", json!("room:*")),
            ("subscribe", json!(["a*b"])),
            ("publish", json!({"room": true})),
            ("join", json!([7])),
            ("presence", json!([""])),
            ("commands", json!("reboot")),
            ("devices", json!(["a b"])),
            ("channel", json!("room:a")),
            ("channel", json!(null)),
        ] {
            let mut claims = json!({"sub": "ann", "exp": NOW_SECS + 60});
            claims[claim] = value;
            assert_eq!(check(claims.clone()), Err(TokenError::Wrong), "{claims}");
        }
    }

    fn check_grant(claims: &Value) -> Result<Grant, TokenError> {
        let token = signed(&Header::default(), claims, SECRET);
        verifier().verify_grant(&token, Timestamp::from_millis(NOW_SECS * 1000))
    }

    #[test]
    fn a_token_for_one_subscription_names_its_topic() {
        let grant = check_grant(&json!({
            "sub": "ann", "channel": "orderbook", "params": {"symbol": "BTC"}, "exp": NOW_SECS + 60, "jti": "g",
        }))
        .unwrap();
        assert_eq!(grant.topic.to_string(), r#"orderbook{"depth":10,"symbol":"BTC"}"#);
        assert_eq!(grant.user.as_ref().map(UserId::as_str), Some("ann"));
        let anyone = json!({"anonymous": true, "channel": "room:a", "exp": NOW_SECS + 60});
        let anyone = check_grant(&anyone).unwrap();
        assert_eq!(anyone.user, None);
        let (ann, bob) = (
            Identity::plain("ann", Role::Viewer),
            Identity::plain("bob", Role::Viewer),
        );
        for (who, expected) in [
            (Who::Anonymous, [false, true]),
            (Who::SignedIn(ann), [true, true]),
            (Who::SignedIn(bob), [false, true]),
        ] {
            let allowed = [&grant, &anyone].map(|grant| grant.check(&who, &grant.topic).is_ok());
            assert_eq!(allowed, expected, "{who:?}");
            assert!(anyone.check(&who, &grant.topic).is_err(), "another topic");
        }
    }

    #[test]
    fn a_wrong_token_for_a_subscription_is_told_apart_from_an_expired_one() {
        use TokenError::{Expired, Wrong};
        for (claims, expected) in [
            (json!({"sub": "ann", "exp": NOW_SECS + 60}), Wrong),
            (json!({"channel": "room:a", "exp": NOW_SECS + 60}), Wrong),
            (
                json!({"sub": "ann", "anonymous": true, "channel": "room:a", "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "channel": "room:*", "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "channel": "nothing", "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "channel": "trades", "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "channel": "room:a", "params": {"x": 1}, "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (
                json!({"sub": "ann", "channel": "room:a", "params": 7, "exp": NOW_SECS + 60}),
                Wrong,
            ),
            (json!({"sub": "ann", "channel": "room:a"}), Wrong),
            (
                json!({"sub": "ann", "channel": "room:a", "exp": NOW_SECS}),
                Expired,
            ),
        ] {
            assert_eq!(check_grant(&claims), Err(expected), "{claims}");
        }
    }

    #[test]
    fn a_revoked_token_is_wrong() {
        let now = Timestamp::from_millis(NOW_SECS * 1000);
        let revoked = Revoked::default();
        let verifier = verifier().with_revoked(revoked.clone());
        let of = |claims: Value| signed(&Header::default(), &claims, SECRET);
        let old = of(json!({"sub": "ann", "exp": NOW_SECS + 60, "iat": NOW_SECS - 10}));
        let new = of(json!({"sub": "ann", "exp": NOW_SECS + 60, "iat": NOW_SECS + 10}));
        let named = of(json!({"sub": "bob", "exp": NOW_SECS + 60, "jti": "t"}));
        let grant =
            of(json!({"sub": "ann", "channel": "room:a", "exp": NOW_SECS + 60, "iat": NOW_SECS - 10}));
        assert!(
            [&old, &new, &named]
                .iter()
                .all(|token| verifier.verify(token, now).is_ok())
        );
        assert!(verifier.verify_grant(&grant, now).is_ok());
        let ann = UserId::parse("ann").unwrap();
        revoked.add(&Revoke::User(ann), now, None).unwrap();
        revoked.add(&Revoke::Token("t".into()), now, None).unwrap();
        assert_eq!(verifier.verify(&old, now), Err(TokenError::Wrong));
        assert_eq!(verifier.verify(&named, now), Err(TokenError::Wrong));
        assert_eq!(verifier.verify_grant(&grant, now), Err(TokenError::Wrong));
        assert!(verifier.verify(&new, now).is_ok());
    }

    #[test]
    fn with_a_longest_life_tokens_that_live_longer_are_wrong() {
        let now = Timestamp::from_millis(NOW_SECS * 1000);
        let verifier = verifier().with_max_age(Some(Duration::from_secs(100)));
        for (claims, is_right) in [
            (
                json!({"sub": "ann", "exp": NOW_SECS + 60, "iat": NOW_SECS - 40}),
                true,
            ),
            (
                json!({"sub": "ann", "exp": NOW_SECS + 61, "iat": NOW_SECS - 40}),
                false,
            ),
            (json!({"sub": "ann", "exp": NOW_SECS + 60}), false),
        ] {
            let token = signed(&Header::default(), &claims, SECRET);
            assert_eq!(verifier.verify(&token, now).is_ok(), is_right, "{claims}");
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
