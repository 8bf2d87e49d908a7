//! Market data outside of Yew: bounded maps and rings behind [`Live`] handles. The driver writes, components watch.
//!
//! A write costs its own work and a wake; nothing is rendered before the next animation frame, and nothing at all while
//! the tab is hidden. What no component follows any more is dropped.

mod account;
mod activity;
mod asks;
mod book;
mod candles;
mod chain;
mod chains;
mod commands;
mod devices;
mod events;
mod feeds;
mod fleet;
mod ladder;
mod prices;
mod room;
mod rooms;
mod streams;
mod tape;
mod tasks;
mod wants;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use nexus_client::{Ask, AskError, AskId, Wish};
use nexus_protocol::{
    ChannelStatus, History, Interval, Payload, PresenceUpdate, Publication, Reply, Symbol, Timestamp, Topic,
    UserId,
};

use crate::canvas::book_curve::BookCurveHandle;
use crate::canvas::live::Live;
use crate::canvas::series::{Series, SeriesHandle, Step};
use crate::state::feed::{Moment, Stage};
use crate::state::rooms::RoomName;

pub(crate) use account::AccountBoard;
use asks::Asks;
pub(crate) use asks::{Complaint, News};
pub(crate) use book::{Book, Level};
pub(crate) use candles::bars_of;
pub(crate) use chain::Chain;
pub(crate) use commands::{CommandLife, Step as CommandStep};
pub(crate) use devices::Sent;
pub(crate) use events::{Happening, Tone};
pub(crate) use feeds::Feeds;
pub(crate) use fleet::{Device, Known, Metric};
pub(crate) use ladder::{Group, Ladder, Rung};
pub(crate) use prices::{Direction, PriceBoard, Quote};
pub(crate) use room::{Access, Delivery, Outgoing, Past, Room};
pub(crate) use streams::{Stream, StreamState};
pub(crate) use tape::{Entry, Tape, TapeTrade};
pub(crate) use tasks::Task;
pub(crate) use wants::{Want, Wants};

/// Bars of at most this length, in milliseconds, give a sparkline its past.
const SPARKLINE_BARS: u64 = 300_000;
/// Bars that are asked for at a time.
const OLDER_BARS: u32 = 500;
/// How long older bars may take.
const OLDER_WITHIN: Duration = Duration::from_secs(30);

/// All market data of the page. Clones are the same store.
#[derive(Clone)]
pub(crate) struct Store {
    shared: Rc<Shared>,
}

struct Shared {
    prices: Live<PriceBoard>,
    feeds: Live<Feeds>,
    markets: RefCell<HashMap<Symbol, MarketData>>,
    series: RefCell<HashMap<(Symbol, Interval), SeriesHandle>>,
    asks: Asks,
    /// How far the browser's clock is ahead of the server's, in milliseconds.
    skew: Cell<i64>,
    rooms: rooms::Rooms,
    chains: chains::Chains,
    accounts: RefCell<HashMap<UserId, Live<AccountBoard>>>,
    workshop: devices::Workshop,
    activity: activity::Activity,
    wants: Wants,
}

/// A store that may be gone.
#[derive(Clone)]
struct WeakStore(Weak<Shared>);

/// What is kept of one market while someone looks at it.
#[derive(Clone, Default)]
pub(crate) struct MarketData {
    /// The order book.
    pub(crate) book: Live<Book>,
    /// The book as a curve, for the depth chart.
    pub(crate) curve: BookCurveHandle,
    /// The trades.
    pub(crate) tape: Live<Tape>,
}

impl Store {
    /// An empty store, which asks for topics through `wants`.
    pub(crate) fn new(wants: Wants) -> Self {
        let shared = Shared {
            prices: Live::default(),
            feeds: Live::default(),
            markets: RefCell::default(),
            series: RefCell::default(),
            asks: Asks::default(),
            skew: Cell::new(0),
            rooms: rooms::Rooms::default(),
            chains: chains::Chains::default(),
            accounts: RefCell::default(),
            workshop: devices::Workshop::default(),
            activity: activity::Activity::default(),
            wants,
        };
        Store {
            shared: Rc::new(shared),
        }
    }

    /// The last prices of all markets.
    pub(crate) fn prices(&self) -> &Live<PriceBoard> {
        &self.shared.prices
    }

    /// How fresh each followed topic is.
    pub(crate) fn feeds(&self) -> &Live<Feeds> {
        &self.shared.feeds
    }

    /// What components want to follow.
    pub(crate) fn wants(&self) -> &Wants {
        &self.shared.wants
    }

    /// Book and trades of a market; empty before anything came.
    pub(crate) fn market(&self, symbol: &Symbol) -> MarketData {
        self.shared
            .markets
            .borrow_mut()
            .entry(symbol.clone())
            .or_default()
            .clone()
    }

