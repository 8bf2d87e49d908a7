//! What the engine asks over HTTP, and what it does with the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Symbol, Topic};

use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::engine::{CATALOG_EVERY, CONTEXTS_EVERY, Engine, Gate, Reading};
use crate::feeds::hyperliquid::info::InfoError;
use crate::feeds::hyperliquid::topics::accounts::Fetched;
use crate::feeds::hyperliquid::topics::{AccountFetch, Fetch};
use crate::feeds::hyperliquid::wire::info::Context;
use crate::feeds::hyperliquid::wire::{BookPace, Source, WireBook, WireCandle, WireTrade};

/// What came back over HTTP.
pub(super) enum Answer {
    Trades {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        trades: Result<Vec<WireTrade>, InfoError>,
    },
    Book {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        book: Result<Option<WireBook>, InfoError>,
    },
    Candles {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        candles: Result<Vec<WireCandle>, InfoError>,
    },
    Account {
        fetch: Fetch,
        fetched: Result<Fetched, InfoError>,
    },
    Catalog(Result<(), InfoError>),
    Contexts(Vec<BTreeMap<Symbol, Context>>),
}

impl Engine {
    pub(super) fn handle_answer(&mut self, answer: Answer) {
        let now = self.now();
        let effects = match answer {
            Answer::Trades {
                fetch,
                coin,
                round,
                trades,
            } => {
                self.asking.remove(&fetch);
                self.touch_all(&[Source::Trades { coin: coin.clone() }]);
                self.streams.handle_trades(&coin, round, noted(trades), now)
            }
            Answer::Book {
                fetch,
                coin,
                round,
                book,
            } => {
                self.asking.remove(&fetch);
                self.touch_all(&[Source::Book {
                    coin: coin.clone(),
                    pace: BookPace::Full,
                }]);
                self.streams.handle_book(&coin, round, noted(book), now)
            }
            Answer::Candles {
                fetch,
                coin,
                round,
                candles,
            } => {
                let Fetch::Candles { interval, .. } = fetch else {
                    return;
                };
                self.asking.remove(&fetch);
                self.touched.insert(Topic::Candles(coin.clone(), interval));
                self.streams
                    .handle_candles(&coin, interval, round, noted(candles), now)
            }
            Answer::Account { fetch, fetched } => {
                self.asking.remove(&fetch);
                let Fetch::Account {
                    user, what, round, ..
                } = fetch
                else {
                    return;
                };
                self.touched.insert(match what {
                    AccountFetch::Fills { .. } => Topic::UserFills(user.clone()),
                    AccountFetch::Orders | AccountFetch::OpenOrders => Topic::UserOrders(user.clone()),
                    AccountFetch::Perps | AccountFetch::Balances => Topic::AccountUpdates(user.clone()),
                });
                let millis = self.shared.clock.exchange_millis();
                self.streams
                    .handle_account(&user, what, round, noted(fetched), millis, now)
            }
            Answer::Catalog(read) => {
                self.handle_catalog(read, now);
                Vec::new()
            }
            Answer::Contexts(contexts) => {
                for contexts in contexts {
                    self.streams.handle_contexts(contexts, now);
                }
                self.streams.list(&self.shared.catalog.directory());
                self.contexts = Reading::Due(now + CONTEXTS_EVERY);
                Vec::new()
            }
        };
        self.effects.extend(effects);
        self.streams_due = Some(now);
    }

    pub(super) fn handle_catalog(&mut self, read: Result<(), InfoError>, now: Moment) {
        let wait = match noted(read) {
            Some(()) => {
                self.catalog_backoff.reset();
                CATALOG_EVERY
            }
            None => Duration::from_secs(1) + self.catalog_backoff.next(&mut self.rng),
        };
        self.catalog = Reading::Due(now + wait);
        self.streams.list(&self.shared.catalog.directory());
        let waiting = |gate: &Gate| matches!(gate, Gate::Waiting | Gate::Shut(_));
        let waiting: Vec<Topic> = self
            .followed
            .iter()
            .filter(|(_, it)| waiting(&it.gate))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in waiting {
            self.pass_gate(&topic, now);
            self.touched.insert(topic);
        }
    }

    pub(super) fn fetch(&mut self, fetch: Fetch) {
        if !self.asking.insert(fetch.clone()) {
            return;
        }
        let info = self.shared.info.clone();
        // Generous at the end: our clock may be behind the exchange's.
        let end = self.shared.clock.exchange_millis().saturating_add(24 * 3_600_000);
        self.ask(async move {
            match fetch.clone() {
                Fetch::Trades { coin, round } => Answer::Trades {
                    fetch,
                    coin: coin.clone(),
                    round,
                    trades: info.trades(coin).await,
                },
                Fetch::Book { coin, round } => Answer::Book {
                    fetch,
                    coin: coin.clone(),
                    round,
                    book: info.book(coin).await,
                },
                Fetch::Candles {
                    coin,
                    interval,
                    from,
                    round,
                } => {
                    let candles = info.candles(coin.clone(), interval, from, end).await;
                    Answer::Candles {
                        fetch,
                        coin,
                        round,
                        candles,
                    }
                }
                Fetch::Account { address, what, .. } => {
                    let fetched = match what {
                        AccountFetch::Fills { from } => info.fills(address, from).await.map(Fetched::Fills),
                        AccountFetch::Orders => info.order_changes(address).await.map(Fetched::Orders),
                        AccountFetch::OpenOrders => info.open_orders(address).await.map(Fetched::OpenOrders),
                        AccountFetch::Perps => info.positions(address).await.map(Fetched::Perps),
                        AccountFetch::Balances => info.balances(address).await.map(Fetched::Balances),
                    };
                    Answer::Account { fetch, fetched }
                }
            }
        });
    }

    /// Asks in a task of its own, a few at a time; the answer comes back to this one.
    pub(super) fn ask(&self, question: impl Future<Output = Answer> + Send + 'static) {
        let (questions, answers) = (Arc::clone(&self.questions), self.answers_tx.clone());
        self.tracker.spawn(async move {
            let Ok(_permit) = questions.acquire().await else {
                return;
            };
            let answer = tokio::select! {
                answer = question => answer,
                () = answers.closed() => return,
            };
            // Fails when the engine has ended: then nobody wants to know.
            let _ = answers.send(answer).await;
        });
    }
}

/// What came, or a note in the log about why not.
pub(super) fn noted<T>(answer: Result<T, InfoError>) -> Option<T> {
    answer
        .inspect_err(|error| tracing::debug!(%error, "a question to the exchange was not answered"))
        .ok()
}
