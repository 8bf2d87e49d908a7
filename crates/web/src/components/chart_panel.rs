//! The candles of the chosen coin, and the length of their bars.

use nexus_protocol::{Interval, Symbol, Topic};
use web_sys::HtmlSelectElement;
use yew::{Callback, Event, Html, MouseEvent, Properties, TargetCast, component, html, use_callback};

use super::chart::{CandleChart, ChartStatus};
use super::panel::Panel;
use crate::browser;
use crate::format;
use crate::hooks::{use_freshness, use_link, use_places, use_selected, use_store, use_topic};
use crate::state::face::Face;

/// The intervals that have a button; the others stand in a list beside them.
const BUTTONS: [Interval; 6] = [
    Interval::Minute1,
    Interval::Minutes5,
    Interval::Minutes15,
    Interval::Hour1,
    Interval::Hours4,
    Interval::Day1,
];

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
}

/// The candles.
#[component]
pub(crate) fn ChartPanel(props: &Props) -> Html {
    let store = use_store();
    let places = use_places();
    let link = use_link();
    let interval = places.here.interval;
    let topic = Topic::Candles(props.symbol.clone(), interval);
    use_topic(Some(topic.clone()));
    let freshness = use_freshness(Some(&topic));
    let series = store.series(&props.symbol, interval);
    let has_bars = use_selected(&series, (), |series, ()| !series.bars().is_empty());
    let decimals = use_selected(store.prices(), props.symbol.clone(), |board, symbol| {
        board.of(symbol).map_or(2, |quote| quote.decimals)
    });
    let on_older = use_callback(
        (store.clone(), props.symbol.clone(), interval),
        |before: i64, (store, symbol, interval)| {
            store.ask_older(symbol, *interval, before);
        },
    );
    let status = match Face::of(&freshness, &link, has_bars) {
        Face::Dimmed => ChartStatus::Stale,
        Face::Skeleton => ChartStatus::Loading,
        Face::Content | Face::Nothing | Face::Waiting(_) | Face::Trouble { .. } => ChartStatus::Ready,
    };
    let tools = html! { <span class="faint panel-zone" title="Zone of all times">{ format::zone(browser::now()) }</span> };
    html! {
        <Panel name="chart" title={format!("Candles {}", props.symbol)} head={html! { <IntervalSwitch /> }} {tools}
            topic={Some(topic)} has_content={has_bars} tells_itself=true speaks_for_link=true
            nothing={("No candles yet".into(), "They appear with the first trade.".into())}>
            <CandleChart {series} symbol={props.symbol.to_string()} interval={interval.as_str()}
                price_decimals={u8::try_from(decimals).unwrap_or(8)} {status} {on_older} />
        </Panel>
    }
}

#[component]
fn IntervalSwitch() -> Html {
    let places = use_places();
    let chosen = places.here.interval;
    let on_button = |interval: Interval| {
        let places = places.clone();
        Callback::from(move |_: MouseEvent| places.adjust(|place| place.interval = interval))
    };
    let on_list = {
        let places = places.clone();
        Callback::from(move |event: Event| {
            let value = event
                .target_dyn_into::<HtmlSelectElement>()
                .and_then(|select| select.value().parse().ok());
            if let Some(interval) = value {
                places.adjust(|place| place.interval = interval);
            }
        })
    };
    let others = Interval::ALL
        .into_iter()
        .filter(|interval| !BUTTONS.contains(interval));
    let is_listed = !BUTTONS.contains(&chosen);
    html! {
        <>
            <div class="segmented" role="radiogroup" aria-label="Interval">
                for interval in BUTTONS {
                    <button type="button" role="radio" data-testid="interval" data-interval={interval.as_str()}
                        aria-checked={if interval == chosen { "true" } else { "false" }} onclick={on_button(interval)}>
                        { interval.as_str() }
                    </button>
                }
            </div>
            <select class="select select-small" aria-label="Other intervals" title="Other intervals" onchange={on_list}>
                <option value="" selected={!is_listed} disabled=true>{ "More" }</option>
                for interval in others {
                    <option value={interval.as_str()} selected={interval == chosen}>{ interval.as_str() }</option>
                }
            </select>
        </>
    }
}
