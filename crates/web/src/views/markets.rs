//! The Markets view: watchlist, candles, depth, order book, trades.

use nexus_protocol::Topic;
use web_sys::KeyboardEvent;
use yew::{Callback, Html, component, html, use_effect_with};

use crate::browser;
use crate::components::{
    BelowPanel, BookPanel, ChartPanel, MarketsTabBar, Panel, TapePanel, Ticker, Title, WatchPanel,
};
use crate::hooks::{use_hotkeys, use_places, use_selected, use_store};
use crate::state::place::Pane;

/// The Markets view.
#[component]
pub(crate) fn MarketsView() -> Html {
    let places = use_places();
    let store = use_store();
    // Without a choice in the address, the coin that most people look for.
    let default = use_selected(store.prices(), (), |board, ()| board.favourite_of_all());
    let chosen = places.here.symbol.clone().or(default);
    use_effect_with(chosen.clone(), {
        let places = places.clone();
        move |chosen| {
            if places.here.symbol.is_none() {
                places.adjust(|place| place.symbol = chosen.clone());
            }
        }
    });
    use_hotkeys({
        let places = places.clone();
        Callback::from(move |event: KeyboardEvent| {
            let is_search = event.key() == "/";
            if is_search {
                places.adjust(|place| place.pane = Pane::Watch);
                if let Some(search) = browser::find("[data-testid=watch-search]") {
                    browser::focus(&search);
                }
            }
            is_search
        })
    });
    html! {
        <>
            <Title symbol={chosen.clone()} />
            <main class="markets" id="main" tabindex="-1" data-pane={places.here.pane.word()}>
                <h1 class="visually-hidden">{ "Markets" }</h1>
                <WatchPanel chosen={chosen.clone()} />
                if let Some(symbol) = chosen {
                    <Ticker symbol={symbol.clone()} />
                    <ChartPanel symbol={symbol.clone()} />
                    <BelowPanel symbol={symbol.clone()} />
                    <BookPanel symbol={symbol.clone()} />
                    <TapePanel symbol={symbol} />
                } else {
                    <Placeholders />
                }
            </main>
            <MarketsTabBar />
        </>
    }
}

/// The frame of the view before any coin is known, so that nothing jumps when one is.
#[component]
fn Placeholders() -> Html {
    let panels = [
        ("chart", "Candles"),
        ("depth", "Depth"),
        ("book", "Order book"),
        ("tape", "Trades"),
    ];
    html! {
        <>
            <section class="ticker pane-ticker" aria-label="Coin" aria-busy="true"></section>
            for (name, title) in panels {
                <Panel key={name} {name} {title} topic={Some(Topic::Prices(None))} has_content=false
                    speaks_for_link={name == "chart"} nothing={("No markets".into(), "The exchange lists none.".into())} />
            }
        </>
    }
}
