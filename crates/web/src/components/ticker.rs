//! The chosen coin: its price and the day's figures.

use nexus_protocol::{Symbol, Topic};
use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::icon::{Glyph, Icon};
use super::ticker_stats::{Age, SpreadStat};
use super::watch::{Stars, use_stars};
use crate::browser;
use crate::format;
use crate::hooks::{use_freshness, use_live, use_places, use_store};
use crate::state::feed::Freshness;
use crate::state::listing::{Kind, quote};
use crate::state::place::Pane;
use crate::store::Quote;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
}

/// The chosen coin's head line.
#[component]
pub(crate) fn Ticker(props: &Props) -> Html {
    let store = use_store();
    let places = use_places();
    let freshness = use_freshness(Some(&Topic::Prices(None)));
    let stars = use_stars();
    use_live(store.prices());
    let known = store.prices().read(|board| board.of(&props.symbol).cloned());
    let symbol = &props.symbol;
    let on_choose = Callback::from(move |_: MouseEvent| {
        places.adjust(|place| place.pane = Pane::Watch);
        if let Some(search) = browser::find("[data-testid=watch-search]") {
            browser::focus(&search);
        }
    });
    let direction = known.as_ref().and_then(|quote| quote.direction.class());
    let is_old = !matches!(freshness, Freshness::Live | Freshness::Loading);
    html! {
        <section class={if is_old { "ticker pane-ticker is-stale" } else { "ticker pane-ticker" }} data-testid="ticker"
            data-symbol={symbol.to_string()} data-freshness={freshness.word()} aria-label={symbol.to_string()}>
            <button type="button" class="ticker-symbol" onclick={on_choose}>
                <span>{ name(symbol) }</span>{ " " }<span class="badge">{ Kind::of(symbol).word() }</span>
                <span class="visually-hidden">{ ", choose another coin" }</span><Glyph of={Icon::Down} />
            </button>
            <p class={yew::classes!("ticker-price", direction)} data-testid="ticker-price">
                <span class="ticker-arrow" aria-hidden="true"></span>
                { known.as_ref().map_or("–".to_owned(), |quote| quote.price_text()) }
            </p>
            <dl class="ticker-stats" tabindex="0" aria-label="Figures of the day">
                <div><dt>{ "24 h change" }</dt>{ change(known.as_deref()) }</div>
                <div><dt>{ "24 h volume" }</dt><dd>{ volume(known.as_deref(), symbol) }</dd></div>
                <SpreadStat symbol={symbol.clone()} />
                <Age />
            </dl>
            <div class="ticker-end"><Star symbol={symbol.clone()} stars={stars} /></div>
        </section>
    }
}

/// `BTC` is traded against dollars; pairs name both themselves.
fn name(symbol: &Symbol) -> String {
    match Kind::of(symbol) {
        Kind::Perp => format!("{symbol}-{}", quote(symbol)),
        Kind::Spot | Kind::Outcome => symbol.to_string(),
    }
}

fn change(known: Option<&Quote>) -> Html {
    let Some((quote, percent)) = known.and_then(|quote| Some((quote, quote.change?))) else {
        return html! { <dd>{ "–" }</dd> };
    };
    let absolute = quote.value - quote.value / (1.0 + percent / 100.0);
    let class = if percent < 0.0 { "down" } else { "up" };
    html! {
        <dd {class}>{ format!("{} ({})", format::signed(absolute, quote.decimals), format::percent(percent)) }</dd>
    }
}

fn volume(known: Option<&Quote>, symbol: &Symbol) -> String {
    let volume = known.and_then(|quote| quote.volume);
    volume.map_or("–".to_owned(), |volume| format::money(volume, quote(symbol)))
}

#[derive(PartialEq, Properties)]
struct StarProps {
    symbol: Symbol,
    stars: Stars,
}

#[component]
fn Star(props: &StarProps) -> Html {
    let is_starred = props.stars.has(&props.symbol);
    let on_star = {
        let (stars, symbol) = (props.stars.clone(), props.symbol.clone());
        Callback::from(move |_: MouseEvent| stars.turn(symbol.clone()))
    };
    html! {
        <button type="button" class="icon-button star-button" aria-pressed={if is_starred { "true" } else { "false" }}
            aria-label={format!("Favourite {}", props.symbol)} title="Favourite" onclick={on_star}>
            <Glyph of={Icon::Star} />
        </button>
    }
}
