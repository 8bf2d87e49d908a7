//! The keys that do something.

use yew::{Callback, Html, Properties, component, html};

use super::dialog::Modal;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) on_close: Callback<()>,
}

/// Keys, and what they do.
type Shortcut = (&'static [&'static str], &'static str);

const GROUPS: [(&str, &[Shortcut]); 4] = [
    (
        "Everywhere",
        &[
            (&["/"], "Search; join a room"),
            (
                &["Space"],
                "Pause or resume what moves: trades, a chart of values, events",
            ),
            (&["?"], "This list"),
            (&["Esc"], "Close, or clear the search"),
        ],
    ),
    (
        "Lists and the order book",
        &[
            (&["↑", "↓"], "Move through rows"),
            (&["Home", "End"], "First or last row"),
            (&["Enter"], "Open the coin or the device"),
            (&["F"], "Add the coin to the favourites, or remove it"),
        ],
    ),
    (
        "Rooms",
        &[(&["Enter"], "Send"), (&["Shift", "Enter"], "Begin a line")],
    ),
    (
        "Chart",
        &[
            (&["←", "→"], "Scroll"),
            (&["+", "−"], "Zoom"),
            (&["Home", "End"], "The oldest, or now"),
        ],
    ),
];

/// The keys that do something.
#[component]
pub(crate) fn HelpDialog(props: &Props) -> Html {
    html! {
        <Modal name="help" title="Keyboard" is_narrow=true on_close={props.on_close.clone()}>
            <div class="dialog-body">
                for (title, keys) in GROUPS {
                    <section class="group">
                        <h3>{ title }</h3>
                        <dl class="keys">
                            for (names, does) in keys {
                                <div>
                                    <dt>for name in *names { <kbd>{ *name }</kbd> }</dt>
                                    <dd>{ *does }</dd>
                                </div>
                            }
                        </dl>
                    </section>
                }
            </div>
        </Modal>
    }
}
