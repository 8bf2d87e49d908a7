//! All states of all topics that are followed, and which frame or answer belongs to which.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use nexus_protocol::{Depth, Interval, Symbol, Symbols, Topic, UserId};

use super::accounts::{AccountStreams, Fetched};
use super::books::Books;
use super::candles::Bars;
use super::prices::Board;
use super::trades::Tape;
use super::{AccountFetch, Effect};
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::directory::Directory;
use crate::feeds::hyperliquid::wire::info::Context;
use crate::feeds::hyperliquid::wire::{News, Source, WireBook, WireCandle, WireTrade};

/// All states of all topics that are followed.
#[derive(Debug)]
pub(crate) struct Streams {
    board: Board,
    /// The selections of prices that are followed.
    prices: HashSet<Option<Symbols>>,
    books: HashMap<Symbol, (Books, BTreeSet<Depth>)>,
    tapes: HashMap<Symbol, Tape>,
    bars: HashMap<(Symbol, Interval), Bars>,
    accounts: AccountStreams,
    /// Books dropped, of markets that are not followed any more.
    unsound_before: u64,
}

impl Streams {
    /// Nothing is followed.
    pub(crate) fn new() -> Self {
        Streams {
            board: Board::new(),
            prices: HashSet::new(),
            books: HashMap::new(),
            tapes: HashMap::new(),
            bars: HashMap::new(),
            accounts: AccountStreams::default(),
            unsound_before: 0,
        }
    }

    /// The sources that a topic is made of.
    pub(crate) fn sources(topic: &Topic) -> Vec<Source> {
        match topic {
            Topic::Prices(None) => vec![Source::Mids { dex: String::new() }],
            Topic::Prices(Some(symbols)) => {
                let dexes: BTreeSet<&str> = symbols.iter().map(Directory::dex_of).collect();
                dexes
                    .into_iter()
                    .map(|dex| Source::Mids { dex: dex.to_owned() })
                    .collect()
            }
            Topic::OrderBook(symbol, depth) => Books::sources(symbol, *depth),
            // The bars say how many trades there were.
            Topic::Trades(symbol) => vec![
                Source::Trades { coin: symbol.clone() },
                Source::Candles {
                    coin: symbol.clone(),
                    interval: Interval::Minute1,
                },
            ],
            Topic::Candles(symbol, interval) => {
                vec![Source::Candles {
                    coin: symbol.clone(),
                    interval: *interval,
                }]
            }
            Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::AccountUpdates(_)
            | Topic::Telemetry
            | Topic::Commands
            | Topic::Tasks
            | Topic::Ai
            | Topic::Events
            | Topic::Chain(_)
            | Topic::System
            | Topic::Named(_) => Vec::new(),
        }
    }

    /// A topic of an account is followed from now on, or again.
    pub(crate) fn open_account(&mut self, topic: &Topic, address: &Address, now: Moment) -> Vec<Effect> {
        self.accounts.open(topic, address, now)
    }

    /// A topic of an account joins sources that were subscribed before.
    pub(crate) fn handle_already_subscribed(&mut self, topic: &Topic, now: Moment) {
        self.accounts.handle_already_subscribed(topic, now);
    }

    /// The answer to a question about an account, or none if there is none. `millis` is the exchange's time.
    pub(crate) fn handle_account(
        &mut self,
        user: &UserId,
        what: AccountFetch,
        round: u64,
        fetched: Option<Fetched>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        self.accounts
            .handle_fetched(user, what, round, fetched, millis, now)
    }

    /// A topic is followed from now on, or again.
    pub(crate) fn open(&mut self, topic: &Topic, now: Moment) -> Vec<Effect> {
        match topic {
            Topic::Prices(symbols) => {
                self.prices.insert(symbols.clone());
                self.board.whole(symbols.as_ref(), now).into_iter().collect()
            }
            Topic::OrderBook(symbol, depth) => {
                let (books, depths) = self
                    .books
                    .entry(symbol.clone())
                    .or_insert_with(|| (Books::new(symbol.clone()), BTreeSet::new()));
                depths.insert(*depth);
                books.add(*depth, now)
            }
            Topic::Trades(symbol) => {
                self.tapes
                    .entry(symbol.clone())
                    .or_insert_with(|| Tape::new(symbol.clone(), now));
                Vec::new()
            }
            Topic::Candles(symbol, interval) => {
                let key = (symbol.clone(), *interval);
                self.bars
                    .entry(key)
                    .or_insert_with(|| Bars::new(symbol.clone(), *interval, now));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// A topic is not followed any more. Its past is kept where it may be continued.
    pub(crate) fn close(&mut self, topic: &Topic) {
        match topic {
            Topic::Prices(symbols) => {
                self.prices.remove(symbols);
                if self.prices.is_empty() {
                    self.board.clear();
                }
            }
            Topic::OrderBook(symbol, depth) => {
                let Some((books, depths)) = self.books.get_mut(symbol) else {
                    return;
                };
                books.remove(*depth);
                depths.remove(depth);
                if depths.is_empty() {
                    self.unsound_before += books.unsound;
                    self.books.remove(symbol);
                }
            }
            Topic::Trades(symbol) => {
                if let Some(tape) = self.tapes.get_mut(symbol) {
                    tape.handle_lost();
                }
            }
            Topic::Candles(symbol, interval) => {
                if let Some(bars) = self.bars.get_mut(&(symbol.clone(), *interval)) {
                    bars.handle_lost();
                }
            }
            _ => self.accounts.close(topic),
        }
    }

    /// The past of a topic is not continued.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        match topic {
            Topic::Trades(symbol) => drop(self.tapes.remove(symbol)),
            Topic::Candles(symbol, interval) => drop(self.bars.remove(&(symbol.clone(), *interval))),
            _ => self.accounts.forget(topic),
        }
    }

    /// Whether a topic shows its market as it is now, given that its sources flow.
    pub(crate) fn is_current(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Prices(_) => true,
            Topic::OrderBook(symbol, depth) => self
                .books
                .get(symbol)
                .is_some_and(|(books, _)| books.is_current(*depth)),
            Topic::Trades(symbol) => self.tapes.get(symbol).is_some_and(Tape::is_current),
            Topic::Candles(symbol, interval) => self
                .bars
                .get(&(symbol.clone(), *interval))
                .is_some_and(Bars::is_current),
            _ => self.accounts.is_current(topic),
        }
    }

