//! The link to the server, from the application's start to its end.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc;
use nexus_client::{Config, ServerUrl, Wish};
use nexus_protocol::Subscribe;
use yew::{Callback, hook, use_effect_with, use_memo, use_mut_ref, use_reducer};

use crate::browser;
use crate::driver::{Audience, Driver, WishSender};
use crate::state::link::Link;
use crate::state::toasts::ToastsAction;
use crate::state::token::Token;
use crate::store::{Store, Wants};

/// Drives a session with the servers, and gives the store it fills and what is known of its link. Other servers are
/// another session; the store stays, and so does what components want.
#[hook]
pub(super) fn use_driver(
    servers: &[String],
    token: Option<Token>,
    toasts: Callback<ToastsAction>,
) -> (Store, Rc<Link>) {
    let outlet: Rc<RefCell<Option<WishSender>>> = use_mut_ref(|| None);
    let store = use_memo((), |()| {
        let outlet = outlet.clone();
        Store::new(Wants::new(Callback::from(move |wish| {
            if let Some(outlet) = &*outlet.borrow() {
                // It is closed only between two sessions, and the next one is told everything that is wanted.
                let _ = outlet.unbounded_send(wish);
            }
        })))
    });
    let link = use_reducer(|| Link::new(""));
    let newest_token = use_mut_ref(|| token.clone());
    newest_token.replace(token.clone());
    use_effect_with((servers.to_vec(), (*store).clone()), {
        let (outlet, link) = (outlet.clone(), link.dispatcher());
        move |(servers, store)| {
            let driver = config(servers).map(|mut config| {
                config.token = newest_token
                    .borrow()
                    .as_ref()
                    .map(|token| token.as_str().to_owned());
                let (sender, wishes) = mpsc::unbounded();
                for topic in store.wants().topics() {
                    let _ = sender.unbounded_send(Wish::Subscribe(Subscribe::to(topic)));
                }
                for topic in store.rooms_kept() {
                    let _ = sender.unbounded_send(Wish::Join(topic));
                }
                outlet.replace(Some(sender));
                Driver::start(config, wishes, Audience::new(store.clone(), link, toasts))
            });
            let store = store.clone();
            move || {
                outlet.replace(None);
                drop(driver);
                store.handle_session_end();
            }
        }
    });
    // The token of the first rendering stands in the session's config already.
    let told = use_mut_ref(|| token.clone());
    use_effect_with(token, move |token| {
        if *told.borrow() != *token {
            let wish = token
                .as_ref()
                .map_or(Wish::SignOut, |token| Wish::SetToken(token.as_str().to_owned()));
            if let Some(outlet) = &*outlet.borrow() {
                let _ = outlet.unbounded_send(wish);
            }
            told.replace(token.clone());
        }
    });
    ((*store).clone(), Rc::new(Link::clone(&link)))
}

/// The servers of the settings, or else the one that served the page.
fn config(servers: &[String]) -> Option<Config> {
    let mut servers = servers.iter().filter_map(|server| ServerUrl::parse(server).ok());
    let own = || ServerUrl::parse(&browser::window()?.location().origin().ok()?).ok();
    let mut config = Config::new(servers.next().or_else(own)?);
    config.others = servers.collect();
    Some(config)
}
