//! Which user has which address at the exchange, and whose accounts are followed: the exchange allows ten at a time.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_protocol::{ErrorCode, Refusal, Topic, UserId};

use super::address::Address;
use super::budget::MAX_USERS;

/// Users whose address is remembered.
const MOST_BINDINGS: usize = 10_000;
/// An account ceases to be followed some seconds after its last viewer left.
const ROOM_IN_MS: u64 = 10_000;

/// Who has which address, and whose accounts are followed.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// Protects both.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bindings: HashMap<UserId, Address>,
    /// The topics that are followed, by address.
    followed: HashMap<Address, HashSet<Topic>>,
}

impl Accounts {
    /// Binds a user to the address that their token names.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if it is no address, or somebody follows the user at another one.
    pub(crate) fn bind(&self, user: &UserId, address: &str) -> Result<(), Refusal> {
        let Ok(address) = Address::parse(address) else {
            let message = "the claim `address` of the token is no address: `0x` and 40 hexadecimal digits";
            return Err(Refusal::new(ErrorCode::InvalidParams, message));
        };
        let mut state = self.state();
        if state.bindings.get(user) == Some(&address) {
            return Ok(());
        }
        if state.is_followed(user) {
            let message = "this user is being followed at another address; try again when that has ended";
            return Err(Refusal::new(ErrorCode::InvalidParams, message).retry_after_ms(ROOM_IN_MS));
        }
        if state.bindings.len() >= MOST_BINDINGS {
            // Whoever is not followed says again who they are when they come back.
            let idle = state.bindings.keys().find(|user| !state.is_followed(user));
            if let Some(idle) = idle.cloned() {
                state.bindings.remove(&idle);
            }
        }
        state.bindings.insert(user.clone(), address);
        Ok(())
    }

    /// The address of a user: a user who is called by an address has that one.
    pub(crate) fn address(&self, user: &UserId) -> Option<Address> {
        Address::parse(user.as_str())
            .ok()
            .or_else(|| self.state().bindings.get(user).cloned())
    }

    /// Whether the topic of a user can be followed.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if no address is known, `UPSTREAM_DOWN` if there is no room.
    pub(crate) fn check(&self, user: &UserId) -> Result<(), Refusal> {
        let Some(address) = self.address(user) else {
            let message = "no address is bound to this user; the token needs the claim `address`";
            return Err(Refusal::new(ErrorCode::InvalidParams, message));
        };
        let state = self.state();
        if state.followed.contains_key(&address) || state.followed.len() < MAX_USERS {
            return Ok(());
        }
        let message = format!(
            "the exchange lets one server follow {MAX_USERS} accounts at a time, and so many are being followed; \
             try again when somebody left"
        );
        Err(Refusal::new(ErrorCode::UpstreamDown, message).retry_after_ms(ROOM_IN_MS))
    }

    /// Somebody listens to a topic from now on.
    pub(crate) fn hold(&self, topic: &Topic) {
        if let Some(address) = user_of(topic).and_then(|user| self.address(user)) {
            self.state()
                .followed
                .entry(address)
                .or_default()
                .insert(topic.clone());
        }
    }

    /// A topic is followed no more.
    pub(crate) fn release(&self, topic: &Topic) {
        self.state().followed.retain(|_, topics| {
            topics.remove(topic);
            !topics.is_empty()
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_followed(&self, user: &UserId) -> bool {
        let mut topics = self.followed.values().flatten();
        topics.any(|topic| user_of(topic) == Some(user))
    }
}

/// Whose topic it is, if it is of an account.
pub(crate) fn user_of(topic: &Topic) -> Option<&UserId> {
    match topic {
        Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user) => Some(user),
        Topic::Prices(_)
        | Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::Candles(..)
        | Topic::Telemetry
        | Topic::Commands
        | Topic::Tasks
        | Topic::Ai
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn address(number: usize) -> String {
        format!("0x{number:040x}")
    }

    #[test]
    fn a_user_has_the_bound_address_or_is_one() {
        let accounts = Accounts::default();
        assert_eq!(
            accounts.check(&user("ann")).unwrap_err().code,
            ErrorCode::InvalidParams
        );
        assert_eq!(
            accounts.bind(&user("ann"), "0x12").unwrap_err().code,
            ErrorCode::InvalidParams
        );
        accounts
            .bind(&user("ann"), &address(0xA1).to_uppercase().replace("0X", "0x"))
            .unwrap();
        assert_eq!(accounts.address(&user("ann")).unwrap().as_str(), address(0xA1));
        assert_eq!(accounts.address(&user(&address(7))).unwrap().as_str(), address(7));
        // Nobody can be bound away from the address that they are called by.
        accounts.bind(&user(&address(7)), &address(8)).unwrap();
        assert_eq!(accounts.address(&user(&address(7))).unwrap().as_str(), address(7));
    }

    #[test]
    fn a_binding_changes_only_while_nobody_follows_it() {
        let accounts = Accounts::default();
        let topic = Topic::UserFills(user("ann"));
        accounts.bind(&user("ann"), &address(1)).unwrap();
        accounts.hold(&topic);
        assert!(accounts.bind(&user("ann"), &address(1)).is_ok());
        assert!(accounts.bind(&user("ann"), &address(2)).is_err());
        accounts.release(&topic);
        assert!(accounts.bind(&user("ann"), &address(2)).is_ok());
    }

    #[test]
    fn the_eleventh_account_waits_for_room_and_is_told_why() {
        let accounts = Accounts::default();
        for number in 0..MAX_USERS {
            accounts.hold(&Topic::UserFills(user(&address(number))));
        }
        // Another channel, and another name, of an account that is followed.
        accounts.bind(&user("ann"), &address(3)).unwrap();
        accounts.check(&user("ann")).unwrap();
        let refused = accounts.check(&user(&address(99))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::UpstreamDown);
        assert!(refused.message.contains("10 accounts") && refused.retry_after_ms.is_some());
        accounts.release(&Topic::UserFills(user(&address(0))));
        accounts.check(&user(&address(99))).unwrap();
    }

    #[test]
    fn bindings_are_bounded_and_those_in_use_stay() {
        let accounts = Accounts::default();
        accounts.bind(&user("ann"), &address(1)).unwrap();
        accounts.hold(&Topic::UserFills(user("ann")));
        for number in 0..MOST_BINDINGS + 10 {
            accounts
                .bind(&user(&format!("u{number}")), &address(number))
                .unwrap();
        }
        assert!(accounts.state().bindings.len() <= MOST_BINDINGS);
        assert!(accounts.address(&user("ann")).is_some());
    }
}