    /// When the last bar of a topic opened.
    pub(crate) fn last_bar(&self, symbol: &Symbol, interval: Interval) -> Option<u64> {
        self.bars
            .get(&(symbol.clone(), interval))
            .and_then(Bars::last_bar)
    }

    /// Books that were not published, because they could not be right.
    pub(crate) fn unsound_books(&self) -> u64 {
        self.unsound_before + self.books.values().map(|(books, _)| books.unsound).sum::<u64>()
    }

    /// Dexes whose prices are followed.
    pub(crate) fn dexes(&self) -> BTreeSet<String> {
        let topics = self.prices.iter().cloned().map(Topic::Prices);
        let sources = topics.flat_map(|topic| Self::sources(&topic));
        sources
            .filter_map(|source| match source {
                Source::Mids { dex } => Some(dex),
                _ => None,
            })
            .collect()
    }

    /// Which markets stand on the whole board of prices.
    pub(crate) fn list(&mut self, directory: &Directory) {
        self.board.list(directory.board());
    }

    /// What the day brought to some markets.
    pub(crate) fn handle_contexts(&mut self, contexts: BTreeMap<Symbol, Context>, now: Moment) {
        self.board.handle_contexts(contexts, now);
    }

    /// A source is subscribed.
    pub(crate) fn handle_subscribed(&mut self, source: &Source, now: Moment) {
        match source {
            Source::Mids { .. } => {}
            Source::Book { coin, pace } => {
                if let Some((books, _)) = self.books.get_mut(coin) {
                    books.handle_subscribed(*pace, now);
                }
            }
            Source::Trades { coin } => {
                if let Some(tape) = self.tapes.get_mut(coin) {
                    tape.handle_subscribed(now);
                }
            }
            Source::Candles { coin, interval } => {
                if let Some(bars) = self.bars.get_mut(&(coin.clone(), *interval)) {
                    bars.handle_subscribed(now);
                }
            }
            Source::Fills { .. }
            | Source::Orders { .. }
            | Source::OpenOrders { .. }
            | Source::Perps { .. }
            | Source::Balances { .. } => self.accounts.handle_subscribed(source, now),
        }
    }

    /// A source is not subscribed any more.
    pub(crate) fn handle_lost(&mut self, source: &Source) {
        match source {
            Source::Mids { .. } => {}
            Source::Book { coin, pace } => {
                if let Some((books, _)) = self.books.get_mut(coin) {
                    books.handle_lost(*pace);
                }
            }
            Source::Trades { coin } => {
                if let Some(tape) = self.tapes.get_mut(coin) {
                    tape.handle_lost();
                }
            }
            Source::Candles { coin, interval } => {
                if let Some(bars) = self.bars.get_mut(&(coin.clone(), *interval)) {
                    bars.handle_lost();
                }
            }
            Source::Fills { .. }
            | Source::Orders { .. }
            | Source::OpenOrders { .. }
            | Source::Perps { .. }
            | Source::Balances { .. } => self.accounts.handle_lost(source),
        }
    }

    /// News of a source may be missing.
    pub(crate) fn handle_doubt(&mut self, source: &Source, now: Moment) {
        match source {
            // The next frame makes up for it.
            Source::Mids { .. } | Source::Book { .. } => {}
            Source::Trades { coin } => {
                if let Some(tape) = self.tapes.get_mut(coin) {
                    tape.handle_doubt(now);
                }
            }
            Source::Candles { coin, interval } => {
                if let Some(bars) = self.bars.get_mut(&(coin.clone(), *interval)) {
                    bars.handle_doubt(now);
                }
            }
            Source::Fills { .. }
            | Source::Orders { .. }
            | Source::OpenOrders { .. }
            | Source::Perps { .. }
            | Source::Balances { .. } => self.accounts.handle_doubt(source, now),
        }
    }

