//! Who we are: the token, its refresh, and what the server says to it.

use std::time::Duration;

use nexus_protocol::{Authenticated, ErrorCode, Refusal, Reply};

use crate::link::{Phase, TokenEnds};
use crate::session::{MOST_ANNOUNCED_DELAY, Session, State, close};
use crate::{Event, Stop, TokenNeed, Trouble};

/// A token is asked for so long before it ends; a fifth of its life, if that is less.
const TOKEN_LEAD: Duration = Duration::from_secs(60);

impl Session {
    pub(super) fn set_token(&mut self, token: String) {
        self.token = Some(token);
        self.token_generation += 1;
        if let State::Stopped(Stop::NeedsToken(_) | Stop::NeedsPerson { .. }) = self.state {
            self.connect();
        }
        // An open link signs in with it when `proceed` gets to it.
    }

    pub(super) fn sign_out(&mut self) {
        if self.token.take().is_none() && !matches!(self.state, State::Stopped(_)) {
            return;
        }
        self.token_generation += 1;
        match &self.state {
            // A link that signed in stays signed in.
            State::Up(_) => {
                let (code, reason) = close::NORMAL;
                self.close_link(code, reason);
                self.drop_link();
                self.away = None;
                self.connect();
            }
            State::Stopped(_) => self.connect(),
            State::Connecting { .. } | State::Waiting { .. } => {}
        }
    }

    /// Whether there is a token that the link has not been told.
    pub(super) fn has_newer_token(&self) -> bool {
        match &self.state {
            State::Up(link) => self.token.is_some() && link.token != Some(self.token_generation),
            State::Connecting { .. } | State::Waiting { .. } | State::Stopped(_) => false,
        }
    }

    pub(super) fn receive_sign_in(&mut self, token: u64, reply: Reply) {
        match reply {
            Reply::Authenticated(authenticated) => self.signed_in(token, authenticated),
            Reply::Error(refusal) => self.sign_in_refused(token, refusal),
            // The deadline of the greeting ends it, if nothing better comes.
            _ => self.receive_nonsense(),
        }
    }

    fn signed_in(&mut self, token: u64, authenticated: Authenticated) {
        let now = self.now;
        let left = self
            .server_now(now)
            .map(|server_now| authenticated.expires_at.since(server_now));
        let Some(link) = self.link_mut() else {
            return;
        };
        if let Phase::Greeting { signed_in, .. } = &mut link.phase {
            *signed_in = true;
        }
        link.token_ends = left.map(|left| {
            let at = now + left;
            let tell_at = at.saturating_sub(TOKEN_LEAD.min(left / 5));
            TokenEnds { at, tell_at }
        });
        link.budget.sign_in(authenticated.messages_per_minute);
        self.topics.token_changed(token);
        self.rooms.token_changed(token);
        self.tell(Event::SignedIn {
            user: authenticated.user,
            expires_at: authenticated.expires_at,
        });
    }

    fn sign_in_refused(&mut self, token: u64, refusal: Refusal) {
        if token != self.token_generation {
            // A newer token waits to be sent, or the wish to be anonymous has closed this link.
            return;
        }
        if refusal.code.is_transient() {
            let not_before = refusal
                .retry_after_ms
                .map(|millis| self.now + Duration::from_millis(millis).min(MOST_ANNOUNCED_DELAY));
            let (code, reason) = close::NORMAL;
            self.close_link(code, reason);
            return self.lose(Trouble::SignInRefused(refusal), not_before);
        }
        let message = refusal.message.clone();
        let need = match refusal.code {
            ErrorCode::TokenExpired => TokenNeed::Expired,
            _ => TokenNeed::Refused(refusal),
        };
        self.tell(Event::TokenNeeded(need));
        // A refresh that was refused leaves the link as it is, for as long as the old token lasts.
        let greeting = self.link_mut().is_some_and(|link| !link.is_ready());
        if greeting {
            let (code, reason) = close::NORMAL;
            self.close_link(code, reason);
            self.drop_link();
            self.stop(Stop::NeedsToken(message));
        }
    }
}
