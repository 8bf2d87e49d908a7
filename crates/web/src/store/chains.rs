//! The chains that components follow.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use nexus_client::Ask;
use nexus_protocol::{ChainId, History, Payload, Publication, Reply, Topic};

use super::chain::Chain;
use super::{News, Store};
use crate::canvas::live::Live;

/// Notifications that are asked for when a chain is followed, and after a break.
const PAGE: u32 = 200;
/// How long they may take.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

/// The chains.
#[derive(Default)]
pub(super) struct Chains {
    chains: RefCell<HashMap<ChainId, Live<Chain>>>,
}

impl Store {
    /// What is kept of a chain; nothing before anything came.
    pub(crate) fn chain(&self, id: &ChainId) -> Live<Chain> {
        self.shared
            .chains
            .chains
            .borrow_mut()
            .entry(id.clone())
            .or_default()
            .clone()
    }

    pub(super) fn handle_chain_publication(&self, id: &ChainId, publication: &Publication) {
        let Payload::Json(payload) = &publication.payload else {
            return;
        };
        // A kind that this page does not know is no reason to show nothing: the server has `other` for what it does
        // not know itself.
        if let Ok(update) = payload.read() {
            let (offset, at) = (publication.offset, publication.timestamp.as_millis());
            self.chain(id).write(|chain| chain.take(update, Some(offset), at));
        }
    }

    /// The chain's topic is followed: what came before is asked for, once.
    pub(super) fn handle_chain_followed(&self, id: &ChainId) {
        if self.chain(id).write(Chain::begin_loading) {
            self.ask_notifications(id);
        }
    }

    pub(super) fn handle_chain_break(&self, id: &ChainId) {
        self.chain(id).write(Chain::suspect);
        self.ask_notifications(id);
    }

    pub(super) fn forget_chain(&self, id: &ChainId) {
        self.shared.chains.chains.borrow_mut().remove(id);
    }

    fn ask_notifications(&self, id: &ChainId) {
        let history = History::newest(Topic::Chain(id.clone()), PAGE);
        let (store, id) = (self.weak(), id.clone());
        self.ask(Ask::History(history), PAGE_WITHIN, move |news| {
            let Some(store) = store.upgrade() else { return };
            // Gone together with who looked at it.
            let Some(chain) = store.shared.chains.chains.borrow().get(&id).cloned() else {
                return;
            };
            chain.write(|chain| match &news {
                News::Answer(Ok(Reply::History(page))) => chain.take_page(&page.items),
                News::Answer(_) => chain.fail_loading(),
                News::Progress(_) => {}
            });
        });
    }
}
