//! The tab's title: the coin and its price, which one reads while looking at another tab.

use std::cell::Cell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use nexus_protocol::Symbol;
use yew::{Html, Properties, component, use_effect_with};

use crate::browser;
use crate::hooks::{use_link, use_store};
use crate::store::Store;

/// The title changes at most so often, in milliseconds. Not by animation frames: a hidden tab has none.
const PACE: u32 = 1_000;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Option<Symbol>,
}

/// Keeps the tab's title while mounted.
#[component]
pub(crate) fn Title(props: &Props) -> Html {
    let store = use_store();
    let is_up = use_link().is_up();
    use_effect_with((store, props.symbol.clone(), is_up), |(store, symbol, is_up)| {
        let show: Rc<dyn Fn()> = {
            let (store, symbol, is_up) = (store.clone(), symbol.clone(), *is_up);
            Rc::new(move || browser::set_title(&title(&store, symbol.as_ref(), is_up)))
        };
        show();
        let timer: Rc<Cell<Option<Timeout>>> = Rc::default();
        let is_waiting = Rc::new(Cell::new(false));
        let watch = store.prices().subscribe({
            let timer = timer.clone();
            move || {
                if !is_waiting.replace(true) {
                    let (show, is_waiting) = (show.clone(), is_waiting.clone());
                    timer.set(Some(Timeout::new(PACE, move || {
                        is_waiting.set(false);
                        show();
                    })));
                }
            }
        });
        move || {
            drop(watch);
            drop(timer.take());
        }
    });
    Html::default()
}

fn title(store: &Store, symbol: Option<&Symbol>, is_up: bool) -> String {
    let price = symbol.and_then(|symbol| {
        store.prices().read(|board| {
            board
                .of(symbol)
                .map(|quote| format!("{} {symbol}", quote.price_text()))
        })
    });
    match price {
        Some(price) if is_up => format!("{price} · Nexus"),
        Some(price) => format!("(old) {price} · Nexus"),
        None => "Nexus".to_owned(),
    }
}