    /// News of an account. `millis` is the exchange's time.
    pub(crate) fn handle_account_news(&mut self, news: News, millis: u64, now: Moment) -> Vec<Effect> {
        self.accounts.handle_news(news, millis, now)
    }

    /// News of a market. `millis` is the wall clock.
    pub(crate) fn handle_news(&mut self, news: News, millis: u64, now: Moment) -> Vec<Effect> {
        match news {
            News::Mids { dex, mids } => {
                let (changed, gone) = self.board.handle_mids(&dex, mids, millis, now);
                let topics = self.prices.iter();
                topics
                    .flat_map(|symbols| self.board.publish(symbols.as_ref(), &changed, &gone))
                    .collect()
            }
            News::Book(book) => match self.books.get_mut(&book.coin) {
                Some((books, depths)) => books.handle_book(book, depths, now),
                None => Vec::new(),
            },
            News::Trades(trades) => {
                let coin = trades.first().map(|trade| trade.coin.clone());
                let Some(tape) = coin.as_ref().and_then(|coin| self.tapes.get_mut(coin)) else {
                    return Vec::new();
                };
                // A frame is of one market. Should it ever not be, the others would stand on the wrong tape.
                let trades = trades
                    .into_iter()
                    .filter(|trade| Some(&trade.coin) == coin.as_ref());
                tape.handle_trades(trades.collect(), now)
            }
            News::Candle(candle) => {
                if candle.interval == Interval::Minute1
                    && let Some(tape) = self.tapes.get_mut(&candle.coin)
                {
                    tape.handle_bar(candle.time, candle.count, now);
                }
                match self.bars.get_mut(&(candle.coin.clone(), candle.interval)) {
                    Some(bars) => bars.handle_candle(candle, now),
                    None => Vec::new(),
                }
            }
            News::Fills { .. }
            | News::Orders { .. }
            | News::OpenOrders { .. }
            | News::Perps { .. }
            | News::Balances { .. } => Vec::new(),
        }
    }

    /// The latest trades, or nothing if they could not be had.
    pub(crate) fn handle_trades(
        &mut self,
        coin: &Symbol,
        round: u64,
        trades: Option<Vec<WireTrade>>,
        now: Moment,
    ) -> Vec<Effect> {
        match (self.tapes.get_mut(coin), trades) {
            (Some(tape), Some(trades)) => tape.handle_fetched(round, trades, now),
            (Some(tape), None) => {
                tape.handle_not_fetched(round, now);
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    /// A full book, or nothing if it could not be had.
    pub(crate) fn handle_book(
        &mut self,
        coin: &Symbol,
        round: u64,
        book: Option<Option<WireBook>>,
        now: Moment,
    ) -> Vec<Effect> {
        match (self.books.get_mut(coin), book) {
            (Some((books, depths)), Some(book)) => books.handle_fetched(round, book, depths, now),
            (Some((books, _)), None) => {
                books.handle_not_fetched(round, now);
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    /// Bars of the archive, or nothing if they could not be had.
    pub(crate) fn handle_candles(
        &mut self,
        coin: &Symbol,
        interval: Interval,
        round: u64,
        candles: Option<Vec<WireCandle>>,
        now: Moment,
    ) -> Vec<Effect> {
        match (self.bars.get_mut(&(coin.clone(), interval)), candles) {
            (Some(bars), Some(candles)) => bars.handle_fetched(round, candles, now),
            (Some(bars), None) => {
                bars.handle_not_fetched(round, now);
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    /// What time alone brings about, and which topics it may have changed. `exchange_millis` is the exchange's time.
    pub(crate) fn poll(&mut self, exchange_millis: u64, now: Moment) -> (Vec<Effect>, Vec<Topic>) {
        let is_due = |wake: Option<Moment>| wake.is_some_and(|wake| wake <= now);
        let (mut effects, mut touched) = (Vec::new(), Vec::new());
        for (books, _) in self
            .books
            .values_mut()
            .filter(|(books, _)| is_due(books.next_wake()))
        {
            effects.extend(books.poll(now));
        }
        for (symbol, tape) in self.tapes.iter_mut().filter(|(_, tape)| is_due(tape.next_wake())) {
            effects.extend(tape.poll(now));
            touched.push(Topic::Trades(symbol.clone()));
        }
        for ((symbol, interval), bars) in self.bars.iter_mut().filter(|(_, bars)| is_due(bars.next_wake())) {
            effects.extend(bars.poll(exchange_millis, now));
            touched.push(Topic::Candles(symbol.clone(), *interval));
        }
        let (of_accounts, topics) = self.accounts.poll(exchange_millis, now);
        effects.extend(of_accounts);
        touched.extend(topics);
        (effects, touched)
    }

    /// When [`Streams::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let books = self.books.values().filter_map(|(books, _)| books.next_wake());
        let tapes = self.tapes.values().filter_map(Tape::next_wake);
        let bars = self.bars.values().filter_map(Bars::next_wake);
        books
            .chain(tapes)
            .chain(bars)
            .chain(self.accounts.next_wake())
            .min()
    }
}
