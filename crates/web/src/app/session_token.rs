//! The token: taken out of the address bar, kept for the tab or the device, forgotten on signing out.

use yew::{Callback, hook, use_callback, use_state_eq};

use crate::browser::{self, Keep};
use crate::state::token::{Token, taken_from_fragment};

/// Under which name the token is kept.
const TOKEN: &str = "nexus.token";

/// The token in use and the ways to change it.
pub(super) struct TokenInUse {
    pub(super) token: Option<Token>,
    pub(super) sign_in: Callback<(Token, bool)>,
    pub(super) sign_out: Callback<()>,
}

/// The token in use.
#[hook]
pub(super) fn use_token() -> TokenInUse {
    let token = use_state_eq(|| from_address_bar().or_else(kept));
    let sign_in = use_callback(token.setter(), |(new, is_remembered): (Token, bool), token| {
        keep(&new, if is_remembered { Keep::Device } else { Keep::Tab });
        token.set(Some(new));
    });
    let sign_out = use_callback(token.setter(), |(), token| {
        forget();
        token.set(None);
    });
    TokenInUse {
        token: (*token).clone(),
        sign_in,
        sign_out,
    }
}

/// Takes `#token=…` and removes it from the address bar and from this entry of the history, used or not.
fn from_address_bar() -> Option<Token> {
    let window = browser::window()?;
    let location = window.location();
    let (text, rest) = taken_from_fragment(&location.hash().ok()?)?;
    let path = location.pathname().ok()? + &location.search().ok()?;
    let url = if rest.is_empty() {
        path
    } else {
        format!("{path}#{rest}")
    };
    let history = window.history().ok()?;
    history
        .replace_state_with_url(&history.state().unwrap_or_default(), "", Some(&url))
        .ok()?;
    let token = Token::parse(&text, browser::now()).ok()?;
    keep(&token, Keep::Tab);
    Some(token)
}

/// What was kept and has not expired; the tab's own choice goes before the device's.
fn kept() -> Option<Token> {
    let text: String = browser::read(Keep::Tab, TOKEN).or_else(|| browser::read(Keep::Device, TOKEN))?;
    Token::parse(&text, browser::now()).ok()
}

fn keep(token: &Token, place: Keep) {
    forget();
    browser::write(place, TOKEN, &token.as_str());
}

fn forget() {
    browser::remove(Keep::Tab, TOKEN);
    browser::remove(Keep::Device, TOKEN);
}
