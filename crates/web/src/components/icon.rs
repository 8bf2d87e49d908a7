//! The icons: two dozen outlines on a grid of 24, drawn here because a library of them would be larger than the page.

use yew::{AttrValue, Html, Properties, component, html};

/// An icon. It is decoration: whoever shows it gives the words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Icon {
    /// Something can be searched.
    Search,
    /// A favourite.
    Star,
    /// Settings.
    Gear,
    /// Close, dismiss, clear.
    Cross,
    /// A list, a menu.
    List,
    /// Candles.
    Candles,
    /// An order book.
    Book,
    /// Trades.
    Tape,
    /// More below.
    Down,
    /// More above.
    Up,
    /// A person.
    Person,
    /// Something is wrong.
    Warning,
    /// Something is done.
    Check,
    /// Help.
    Help,
    /// Pause.
    Pause,
    /// Go on.
    Play,
    /// Several people.
    People,
    /// Copy.
    Copy,
    /// A device.
    Device,
    /// What is measured.
    Pulse,
    /// A task.
    Task,
    /// A text that is being written.
    Stream,
    /// What happened.
    Bell,
    /// Back to where one was.
    Back,
    /// Send.
    Send,
    /// A block.
    Block,
    /// A conversation.
    Talk,
}

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) of: Icon,
}

/// Draws an icon.
#[component]
pub(crate) fn Glyph(props: &Props) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
            <path d={AttrValue::Static(props.of.path())} />
        </svg>
    }
}

/// The mark of the product.
#[component]
pub(crate) fn Brand() -> Html {
    html! {
        <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true">
            <path d="M5 19V6l14 12V5" />
            <circle cx="5" cy="19" r="1.4" fill="currentColor" />
            <circle cx="19" cy="5" r="1.4" fill="currentColor" />
        </svg>
    }
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Search => "M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0M20.5 20.5 16 16",
            Icon::Star => "m12 3 2.7 5.8 6.3.8-4.6 4.4 1.2 6.3-5.6-3.1-5.6 3.1 1.2-6.3L3 9.6l6.3-.8z",
            Icon::Gear => {
                "M15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0M12 2v3m0 14v3M4.9 4.9 7 7m10 10 2.1 2.1M2 12h3m14 0h3M4.9 19.1 7 17M17 7l2.1-2.1"
            }
            Icon::Cross => "M6 6l12 12M18 6 6 18",
            Icon::List => "M4 6h16M4 12h16M4 18h16",
            Icon::Candles => "M7 4v3m0 9v4M4.5 7h5v9h-5zM17 4v5m0 7v4M14.5 9h5v7h-5z",
            Icon::Book => "M4 6h16M4 10h11M4 14h7M4 18h13",
            Icon::Tape => "M7 4v16m0 0-3-3m3 3 3-3M17 20V4m0 0-3 3m3-3 3 3",
            Icon::Down => "m6 9 6 6 6-6",
            Icon::Up => "m6 15 6-6 6 6",
            Icon::Person => "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0M4 21c1-5 4-7 8-7s7 2 8 7",
            Icon::Warning => "M12 3 2 20h20zM12 10v4m0 3h.01",
            Icon::Check => "m4 12 5 5L20 6",
            Icon::Help => {
                "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2m0 3h.01M21.5 12a9.5 9.5 0 1 1-19 0 9.5 9.5 0 0 1 19 0"
            }
            Icon::Pause => "M8 5v14M16 5v14",
            Icon::Play => "M7 4v16l13-8z",
            Icon::People => {
                "M12.5 8a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0M2 20c.7-4.5 3.3-6.5 7-6.5s6.3 2 7 6.5M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 14c2.2.8 3.5 2.8 4 6"
            }
            Icon::Device => "M7 7h10v10H7zM10 3v4m4-4v4m-4 10v4m4-4v4M3 10h4m-4 4h4m10-4h4m-4 4h4",
            Icon::Pulse => "M3 12h4l3-8 4 16 3-8h4",
            Icon::Task => "M4 5h16v5H4zM4 14h16v5H4zM4 7.5h8M4 16.5h12",
            Icon::Stream => "M4 6h16M4 11h16M4 16h8m4 0h.01M19 14v4",
            Icon::Bell => "M6 16V10a6 6 0 1 1 12 0v6l2 2H4zM10 21h4",
            Icon::Copy => "M9 9h11v11H9zM5 15H4V4h11v1",
            Icon::Back => "m14 5-7 7 7 7",
            Icon::Send => "M4 12 20 4l-6 16-3-7z",
            Icon::Block => "M12 3 4 7.5v9L12 21l8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
            Icon::Talk => "M4 5h16v11H10l-4 4v-4H4z",
        }
    }
}
