//! Where one is in the Chains view: `/chains/e476187f…?q=block&hide=rounds,executed`.

use std::rc::Rc;

use nexus_protocol::ChainId;

use super::query::{UrlText, fields};
use crate::state::chains::Kinds;

/// Where one is in the Chains view.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Chains {
    /// The chosen chain.
    pub(crate) chain: Option<ChainId>,
    /// What is searched.
    pub(crate) query: Rc<str>,
    /// Which kinds of notifications are not shown.
    pub(crate) hidden: Kinds,
}

impl Default for Chains {
    fn default() -> Self {
        Chains {
            chain: None,
            query: "".into(),
            hidden: Kinds::default(),
        }
    }
}

impl Chains {
    /// Reads what follows `/chains` and the query. What the query has wrong is left out.
    pub(super) fn parse(path: Option<&str>, query: &str) -> Option<Self> {
        let mut chains = Chains {
            chain: path.map(ChainId::parse).transpose().ok()?,
            ..Chains::default()
        };
        for (name, value) in fields(query) {
            match name {
                "q" => chains.query = value.into(),
                "hide" => chains.hidden = Kinds::parse(&value),
                _ => {}
            }
        }
        Some(chains)
    }

    /// The URL: path and query, defaults left out.
    pub(crate) fn url(&self) -> String {
        UrlText::new("/chains")
            .segment(self.chain.as_ref().map(ChainId::as_str))
            .text("q", &self.query)
            .text("hide", &self.hidden.words())
            .done()
    }
}
