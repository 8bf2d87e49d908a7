//! Which chains can be looked at: those that the server follows, and those that were added here.

use nexus_protocol::ChainId;
use wasm_bindgen_futures::spawn_local;
use yew::{hook, use_effect_with, use_state_eq};

use super::{use_link, use_settings, use_token_desk};
use crate::driver::{HttpTrouble, ListedChain, http};

/// A chain that can be looked at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ChainChoice {
    /// Its id.
    pub(crate) id: ChainId,
    /// Whether it is the node's own.
    pub(crate) is_default: bool,
    /// Whether it was added here, and can be taken away.
    pub(crate) is_own: bool,
}

/// What can be looked at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ChainChoices {
    /// The server's chains first.
    pub(crate) chains: Vec<ChainChoice>,
    /// Whether the server's answer is awaited.
    pub(crate) is_loading: bool,
    /// Why the server's chains are not known.
    pub(crate) trouble: Option<HttpTrouble>,
}

/// Which chains can be looked at. The server is asked whenever the link comes up, and with each token.
#[hook]
pub(crate) fn use_chains() -> ChainChoices {
    let link = use_link();
    let token = use_token_desk().token;
    let settings = use_settings();
    let listed = use_state_eq(|| None::<Result<Vec<ListedChain>, HttpTrouble>>);
    use_effect_with((link.is_up(), link.server.clone(), token), {
        let setter = listed.setter();
        move |(is_up, server, token)| {
            if *is_up {
                let (server, token) = (server.clone(), token.clone());
                spawn_local(async move {
                    setter.set(Some(http::chains(&server, token.as_ref()).await));
                });
            }
        }
    });
    let mut chains: Vec<ChainChoice> = match &*listed {
        Some(Ok(listed)) => listed
            .iter()
            .map(|chain| ChainChoice {
                id: chain.id.clone(),
                is_default: chain.is_default,
                is_own: false,
            })
            .collect(),
        Some(Err(_)) | None => Vec::new(),
    };
    for id in settings.chain_ids() {
        if !chains.iter().any(|known| known.id == id) {
            chains.push(ChainChoice {
                id,
                is_default: false,
                is_own: true,
            });
        }
    }
    ChainChoices {
        chains,
        is_loading: listed.is_none() && link.is_up(),
        trouble: listed.as_ref().and_then(|listed| listed.as_ref().err().cloned()),
    }
}