    /// The bars of a market; empty before anything came.
    pub(crate) fn series(&self, symbol: &Symbol, interval: Interval) -> SeriesHandle {
        let new = || {
            let millis = i64::try_from(interval.millis()).unwrap_or(i64::MAX);
            SeriesHandle::new(Series::new(
                Step::parse(interval.as_str()).unwrap_or(Step::Millis(millis)),
            ))
        };
        self.shared
            .series
            .borrow_mut()
            .entry((symbol.clone(), interval))
            .or_insert_with(new)
            .clone()
    }

    /// Follows a topic until the returned want is dropped.
    pub(crate) fn want(&self, topic: &Topic) -> Want {
        if self.shared.wants.is_first(topic) {
            self.feeds().write(|feeds| feeds.ask(topic.clone()));
        }
        let store = self.clone();
        self.shared.wants.want(topic, move |topic| store.forget(topic))
    }

    /// Takes a publication that arrived at `now`.
    pub(crate) fn handle_publication(&self, publication: &Publication, now: Moment) {
        let snapshot = publication.snapshot;
        if self.feeds().read(|feeds| feeds.hear(&publication.topic, now)) {
            self.feeds().write(|_| ());
        }
        match (&publication.topic, &publication.payload) {
            (Topic::Prices(_), Payload::Prices(prices)) => {
                self.prices().write(|board| board.take(prices, snapshot, now));
            }
            (Topic::OrderBook(symbol, _), Payload::Book(book)) => {
                let market = self.market(symbol);
                market.book.write(|known| known.take(book));
                market.book.read(|known| {
                    let side = |levels: &[Level]| {
                        levels
                            .iter()
                            .map(|level| (level.value, level.size))
                            .collect::<Vec<_>>()
                    };
                    market
                        .curve
                        .write(|curve| curve.set(side(&known.bids), side(&known.asks)));
                });
            }
            (Topic::Trades(symbol), Payload::Trades(trades)) => {
                self.market(symbol).tape.write(|tape| tape.take(trades));
            }
            (Topic::Candles(symbol, interval), Payload::Candles(candles)) => {
                let bars = bars_of(&candles.candles);
                if snapshot && interval.millis() <= SPARKLINE_BARS {
                    self.prices().write(|board| board.backfill(symbol, &bars, now));
                }
                self.series(symbol, *interval)
                    .write(|series| candles::take(series, bars, snapshot));
            }
            (Topic::Telemetry, _) => self.handle_telemetry(publication),
            (Topic::Commands, _) => self.handle_command_publication(publication),
            (Topic::Tasks | Topic::Ai | Topic::Events, _) => self.handle_activity(publication),
            (Topic::Chain(id), _) => self.handle_chain_publication(id, publication),
            (Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user), _) => {
                self.handle_account_publication(user, publication);
            }
            (Topic::Named(_), Payload::Json(_)) => {
                if let Some(name) = RoomName::of(&publication.topic) {
                    self.handle_room_publication(&name, publication);
                }
            }
            // Other topics belong to views that are not there yet, and a payload of another kind than its topic's does
            // not leave the decoder.
            _ => {}
        }
    }

    /// A topic's subscription moved on.
    pub(crate) fn handle_stage(&self, topic: &Topic, stage: Stage) {
        if stage == Stage::Followed {
            match topic {
                Topic::Chain(id) => self.handle_chain_followed(id),
                Topic::Telemetry => self.handle_telemetry_followed(),
                Topic::Commands => self.handle_commands_followed(),
                Topic::Events => self.handle_events_followed(),
                topic => RoomName::of(topic)
                    .iter()
                    .for_each(|name| self.handle_room_followed(name)),
            }
        }
        self.feeds().write(|feeds| feeds.turn(topic, stage));
    }

    /// The server said how a topic's source is; times are already on the browser's clock.
    pub(crate) fn handle_status(&self, topic: &Topic, status: ChannelStatus) {
        self.feeds().write(|feeds| feeds.tell(topic, status));
    }

    /// Publications of a topic are missing, and what comes next may or may not overlap with what is known.
    pub(crate) fn handle_break(&self, topic: &Topic) {
        match topic {
            Topic::Trades(symbol) => self.market(symbol).tape.write(Tape::suspect),
            Topic::UserFills(user) => self.account(user).write(AccountBoard::suspect_fills),
            Topic::Chain(id) => self.handle_chain_break(id),
            topic => RoomName::of(topic)
                .iter()
                .for_each(|name| self.handle_room_break(name)),
        }
    }

    /// The source itself lost what happened between two moments.
    pub(crate) fn handle_source_gap(&self, topic: &Topic, from: Moment, to: Moment) {
        match topic {
            Topic::Trades(symbol) => self.market(symbol).tape.write(|tape| tape.declare_gap(from, to)),
            Topic::UserFills(user) => self.account(user).write(|board| board.declare_gap(from, to)),
            _ => {}
        }
    }

    /// The link is gone: everything has to be asked for again.
    pub(crate) fn handle_link_lost(&self) {
        self.feeds().write(Feeds::lose_link);
        self.handle_rooms_lost();
    }

    /// Someone came to or left a topic.
    pub(crate) fn handle_presence(&self, topic: &Topic, update: &PresenceUpdate, now: Moment) {
        if *topic == Topic::Telemetry {
            self.handle_device_presence(update);
        } else if let Some(name) = RoomName::of(topic) {
            self.handle_room_presence(&name, update, now);
        }
    }

    /// The server named its clock. `ahead` is how far the browser's is ahead of it, in milliseconds.
    pub(crate) fn handle_clock(&self, ahead: i64) {
        self.shared.skew.set(ahead);
    }

    /// A moment of the browser's clock by the server's, which stamps everything that is published.
    pub(crate) fn server_time(&self, moment: Moment) -> Moment {
        moment.saturating_add_signed(self.shared.skew.get().saturating_neg())
    }

    /// Asks, and tells `on_news` what becomes of it: any number of steps, then one answer.
    pub(crate) fn ask(&self, ask: Ask, within: Duration, on_news: impl Fn(News) + 'static) {
        self.ask_or_complain(ask, within, move |news| {
            on_news(news);
            None
        });
    }

    /// The same, for what a person should be told if it fails.
    fn ask_or_complain(
        &self,
        ask: Ask,
        within: Duration,
        on_news: impl Fn(News) -> Option<Complaint> + 'static,
    ) {
        let id = self.shared.asks.open(on_news);
        self.shared.wants.wish(Wish::Ask { id, ask, within });
    }

    fn weak(&self) -> WeakStore {
        WeakStore(Rc::downgrade(&self.shared))
    }

    /// Asks for bars that opened before a moment.
    pub(crate) fn ask_older(&self, symbol: &Symbol, interval: Interval, before: i64) {
        let history = History {
            before: Some(Timestamp::from_millis(u64::try_from(before).unwrap_or_default())),
            ..History::newest(Topic::Candles(symbol.clone(), interval), OLDER_BARS)
        };
        let (store, key) = (Rc::downgrade(&self.shared), (symbol.clone(), interval));
        self.ask_or_complain(Ask::History(history), OLDER_WITHIN, move |news| {
            // Gone together with who looked at it.
            let series = store.upgrade()?.series.borrow().get(&key).cloned()?;
            let page = match news {
                News::Answer(Ok(Reply::History(page))) => page,
                News::Answer(Ok(_)) | News::Progress(_) => {
                    return Some(no_older_bars("The server answered something else."));
                }
                News::Answer(Err(error)) => return Some(no_older_bars(&error.to_string())),
            };
            let bars = candles::bars_of_page(&page);
            series.write(|series| {
                if bars.is_empty() || !page.more {
                    series.mark_oldest_reached();
                }
                series.merge(bars);
            });
            None
        });
    }

    /// An ask goes on.
    pub(crate) fn handle_progress(&self, id: AskId, reply: Reply) -> Option<Complaint> {
        self.shared.asks.handle_progress(id, reply)
    }

    /// An ask has its answer.
    pub(crate) fn handle_answer(&self, id: AskId, result: Result<Reply, AskError>) -> Option<Complaint> {
        self.shared.asks.handle_answer(id, result)
    }

    /// The session is gone, and with it who could answer.
    pub(crate) fn handle_session_end(&self) {
        self.handle_link_lost();
        self.shared.asks.end();
    }

    /// Nobody follows the topic any more.
    fn forget(&self, topic: &Topic) {
        self.feeds().write(|feeds| feeds.forget(topic));
        match topic {
            // The list stays, so that it is there at once when it is shown again.
            Topic::Prices(_) => {}
            Topic::OrderBook(symbol, _) | Topic::Trades(symbol) => {
                let others = |topic: &Topic| matches!(topic, Topic::OrderBook(other, _) | Topic::Trades(other) if other == symbol);
                if !self.shared.wants.any(others) {
                    self.shared.markets.borrow_mut().remove(symbol);
                }
            }
            Topic::Candles(symbol, interval) => {
                self.shared
                    .series
                    .borrow_mut()
                    .remove(&(symbol.clone(), *interval));
            }
            Topic::Chain(id) => self.forget_chain(id),
            Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user) => {
                self.forget_account(user);
            }
            _ => {}
        }
    }
}

impl WeakStore {
    fn upgrade(&self) -> Option<Store> {
        self.0.upgrade().map(|shared| Store { shared })
    }
}

impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

fn no_older_bars(why: &str) -> Complaint {
    Complaint {
        title: "Older bars could not be loaded",
        text: why.to_owned(),
    }
}
