//! The watchlist: every coin, searched, filtered, sorted, starred.

mod head;
mod keys;
mod row;
mod stars;
mod table;

use nexus_protocol::{Symbol, Topic};
use yew::{Html, Properties, component, html, use_memo, use_state_eq};

use super::panel::Panel;
use crate::hooks::{use_places, use_selected, use_store, use_topic};
use crate::state::watch::Watch;
use head::{FilterBar, SearchBar};
use table::WatchTable;

pub(crate) use stars::{Stars, StarsProvider, use_stars};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// The chosen coin.
    pub(crate) chosen: Option<Symbol>,
}

/// The watchlist.
#[component]
pub(crate) fn WatchPanel(props: &Props) -> Html {
    let store = use_store();
    let places = use_places();
    let stars = use_stars();
    let topic = Topic::Prices(None);
    use_topic(Some(topic.clone()));
    let known = use_selected(store.prices(), (), |board, ()| board.len());
    let shown = use_state_eq(|| (0_usize, false));
    let watch = use_memo((places.here.clone(), stars.clone()), |(here, stars)| Watch {
        query: here.query.clone(),
        group: here.group,
        only_favourites: stars.only,
        sort: here.sort,
        favourites: stars.all.clone(),
    });
    let (count, is_held) = *shown;
    let on_shown = {
        let setter = shown.setter();
        yew::Callback::from(move |now| setter.set(now))
    };
    let foot = html! {
        <>
            <span>{ if count == known { format!("{known} coins") } else { format!("{count} of {known} coins") } }</span>
            if is_held {
                <span title="Rows do not move while you point at them.">{ "Order held" }</span>
            } else {
                <span title="Volume and change are of the last 24 hours.">{ "24 h figures" }</span>
            }
        </>
    };
    html! {
        <Panel name="watch" title="Markets" head={html! { <SearchBar /> }} {foot} topic={Some(topic)} has_content={known > 0}
            nothing={("No markets".into(), "The exchange lists none.".into())}>
            <FilterBar watch={watch.clone()} />
            <WatchTable {watch} chosen={props.chosen.clone()} {on_shown} />
        </Panel>
    }
}
