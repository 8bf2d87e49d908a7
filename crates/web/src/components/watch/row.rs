//! One coin of the watchlist.

use std::rc::Rc;

use nexus_protocol::Symbol;
use web_sys::MouseEvent;
use yew::{Callback, Html, Properties, classes, component, html, use_mut_ref};

use crate::components::chart::Sparkline;
use crate::components::icon::{Glyph, Icon};
use crate::format;
use crate::state::listing::{Kind, quote};
use crate::store::{Direction, Quote};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) quote: Rc<Quote>,
    /// Which row of all.
    pub(super) place: usize,
    /// Whether the tab key stops here.
    pub(super) is_current: bool,
    pub(super) is_chosen: bool,
    pub(super) is_starred: bool,
    /// Whether a change of the price lights up.
    pub(super) flashes: bool,
    pub(super) on_open: Callback<Symbol>,
    pub(super) on_star: Callback<Symbol>,
}

/// One coin.
#[component]
pub(super) fn WatchRow(props: &Props) -> Html {
    let Props {
        quote: shown, place, ..
    } = props;
    // A row that was just scrolled to has not changed.
    let moves_at_mount = use_mut_ref(|| shown.moves);
    let has_moved = *moves_at_mount.borrow() != shown.moves;
    let flash = (props.flashes && has_moved).then(|| flash_class(shown)).flatten();
    let on_open = {
        let symbol = shown.symbol.clone();
        props.on_open.reform(move |_: MouseEvent| symbol.clone())
    };
    let on_star = {
        let (symbol, on_star) = (shown.symbol.clone(), props.on_star.clone());
        Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            on_star.emit(symbol.clone());
        })
    };
    let kind = Kind::of(&shown.symbol);
    let arrow = match shown.direction {
        Direction::Up => "rising",
        Direction::Down => "falling",
        Direction::Unknown => "",
    };
    html! {
        <tr class="watch-row" role="row" data-testid="watch-row" data-symbol={shown.symbol.to_string()}
            data-place={place.to_string()} aria-rowindex={(place + 2).to_string()}
            aria-selected={if props.is_chosen { "true" } else { "false" }}
            tabindex={if props.is_current { "0" } else { "-1" }}
            style={format!("transform: translateY(calc({place} * var(--row-watch)))")} onclick={on_open}>
            <td class="watch-star" role="cell">
                <button type="button" data-testid="watch-star" aria-label={format!("Favourite {}", shown.symbol)}
                    aria-pressed={if props.is_starred { "true" } else { "false" }} tabindex="-1" onclick={on_star}>
                    <Glyph of={Icon::Star} />
                </button>
            </td>
            <td class="watch-name" role="cell">
                <b>{ shown.symbol.as_str() }
                    if kind != Kind::Perp { <span class="badge">{ kind.word() }</span> }
                </b>
                <small title="24 h volume">
                    { shown.volume.map_or("–".to_owned(), |volume| format::money(volume, quote(&shown.symbol))) }
                </small>
            </td>
            <td class="watch-spark" role="cell" title="The price since this page was opened, for an hour at most"><Sparkline trail={shown.trail.clone()} /></td>
            <td class="watch-price num" role="cell">
                <span class={classes!(flash)} data-testid="watch-price" data-direction={arrow}>{ shown.price_text() }</span>
                { change(shown.change) }
            </td>
        </tr>
    }
}

fn change(change: Option<f64>) -> Html {
    match change {
        None => html! { <small>{ "–" }</small> },
        Some(change) => {
            let class = match change {
                change if change > 0.0 => "delta up",
                change if change < 0.0 => "delta down",
                _ => "delta",
            };
            html! { <small {class}>{ format::percent(change) }</small> }
        }
    }
}

/// Two names for one flash, in turn, so that each move starts it anew.
fn flash_class(quote: &Quote) -> Option<&'static str> {
    match (quote.direction, quote.moves.is_multiple_of(2)) {
        (Direction::Up, true) => Some("flash-up"),
        (Direction::Up, false) => Some("flash-up-b"),
        (Direction::Down, true) => Some("flash-down"),
        (Direction::Down, false) => Some("flash-down-b"),
        (Direction::Unknown, _) => None,
    }
}
