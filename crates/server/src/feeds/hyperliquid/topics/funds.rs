//! What one account is worth: its positions and its balances, always whole. A newer state replaces the one before, so
//! nothing can be missed but time.

use std::time::Duration;

use nexus_protocol::{Account, Balance, Topic, UserId};

use super::{AccountFetch, Effect, Fetch, json};
use crate::content::Content;
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::wire::Source;
use crate::feeds::hyperliquid::wire::account::{WireBalances, WirePerps};

/// Between two publications.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// How long the exchange has to send the first state before it is asked for.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// A state that is older than this is asked for.
const PERPS_OLD_AFTER: Duration = Duration::from_secs(30);
const BALANCES_OLD_AFTER: Duration = Duration::from_secs(120);
/// How long to wait between two attempts to ask.
const FETCH_AGAIN: Duration = Duration::from_secs(5);

/// What one account is worth.
#[derive(Debug)]
pub(crate) struct Funds {
    user: UserId,
    pub(super) address: Address,
    perps: Half<WirePerps>,
    balances: Half<Vec<Balance>>,
    /// When it was last published.
    published: Option<Moment>,
    is_news: bool,
    round: u64,
}

/// One of the two states that make the whole.
#[derive(Debug)]
struct Half<T> {
    is_subscribed: bool,
    state: Option<T>,
    /// The state is of this subscription, not of one before.
    is_fresh: bool,
    /// When it is asked for.
    ask: Option<Moment>,
}

impl Funds {
    /// Nothing is known.
    pub(crate) fn new(user: UserId, address: Address) -> Self {
        Funds {
            user,
            address,
            perps: Half::new(),
            balances: Half::new(),
            published: None,
            is_news: false,
            round: 0,
        }
    }

    /// Whether what was published is how the account is now.
    pub(crate) fn is_current(&self) -> bool {
        self.perps.is_fresh && self.balances.is_fresh && self.published.is_some()
    }

    /// The positions are subscribed.
    pub(crate) fn handle_perps_subscribed(&mut self, now: Moment) {
        self.perps.subscribe(now);
    }

    /// The balances are subscribed.
    pub(crate) fn handle_balances_subscribed(&mut self, now: Moment) {
        self.balances.subscribe(now);
    }

    /// The positions are subscribed no more.
    pub(crate) fn handle_perps_lost(&mut self) {
        self.perps.lose();
    }

    /// The balances are subscribed no more.
    pub(crate) fn handle_balances_lost(&mut self) {
        self.balances.lose();
    }

    /// A state may be missing: it is asked for.
    pub(crate) fn handle_doubt(&mut self, now: Moment) {
        self.perps.ask = self.perps.ask.map(|at| at.min(now));
        self.balances.ask = self.balances.ask.map(|at| at.min(now));
    }

    /// The positions as they are, from the source.
    pub(crate) fn handle_perps(&mut self, state: WirePerps, now: Moment) -> Vec<Effect> {
        self.take_perps(state, now);
        self.poll(now)
    }

    /// The balances as they are.
    pub(crate) fn handle_balances(&mut self, state: WireBalances, now: Moment) -> Vec<Effect> {
        if self.balances.is_subscribed {
            self.balances.take(state.into(), now + BALANCES_OLD_AFTER);
            self.is_news = true;
        }
        self.poll(now)
    }

    /// The positions as they are: the answer to a question. If they moved meanwhile, the source should have said so.
    pub(crate) fn handle_perps_fetched(&mut self, state: WirePerps, now: Moment) -> Vec<Effect> {
        let before = self.perps.state.as_ref().filter(|_| self.perps.is_fresh);
        let is_owed = before.is_some_and(|before| before.holdings() != state.holdings());
        self.take_perps(state, now);
        let mut effects = self.poll(now);
        if is_owed {
            effects.push(Effect::Renew(Source::Perps {
                user: self.address.clone(),
            }));
        }
        effects
    }

    /// A question was not answered.
    pub(crate) fn handle_not_fetched(&mut self, what: AccountFetch, now: Moment) {
        match what {
            AccountFetch::Perps => self.perps.ask_again(now),
            AccountFetch::Balances => self.balances.ask_again(now),
            AccountFetch::Fills { .. } | AccountFetch::Orders | AccountFetch::OpenOrders => {}
        }
    }

    /// What time alone brings about.
    pub(crate) fn poll(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let is_due = self.published.is_none_or(|at| now.since(at) >= AT_MOST_EVERY);
        if self.is_news
            && is_due
            && let Some(account) = self.whole()
        {
            (self.is_news, self.published) = (false, Some(now));
            let topic = Topic::AccountUpdates(self.user.clone());
            effects.push(Effect::Publish(topic, Content::Whole(json(&account))));
        }
        if self.perps.is_to_ask(now) {
            effects.push(self.ask(AccountFetch::Perps));
        }
        if self.balances.is_to_ask(now) {
            effects.push(self.ask(AccountFetch::Balances));
        }
        effects
    }

    /// When [`Funds::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let is_whole = self.perps.is_fresh && self.balances.is_fresh;
        let news = self.published.filter(|_| self.is_news && is_whole);
        let news = news.map(|at| at + AT_MOST_EVERY);
        [news, self.perps.ask, self.balances.ask]
            .into_iter()
            .flatten()
            .min()
    }

    fn take_perps(&mut self, state: WirePerps, now: Moment) {
        let known = self.perps.state.as_ref().map_or(0, |known| known.time);
        if self.perps.is_subscribed && state.time >= known {
            self.perps.take(state, now + PERPS_OLD_AFTER);
            self.is_news = true;
        }
    }

    fn whole(&self) -> Option<Account> {
        let perps = self.perps.state.as_ref().filter(|_| self.perps.is_fresh)?;
        let balances = self.balances.state.as_ref().filter(|_| self.balances.is_fresh)?;
        let (value, withdrawable, margin_used) = perps.sums();
        Some(Account {
            address: self.address.as_str().to_owned(),
            value: value.clone(),
            withdrawable: withdrawable.clone(),
            margin_used: margin_used.clone(),
            positions: perps.positions(),
            balances: balances.clone(),
            timestamp: perps.time,
        })
    }

    fn ask(&mut self, what: AccountFetch) -> Effect {
        self.round += 1;
        Effect::Fetch(Fetch::Account {
            user: self.user.clone(),
            address: self.address.clone(),
            what,
            round: self.round,
        })
    }
}

impl<T> Half<T> {
    fn new() -> Self {
        Half {
            is_subscribed: false,
            state: None,
            is_fresh: false,
            ask: None,
        }
    }

    fn subscribe(&mut self, now: Moment) {
        self.is_subscribed = true;
        self.ask = Some(now + FIRST_WITHIN);
    }

    fn lose(&mut self) {
        (self.is_subscribed, self.is_fresh, self.ask) = (false, false, None);
    }

    fn take(&mut self, state: T, ask: Moment) {
        (self.state, self.is_fresh, self.ask) = (Some(state), true, Some(ask));
    }

    fn ask_again(&mut self, now: Moment) {
        if self.is_subscribed {
            self.ask = Some(now + FETCH_AGAIN);
        }
    }

    /// Whether to ask now; whoever is told yes asks.
    fn is_to_ask(&mut self, now: Moment) -> bool {
        let is_due = self.ask.is_some_and(|at| at <= now);
        if is_due {
            self.ask = None;
        }
        is_due
    }
}
