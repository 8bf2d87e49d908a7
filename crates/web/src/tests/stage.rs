//! A stage for components: contexts like the application's, a store that the test writes, wishes and messages that it
//! reads, and hands.

use std::cell::RefCell;
use std::rc::Rc;

use nexus_client::Wish;
use nexus_protocol::{
    Book, BookLevel, ChannelStatus, Decimal, Depth, FeedState, Offset, Payload, Price, Publication, Side,
    Symbol, Timestamp, Topic, Trade, Trades, UserId,
};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Element, Event, EventInit, HtmlElement, HtmlInputElement, KeyboardEvent, KeyboardEventInit, PointerEvent,
    PointerEventInit,
};
use yew::{
    AppHandle, Callback, ContextProvider, Html, Properties, Renderer, component, html, use_reducer, use_state,
};

use crate::components::{Dialog, OpenDialog, StarsProvider};
use crate::hooks::{Places, SettingsHandle, TokenDesk};
use crate::state::feed::{Moment, Stage as FeedStage};
use crate::state::link::{Identity, Link, Phase};
use crate::state::place::{Markets, Place};
use crate::state::settings::Settings;
use crate::state::token::Token;
use crate::store::{Store, Wants};

/// The moment at which everything in a test happens; close to the browser's, so that nothing is old.
pub(super) fn now() -> Moment {
    crate::browser::now()
}

/// A mounted component and its surroundings. Dropping it unmounts.
pub(super) struct Stage {
    pub(super) store: Store,
    pub(super) wishes: Rc<RefCell<Vec<Wish>>>,
    pub(super) opened: Rc<RefCell<Vec<Dialog>>>,
    pub(super) went: Rc<RefCell<Vec<Markets>>>,
    pub(super) signed_in: Rc<RefCell<Vec<(Token, bool)>>>,
    host: Element,
    props: Props,
    app: Option<AppHandle<Surroundings>>,
}

#[derive(Clone, PartialEq, Properties)]
struct Props {
    store: Store,
    link: Rc<Link>,
    show: Callback<(), Html>,
    open: OpenDialog,
    go: Callback<Markets>,
    sign_in: Callback<(Token, bool)>,
    token: Option<Token>,
    settings: Settings,
}

#[component]
fn Surroundings(props: &Props) -> Html {
    let settings: SettingsHandle = {
        let first = props.settings.clone();
        use_reducer(move || first)
    };
    let here = use_state(|| Rc::new(Markets::default()));
    let go = {
        let (here, go) = (here.setter(), props.go.clone());
        yew::use_callback((), move |(place, _): (Place, _), ()| {
            let Place::Markets(place) = place else { return };
            go.emit(place.clone());
            here.set(Rc::new(place));
        })
    };
    let places = Places {
        here: (*here).clone(),
        go,
    };
    let desk = TokenDesk {
        token: props.token.clone(),
        sign_in: props.sign_in.clone(),
        sign_out: Callback::noop(),
    };
    html! {
        <ContextProvider<SettingsHandle> context={settings}>
        <ContextProvider<Store> context={props.store.clone()}>
        <ContextProvider<Rc<Link>> context={props.link.clone()}>
        <ContextProvider<TokenDesk> context={desk}>
        <ContextProvider<OpenDialog> context={props.open.clone()}>
        <ContextProvider<Places> context={places}>
        <StarsProvider>{ props.show.emit(()) }</StarsProvider>
        </ContextProvider<Places>>
        </ContextProvider<OpenDialog>>
        </ContextProvider<TokenDesk>>
        </ContextProvider<Rc<Link>>>
        </ContextProvider<Store>>
        </ContextProvider<SettingsHandle>>
    }
}

impl Stage {
    /// Mounts what `show` gives on an empty store, with a link that is up.
    pub(super) async fn show(show: fn() -> Html) -> Self {
        Self::mount(show, None, Settings::default()).await
    }

    /// The same for someone who is signed in, and has set something.
    pub(super) async fn show_to(user: &str, settings: Settings, show: fn() -> Html) -> Self {
        let stage = Self::mount(show, Some(user), settings).await;
        stage.store.handle_identity(&UserId::parse(user).unwrap());
        stage
    }

