//! Cells that the tables of an account share: moments, sides, amounts that were won or lost, gaps.

use nexus_protocol::{Decimal, Side, Symbol, Timestamp};
use yew::{AttrValue, Html, MouseEvent, Properties, classes, component, html};

use crate::format;
use crate::hooks::{use_places, use_selected, use_store};
use crate::state::account::{side_words, tone};
use crate::state::feed::Moment;
use crate::state::listing::quote;
use crate::state::place::Pane;

#[derive(PartialEq, Properties)]
pub(super) struct MomentProps {
    pub(super) at: Moment,
    /// The present, for ages.
    pub(super) now: Moment,
}

/// How long ago something was, with the exact time on hover.
#[component]
pub(super) fn Ago(props: &MomentProps) -> Html {
    let MomentProps { at, now } = *props;
    let age = now.saturating_sub(at);
    // Today by the clock, before that by its age.
    let text = if age < 12 * 3_600_000 {
        format::time_of_day(at)
    } else {
        format!("{} ago", format::span(age as f64))
    };
    html! { <time datetime={Timestamp::from_millis(at).to_string()} title={format::date_and_time(at)}>{ text }</time> }
}

#[derive(PartialEq, Properties)]
pub(super) struct CoinProps {
    pub(super) symbol: Symbol,
}

/// A coin; a click shows its market.
#[component]
pub(super) fn Coin(props: &CoinProps) -> Html {
    let places = use_places();
    let symbol = props.symbol.clone();
    let onclick = yew::Callback::from(move |_: MouseEvent| {
        let symbol = symbol.clone();
        places.turn(move |place| {
            place.symbol = Some(symbol);
            if place.pane == Pane::Account {
                place.pane = Pane::Chart;
            }
        });
    });
    html! {
        <button type="button" class="account-coin" title={format!("Show {}", props.symbol)} {onclick}>{ props.symbol.to_string() }</button>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct SideProps {
    pub(super) side: Side,
}

/// Buy or sell: colour, arrow and word.
#[component]
pub(super) fn SideWord(props: &SideProps) -> Html {
    let (class, word) = side_words(props.side);
    html! { <span class={classes!("delta", class)}>{ word }</span> }
}

#[derive(PartialEq, Properties)]
pub(super) struct PriceProps {
    pub(super) symbol: Symbol,
    pub(super) price: Decimal,
}

/// A price with the decimals of its market's tick.
#[component]
pub(super) fn PriceText(props: &PriceProps) -> Html {
    let store = use_store();
    let decimals = use_selected(store.prices(), props.symbol.clone(), |board, symbol| {
        board.of(symbol).map(|quote| quote.decimals)
    });
    let text = props.price.as_str();
    let unit = quote(&props.symbol);
    html! { <span title={unit.to_owned()}>{ format::fixed(text, decimals.unwrap_or_else(|| format::decimals_needed(text))) }</span> }
}

/// An amount that was won or lost: colour, arrow and sign. Nothing else is added to the exchange's own digits.
pub(super) fn gain(text: &str, least_decimals: usize) -> Html {
    let class = tone(text);
    let sign = if class == "up" { "+" } else { "" };
    html! { <span class={classes!("delta", class)}>{ sign }{ format::fixed(text, least_decimals) }</span> }
}

/// A decimal as it is, with at least so many digits behind the point.
pub(super) fn amount(text: &str, least_decimals: usize) -> String {
    format::fixed(text, least_decimals)
}

/// What stands in columns of its own where there is room, below the row where there is none.
pub(super) fn more_row(key: String, more: Html) -> Html {
    html! {
        <tr {key} class="account-more" role="row"><td role="cell" colspan="7">{ more }</td></tr>
    }
}

/// An amount of dollars in cents; every digit of it on hover.
pub(super) fn dollars(text: &str) -> Html {
    html! { <span title={format!("{text} USD")}>{ in_cents(text) }</span> }
}

/// Dollars that were won or lost, in cents: colour, arrow and sign.
pub(super) fn dollars_gained(text: &str) -> Html {
    let class = tone(text);
    let sign = if class == "up" { "+" } else { "" };
    html! { <span class={classes!("delta", class)} title={format!("{text} USD")}>{ sign }{ in_cents(text) }</span> }
}

fn in_cents(text: &str) -> String {
    match text.parse() {
        // Whole cents stay the text that they are.
        Ok(value) if format::decimals_needed(text) > 2 => format::fixed_float(value, 2),
        Ok(_) | Err(_) => format::fixed(text, 2),
    }
}

/// A row that names what is missing.
pub(super) fn gap_row(what: &str, from: Moment, to: Moment, columns: &'static str) -> Html {
    // Times of two days would be read as those of one.
    let is_one_day = format::day_number(from) == format::day_number(to);
    let moment = if is_one_day {
        format::time_of_day
    } else {
        format::date_and_time
    };
    html! {
        <tr class="account-gap" role="row" data-testid="account-gap" data-from={from.to_string()} data-to={to.to_string()}>
            <td role="cell" colspan={AttrValue::Static(columns)}>
                { format!("{what} between {} and {} are missing", moment(from), moment(to)) }
            </td>
        </tr>
    }
}
