//! The depth of the book as a chart.

use nexus_protocol::Symbol;
use yew::{Html, Properties, component, html};

use super::book;
use super::chart::{ChartStatus, DepthChart};
use super::panel::Panel;
use crate::hooks::{use_freshness, use_link, use_selected, use_store, use_topic};
use crate::state::face::Face;
use crate::state::listing::{base, quote};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
    /// Stands in place of the heading.
    pub(crate) head: Html,
}

/// The depth of the book.
#[component]
pub(crate) fn DepthPanel(props: &Props) -> Html {
    let store = use_store();
    let link = use_link();
    let topic = book::topic(&props.symbol);
    use_topic(Some(topic.clone()));
    let freshness = use_freshness(Some(&topic));
    let market = store.market(&props.symbol);
    let (is_known, decimals) =
        use_selected(&market.book, (), |book, ()| (book.is_known, book.price_decimals));
    let status = match Face::of(&freshness, &link, is_known) {
        Face::Dimmed => ChartStatus::Stale,
        Face::Skeleton => ChartStatus::Loading,
        Face::Content | Face::Nothing | Face::Waiting(_) | Face::Trouble { .. } => ChartStatus::Ready,
    };
    let unit = if base(&props.symbol).is_empty() {
        props.symbol.as_str()
    } else {
        base(&props.symbol)
    };
    html! {
        <Panel name="depth" title="Depth" head={props.head.clone()} topic={Some(topic)} has_content={is_known} tells_itself=true
            nothing={("No orders".into(), "Nobody wants to buy or sell now.".into())}>
            <DepthChart book={market.curve} symbol={unit.to_owned()} quote={quote(&props.symbol).to_owned()}
                price_decimals={u8::try_from(decimals).unwrap_or(8)} {status} />
        </Panel>
    }
}
