//! Who killed the link: the exchange drops it without a word when it is asked for a market that it does not have, and
//! every other subscription with it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::subscription::{Stage, Subscription};
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::wire::Source;

/// A subscription that stood for less is a suspect. The exchange takes about a second to drop the link.
const FRESH: Duration = Duration::from_secs(5);

/// A link that lived for less died young.
pub(super) const YOUNG: Duration = Duration::from_secs(10);

/// After so many young deaths in a row even proven sources are suspects: a market can be taken off.
const TOO_MANY_YOUNG_DEATHS: u32 = 3;

/// The source to leave out, if there is reason to blame one.
///
/// The first that was asked for and not answered: the exchange answers in order and dies of the one it cannot answer.
/// Otherwise the one that was answered last, if that was just now.
pub(super) fn accuse(
    subscriptions: &BTreeMap<Source, Subscription>,
    young_deaths: u32,
    now: Moment,
) -> Option<Source> {
    let suspects = || {
        subscriptions
            .iter()
            .filter(|(_, it)| !it.is_proven || young_deaths >= TOO_MANY_YOUNG_DEATHS)
    };
    let unanswered = suspects().filter_map(|(source, it)| match it.stage {
        Stage::Subscribing { number, .. } => Some((number, source)),
        Stage::Off | Stage::Active { .. } | Stage::Unsubscribing { .. } => None,
    });
    if let Some((_, source)) = unanswered.min() {
        return Some(source.clone());
    }
    let answered = suspects().filter_map(|(source, it)| match it.stage {
        Stage::Active { since } if now.since(since) < FRESH => Some((since, source)),
        Stage::Off | Stage::Active { .. } | Stage::Subscribing { .. } | Stage::Unsubscribing { .. } => None,
    });
    answered.max().map(|(_, source)| source.clone())
}
