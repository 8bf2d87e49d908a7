//! `auth`: signs in, or refreshes a token before it ends, without a reconnect.

use nexus_protocol::{Auth, Authenticated, ErrorCode, Refusal, Reply, Timestamp};

use crate::auth::{Identity, TokenError, Verifier, Who};

/// Checks a token. Another user's token is refused on a connection that is signed in.
///
/// # Errors
/// If the token is wrong or has expired, or names somebody else.
pub fn sign_in(verifier: &Verifier, now: Timestamp, who: &Who, auth: &Auth) -> Result<Identity, Refusal> {
    let identity = verifier.verify(&auth.token, now).map_err(refusal)?;
    match who.user() {
        Some(user) if *user != identity.user => Err(Refusal::new(
            ErrorCode::Forbidden,
            "this connection belongs to another user; open a new one",
        )),
        _ => Ok(identity),
    }
}

/// The answer to a token that was taken.
pub fn authenticated(identity: &Identity) -> Reply {
    Reply::Authenticated(Authenticated {
        user: identity.user.clone(),
        expires_at: identity.expires_at,
        messages_per_minute: identity.messages_per_minute,
    })
}

fn refusal(error: TokenError) -> Refusal {
    match error {
        TokenError::Wrong => Refusal::new(ErrorCode::AuthFailed, "the token is wrong; get another one"),
        TokenError::Expired => {
            Refusal::new(ErrorCode::TokenExpired, "the token has expired; get another one")
        }
    }
}