    async fn mount(show: fn() -> Html, user: Option<&str>, settings: Settings) -> Self {
        let wishes: Rc<RefCell<Vec<Wish>>> = Rc::default();
        let opened: Rc<RefCell<Vec<Dialog>>> = Rc::default();
        let went: Rc<RefCell<Vec<Markets>>> = Rc::default();
        let signed_in: Rc<RefCell<Vec<(Token, bool)>>> = Rc::default();
        let store = Store::new(Wants::new(recorder(&wishes)));
        crate::browser::remove(crate::browser::Keep::Device, "nexus.favourites");
        let props = Props {
            store: store.clone(),
            link: Rc::new(Link {
                phase: Phase::Up,
                identity: user.map(|user| Identity {
                    user: user.into(),
                    expires_at: now() + 3_600_000,
                }),
                ..Link::new("ws://test/v1/ws")
            }),
            token: user.map(|_| Token::parse("e30.e30.x", now()).unwrap()),
            settings,
            show: Callback::from(move |()| show()),
            open: recorder(&opened),
            go: recorder(&went),
            sign_in: recorder(&signed_in),
        };
        let document = crate::browser::document().unwrap();
        let host = document.create_element("div").unwrap();
        // The rules that decide sizes; looks do not matter here.
        let style = document.create_element("style").unwrap();
        style.set_text_content(Some(
            ":root { --row-watch: 44px; --row: 22px } .watch-scroll, .tape-body { height: 440px; overflow: auto; display: block }
             .vlist { position: relative; display: block } .vlist > * { position: absolute; height: 44px }
             .stream-body { max-height: 100px; overflow: auto }
             .visually-hidden { position: absolute; clip-path: inset(50%) }",
        ));
        let root = document.create_element("div").unwrap();
        host.append_child(&style).unwrap();
        host.append_child(&root).unwrap();
        document.body().unwrap().append_child(&host).unwrap();
        let app = Renderer::<Surroundings>::with_root_and_props(root, props.clone()).render();
        let stage = Stage {
            store,
            wishes,
            opened,
            went,
            signed_in,
            host,
            props,
            app: Some(app),
        };
        stage.settle().await;
        stage
    }

    /// Lets the link be in another phase.
    pub(super) async fn link(&mut self, phase: Phase) {
        self.props.link = Rc::new(Link {
            phase,
            ..Link::clone(&self.props.link)
        });
        if let Some(app) = &mut self.app {
            app.update(self.props.clone());
        }
        self.settle().await;
    }

    /// Until what was written is drawn. Effects of a rendering may write, hence more than once.
    pub(super) async fn settle(&self) {
        for _ in 0..3 {
            yew::scheduler::flush().await;
            frame().await;
            while crate::hooks::frames::is_pending() {
                frame().await;
            }
        }
        yew::scheduler::flush().await;
    }

    /// Until also what renders only a few times a second is drawn.
    pub(super) async fn calm(&self) {
        self.settle().await;
        while crate::hooks::is_resting() {
            frame().await;
        }
        self.settle().await;
    }

    /// The server confirms a topic.
    pub(super) fn follow(&self, topic: &Topic, state: FeedState) {
        self.store.handle_stage(topic, FeedStage::Followed);
        self.store
            .handle_status(topic, ChannelStatus::new(state, Timestamp::from_millis(now())));
    }

    /// A publication arrives.
    pub(super) fn publish(&self, topic: Topic, payload: Payload) {
        self.publish_as(topic, payload, Offset(1), None);
    }

    /// Someone's publication arrives.
    pub(super) fn publish_as(&self, topic: Topic, payload: Payload, offset: Offset, from: Option<&str>) {
        let publication = Publication {
            topic,
            offset,
            snapshot: false,
            conflated: 0,
            timestamp: Timestamp::from_millis(now()),
            from: from.map(|from| UserId::parse(from).unwrap()),
            payload,
        };
        self.store.handle_publication(&publication, now());
    }

    /// The first element with this hook.
    pub(super) fn find(&self, hook: &str) -> Option<Element> {
        self.select(&format!("[data-testid='{hook}']"))
    }

    /// The first element that a selector finds.
    pub(super) fn select(&self, selector: &str) -> Option<Element> {
        self.host.query_selector(selector).unwrap()
    }

    /// Every element with this hook.
    pub(super) fn all(&self, hook: &str) -> Vec<Element> {
        let list = self
            .host
            .query_selector_all(&format!("[data-testid='{hook}']"))
            .unwrap();
        (0..list.length())
            .map(|at| list.get(at).unwrap().unchecked_into())
            .collect()
    }

    /// An attribute of every element with this hook.
    pub(super) fn attributes(&self, hook: &str, name: &str) -> Vec<String> {
        self.all(hook)
            .iter()
            .map(|element| element.get_attribute(name).unwrap_or_default())
            .collect()
    }

    /// The text of the first element with this hook.
    pub(super) fn text(&self, hook: &str) -> String {
        self.find(hook)
            .and_then(|element| element.text_content())
            .unwrap_or_default()
    }

