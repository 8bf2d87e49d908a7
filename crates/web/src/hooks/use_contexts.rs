//! What every component may ask of the application, each in its own context, so that a change of one renders nobody else.

use std::rc::Rc;

use yew::{Callback, UseReducerHandle, hook, use_context};

use crate::state::link::Link;
use crate::state::place::{Markets, Place};
use crate::state::settings::Settings;
use crate::state::token::Token;
use crate::store::Store;

/// The settings and the way to change them.
pub(crate) type SettingsHandle = UseReducerHandle<Settings>;

/// Where one is in a view, and the way elsewhere.
#[derive(Clone, PartialEq)]
pub(crate) struct Places<P: PartialEq = Markets> {
    /// Where one is.
    pub(crate) here: Rc<P>,
    /// Goes there; `Step::Replace` leaves no entry in the history.
    pub(crate) go: Callback<(Place, Step)>,
}

/// Whether a change of place can be undone with the browser's back button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It can.
    Push,
    /// It can not: a detail of the same place.
    Replace,
}

/// The token in use, and the ways to change it.
#[derive(Clone, PartialEq)]
pub(crate) struct TokenDesk {
    /// The token in use.
    pub(crate) token: Option<Token>,
    /// Signs in; the flag says whether the token is remembered on this device.
    pub(crate) sign_in: Callback<(Token, bool)>,
    /// Forgets the token.
    pub(crate) sign_out: Callback<()>,
}

impl<P: Clone + PartialEq + Into<Place>> Places<P> {
    /// Changes a detail of where one is, without an entry in the history.
    pub(crate) fn adjust(&self, change: impl FnOnce(&mut P)) {
        self.moved(change, Step::Replace);
    }

    /// Goes somewhere else in the view, with an entry in the history.
    pub(crate) fn turn(&self, change: impl FnOnce(&mut P)) {
        self.moved(change, Step::Push);
    }

    fn moved(&self, change: impl FnOnce(&mut P), step: Step) {
        let mut place = P::clone(&self.here);
        change(&mut place);
        if place != *self.here {
            self.go.emit((place.into(), step));
        }
    }
}

macro_rules! context_hooks {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        $($(#[$doc])*
        #[hook]
        pub(crate) fn $name() -> $type {
            use_context().expect("components are mounted below the application's contexts")
        })*
    };
}

context_hooks! {
    /// The market data.
    use_store: Store;
    /// What is known of the link.
    use_link: Rc<Link>;
    /// The settings.
    use_settings: SettingsHandle;
    /// The token in use.
    use_token_desk: TokenDesk;
}

/// Where one is in the Markets view.
#[hook]
pub(crate) fn use_places() -> Places {
    use_place::<Markets>()
}

/// Where one is in the view whose place is `P`; for the components of that view.
#[hook]
pub(crate) fn use_place<P: Clone + PartialEq + 'static>() -> Places<P> {
    use_context().expect("components are mounted within their view")
}
