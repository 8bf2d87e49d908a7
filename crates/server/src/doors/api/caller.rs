//! Who asks: the token of the `Authorization` header, and how often they asked.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nexus_protocol::{Auth, ErrorCode, Refusal};
use tokio::time::Instant;

use super::problem::Problem;
use super::rates;
use crate::auth::Who;
use crate::clock::wall_clock;
use crate::commands::Cx;
use crate::commands::auth::sign_in;
use crate::connection::is_the_client_s_doing;
use crate::doors::addresses::client_address;
use crate::doors::native::{self, Peer};
use crate::gateway::Gateway;
use crate::outbox::Outbox;

/// Someone who asks over HTTP, and has not asked too often.
#[derive(Debug)]
pub(super) struct Caller {
    /// What commands need.
    pub(super) cx: Cx,
    counted_as: Option<rates::Caller>,
}

impl FromRequestParts<Arc<Gateway>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let who = match native::bearer(&parts.headers) {
            None => Who::Anonymous,
            Some(token) => {
                let auth = Auth { token };
                let verifier = &gateway.verifier;
                Who::SignedIn(sign_in(verifier, wall_clock(), &Who::Anonymous, &auth)?)
            }
        };
        let peer = parts.extensions.get::<Peer>().copied();
        let address = peer.map(|Peer(peer)| client_address(peer, &parts.headers, &gateway.trusted_proxies));
        let counted_as = match (who.user(), address) {
            (Some(user), _) => Some(rates::Caller::User(user.clone())),
            (None, Some(address)) => Some(rates::Caller::Address(address)),
            (None, None) => None,
        };
        let caller = Caller {
            cx: Cx {
                gateway: Arc::clone(gateway),
                who: Arc::new(who),
                outbox: Arc::new(Outbox::new(0)),
                client: None,
            },
            counted_as,
        };
        caller.count()?;
        Ok(caller)
    }
}

impl Caller {
    /// Counts a message, as a connection does.
    pub(super) fn count(&self) -> Result<(), Refusal> {
        let gateway = &self.cx.gateway;
        let limit = match &*self.cx.who {
            Who::SignedIn(identity) => identity.messages_per_minute,
            Who::Anonymous => None,
        };
        let limit = limit.unwrap_or(gateway.limits.messages_per_minute);
        let Some(caller) = &self.counted_as else {
            return Ok(());
        };
        gateway
            .callers
            .admit(caller, limit, Instant::now())
            .map_err(|too_often| {
                let wait = u64::try_from(too_often.retry_after.as_millis()).unwrap_or(u64::MAX);
                Refusal::new(
                    ErrorCode::RateLimited,
                    format!("more than {limit} messages in a minute; wait and ask again"),
                )
                .retry_after_ms(wait.saturating_add(1))
            })
    }

    /// A refusal as an answer. Whoever earns too many is told to wait instead.
    pub(super) fn problem(&self, refusal: Refusal) -> Problem {
        let gateway = &self.cx.gateway;
        gateway.metrics.count_refusal(refusal.code);
        let limit = gateway.limits.errors_per_minute;
        let Some(caller) = self
            .counted_as
            .as_ref()
            .filter(|_| is_the_client_s_doing(&refusal))
        else {
            return refusal.into();
        };
        match gateway.callers.refused(caller, limit, Instant::now()) {
            Ok(()) => refusal.into(),
            Err(too_often) => {
                let wait = u64::try_from(too_often.retry_after.as_millis()).unwrap_or(u64::MAX);
                Refusal::new(
                    ErrorCode::RateLimited,
                    format!(
                        "more than {limit} refusals in a minute, the last one: {}",
                        refusal.message
                    ),
                )
                .retry_after_ms(wait.saturating_add(1))
                .into()
            }
        }
    }
}
