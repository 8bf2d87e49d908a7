//! By which right a subscription stands: the connection's own, or that of a token for this subscription alone.

use nexus_protocol::{ErrorCode, Refusal, Subscribe};

use crate::auth::{Act, Grant, TokenError, Who};
use crate::clock::wall_clock;
use crate::gateway::Gateway;

/// Whether someone may listen, by the connection's own right or by the subscription's token. What comes back is that
/// token, where it alone allows it: the subscription ends with it.
///
/// # Errors
/// If neither does.
pub fn allow(gateway: &Gateway, who: &Who, subscribe: &Subscribe) -> Result<Option<Grant>, Refusal> {
    let refusal = match gateway.permissions.check(who, Act::Read(&subscribe.topic)) {
        Ok(()) => return Ok(None),
        Err(refusal) => refusal,
    };
    let Some(token) = &subscribe.token else {
        return Err(refusal);
    };
    if refusal.code == ErrorCode::UnknownChannel {
        return Err(refusal);
    }
    let grant = gateway
        .verifier
        .verify_grant(&token.0, wall_clock())
        .map_err(|error| match error {
            TokenError::Wrong => Refusal::new(
                ErrorCode::AuthFailed,
                "the subscription's token is wrong; get another one",
            ),
            TokenError::Expired => Refusal::new(
                ErrorCode::TokenExpired,
                "the subscription's token has expired; get another one",
            ),
        })?;
    grant.check(who, &subscribe.topic)?;
    Ok(Some(grant))
}