    /// Clicks the first element with this hook.
    pub(super) async fn click(&self, hook: &str) {
        self.find(hook).unwrap().unchecked_into::<HtmlElement>().click();
        self.settle().await;
    }

    /// Presses a key on an element.
    pub(super) async fn press(&self, on: &Element, key: &str) {
        let init = KeyboardEventInit::new();
        init.set_key(key);
        init.set_bubbles(true);
        init.set_cancelable(true);
        let event = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init).unwrap();
        on.dispatch_event(&event).unwrap();
        self.settle().await;
    }

    /// Presses a key with the focus nowhere.
    pub(super) async fn hotkey(&self, key: &str) {
        let body = crate::browser::document().unwrap().body().unwrap();
        self.press(&body, key).await;
    }

    /// Moves the pointer into an element, or out of it.
    pub(super) async fn point(&self, at: &Element, kind: &str) {
        let init = PointerEventInit::new();
        init.set_pointer_type("mouse");
        init.set_bubbles(kind == "pointerover");
        at.dispatch_event(&PointerEvent::new_with_event_init_dict(kind, &init).unwrap())
            .unwrap();
        self.settle().await;
    }

    /// Types a text into a field, in place of what is there.
    pub(super) async fn fill(&self, hook: &str, text: &str) {
        let field = self.find(hook).unwrap();
        match field.dyn_ref::<HtmlInputElement>() {
            Some(input) => input.set_value(text),
            None => field
                .unchecked_ref::<web_sys::HtmlTextAreaElement>()
                .set_value(text),
        }
        bubble(&field, "input");
        self.settle().await;
    }

    /// Unmounts.
    pub(super) async fn leave(mut self) -> Rc<RefCell<Vec<Wish>>> {
        if let Some(app) = self.app.take() {
            app.destroy();
        }
        yew::scheduler::flush().await;
        self.wishes.clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            app.destroy();
        }
        self.host.remove();
    }
}

/// Lets an event happen on an element and on all that it is in.
pub(super) fn bubble(on: &Element, kind: &str) {
    let init = EventInit::new();
    init.set_bubbles(true);
    on.dispatch_event(&Event::new_with_event_init_dict(kind, &init).unwrap())
        .unwrap();
}

/// Until the browser has drawn once.
pub(super) async fn frame() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        crate::browser::window()
            .unwrap()
            .request_animation_frame(&resolve)
            .unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

fn recorder<T: 'static>(into: &Rc<RefCell<Vec<T>>>) -> Callback<T> {
    let into = into.clone();
    Callback::from(move |value| into.borrow_mut().push(value))
}

pub(super) fn symbol(name: &str) -> Symbol {
    Symbol::parse(name).unwrap()
}

pub(super) fn trades_topic() -> Topic {
    Topic::Trades(symbol("BTC"))
}

pub(super) fn book_topic() -> Topic {
    Topic::OrderBook(symbol("BTC"), Depth::MAX)
}

/// Prices by name; a coin's volume follows from its place, the first has the most.
pub(super) fn prices(of: &[(&str, &str)]) -> Payload {
    let price = |place: usize, text: &str| Price {
        price: Decimal::parse(text).unwrap(),
        change24h: Some(Decimal::parse("1.5").unwrap()),
        volume24h: Some(Decimal::parse(&format!("{}", 1_000_000 - place)).unwrap()),
        timestamp: now(),
    };
    let of = of.iter().enumerate();
    Payload::Prices(
        of.map(|(place, (name, text))| (symbol(name), price(place, text)))
            .collect(),
    )
}

/// Trades by id; their times follow from it.
pub(super) fn trades(ids: impl IntoIterator<Item = u64>) -> Payload {
    let trade = |id: u64| Trade {
        id,
        price: Decimal::parse("67241.5").unwrap(),
        size: Decimal::parse("0.5").unwrap(),
        side: if id.is_multiple_of(2) {
            Side::Buy
        } else {
            Side::Sell
        },
        timestamp: id * 1_000,
    };
    Payload::Trades(Trades {
        symbol: symbol("BTC"),
        trades: ids.into_iter().map(trade).collect(),
        gap: None,
    })
}

/// A book out of prices with a size of one each, best first.
pub(super) fn book(bids: &[&str], asks: &[&str]) -> Payload {
    let level = |price: &&str| BookLevel {
        price: Decimal::parse(price).unwrap(),
        size: Decimal::parse("1.0").unwrap(),
    };
    Payload::Book(Book {
        symbol: symbol("BTC"),
        bids: bids.iter().map(level).collect(),
        asks: asks.iter().map(level).collect(),
        timestamp: now(),
        deep_timestamp: None,
    })
}
