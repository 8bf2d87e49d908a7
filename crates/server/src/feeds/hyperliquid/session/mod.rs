//! One WebSocket link to the exchange as a state machine without IO: what to send when, what is subscribed, whether
//! news comes as it should, when to hang up and when to try again.
//!
//! **After each `handle_*`, `want`, `unwant` or `renew`, call [`Session::poll`] until it answers `Wait`.** Time is an
//! argument, chance comes from a seed.
//!
//! Promises: everything wanted is subscribed again after every loss; a source is never subscribed before its
//! unsubscribe was answered (or 10 s passed); a topic that falls silent is told of; a subscription that kills the link
//! is told of as accused and left out, so that it cannot take the others along again and again. Must never touch a
//! socket, a clock or what the news mean.

mod output;
mod subscription;
mod suspects;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(crate) use self::output::{Counts, Ending, Output, Timer, Told};
use self::subscription::{Stage, Subscription};
use super::backoff::Backoff;
use super::budget::Budget;
use super::clock::Moment;
use super::pauses::Pauses;
use super::wire::{Act, Complaint, Inbound, News, PING, Source};

/// A ping is sent at least so often: the exchange closes links on which it sent nothing for 60 s.
const PING_EVERY: Duration = Duration::from_secs(20);
/// When nothing came for so long, a ping asks whether anybody is there.
const PING_WHEN_QUIET: Duration = Duration::from_secs(10);
/// A ping must be answered within this.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// A link on which nothing came for so long is doubtful, and everything on it is old.
const SILENT_AFTER: Duration = Duration::from_secs(15);
/// And after this it is dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// An answer to a subscribe or unsubscribe must come within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A subscribe that was not answered so often is given up.
const MAX_UNANSWERED: u32 = 3;
/// The link has proved healthy when news came for so long.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// A subscription that stood for so long without harm is proven.
const PROVEN_AFTER: Duration = Duration::from_secs(10);
/// A link that carries nothing is closed after this.
const IDLE_FOR: Duration = Duration::from_secs(10);
/// How often subscriptions are looked over.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// The longest pause after the loss of a link that was open. Where even opening fails, the back-off rules.
const LONGEST_AFTER_LOSS: Duration = Duration::from_secs(8);
/// How long nothing is sent after the exchange complained of too much.
const HOLD_FOR: Duration = Duration::from_secs(10);
/// The usual pause between frames, until it is known better.
const USUAL_PAUSE: Duration = Duration::from_secs(5);
/// A link is given up for a source that stays silent at most so often, doubling.
const RESCUE_FIRST: Duration = Duration::from_secs(60);
const RESCUE_LONGEST: Duration = Duration::from_secs(15 * 60);

/// The state machine of one link.
#[derive(Debug)]
pub(crate) struct Session {
    phase: Phase,
    subscriptions: BTreeMap<Source, Subscription>,
    /// Sources to look at: to subscribe, to unsubscribe or to forget.
    todo: VecDeque<Source>,
    told: VecDeque<Told>,
    backoff: Backoff,
    rescue: Backoff,
    /// The link is not given up for a silent source before this.
    next_rescue: Moment,
    /// Links in a row that died young, without a word.
    young_deaths: u32,
    /// Counts what was sent, to know what was sent last.
    sent: u64,
    /// An accused source is tried again.
    keeps_accused: bool,
    counts: Counts,
    rng: fastrand::Rng,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is wanted.
    Idle,
    /// The next attempt comes at a moment.
    Waiting { until: Moment },
    /// The driver is at it.
    Connecting,
    /// The link is open.
    Up(Up),
}

#[derive(Debug)]
struct Up {
    since: Moment,
    /// When the last frame of any kind came.
    heard: Moment,
    /// What is usual between frames.
    pauses: Pauses,
    /// Since when news came.
    news_since: Option<Moment>,
    /// When the last ping was sent, at first when the link opened.
    pinged: Moment,
    awaits_pong: bool,
    /// Something on the link is quiet: ask at once whether anybody is there.
    is_doubted: bool,
    /// It was told that nothing comes.
    is_silent: bool,
    /// Nothing is sent before this.
    held_until: Moment,
    watched: Moment,
    /// Since when nothing is wanted.
    idle_since: Option<Moment>,
    /// Hang up, for this reason.
    condemned: Option<&'static str>,
}

impl Session {
    /// A session that is not connected and wants nothing. `backoff` is the pause between attempts.
    pub(crate) fn new(seed: u64, backoff: Backoff) -> Self {
        Session {
            phase: Phase::Idle,
            subscriptions: BTreeMap::new(),
            todo: VecDeque::new(),
            told: VecDeque::new(),
            backoff,
            rescue: Backoff::new(RESCUE_FIRST, RESCUE_LONGEST),
            next_rescue: Moment::START,
            young_deaths: 0,
            sent: 0,
            keeps_accused: false,
            counts: Counts::default(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Does not leave out an accused source, but tries it again and again: for a link that it has to itself.
    pub(crate) fn keeping_the_accused(mut self) -> Self {
        self.keeps_accused = true;
        self
    }

    /// The back-off of ordinary links.
    pub(crate) const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

    /// From now on this source is to be subscribed.
    pub(crate) fn want(&mut self, source: Source, now: Moment) {
        self.subscriptions.entry(source.clone()).or_default().is_wanted = true;
        self.todo.push_back(source);
        match &mut self.phase {
            Phase::Idle => {
                if self.keeps_accused {
                    // The pauses that one suspect earned are not the next one's.
                    self.backoff.reset();
                    self.young_deaths = 0;
                }
                self.phase = Phase::Waiting { until: now };
            }
            Phase::Up(up) => up.idle_since = None,
            Phase::Waiting { .. } | Phase::Connecting => {}
        }
    }

    /// From now on it is not.
    pub(crate) fn unwant(&mut self, source: &Source, now: Moment) {
        let Some(subscription) = self.subscriptions.get_mut(source) else {
            return;
        };
        subscription.is_wanted = false;
        self.todo.push_back(source.clone());
        if self
            .subscriptions
            .values()
            .any(|subscription| subscription.is_wanted)
        {
            return;
        }
        match &mut self.phase {
            Phase::Up(up) => up.idle_since = Some(now),
            Phase::Waiting { .. } => {
                self.subscriptions.clear();
                self.phase = Phase::Idle;
            }
            Phase::Idle | Phase::Connecting => {}
        }
    }

    /// Unsubscribes and subscribes anew: what the source sent was found to be incomplete.
    pub(crate) fn renew(&mut self, source: &Source) {
        if let Some(subscription) = self.subscriptions.get_mut(source)
            && matches!(subscription.stage, Stage::Active { .. })
        {
            subscription.is_to_renew = true;
            self.todo.push_back(source.clone());
        }
    }

    /// The link is open.
    pub(crate) fn handle_opened(&mut self, now: Moment) {
        let wants_nothing = !self
            .subscriptions
            .values()
            .any(|subscription| subscription.is_wanted);
        self.counts.opened += 1;
        self.phase = Phase::Up(Up {
            since: now,
            heard: now,
            pauses: Pauses::new(USUAL_PAUSE, now),
            news_since: None,
            pinged: now,
            awaits_pong: false,
            is_doubted: false,
            is_silent: false,
            held_until: now,
            watched: now,
            idle_since: wants_nothing.then_some(now),
            condemned: None,
        });
        self.told.push_back(Told::Up);
        // Those that proved harmless go first, so that one that does harm cannot hide among them.
        let mut sources: Vec<_> = self
            .subscriptions
            .iter()
            .map(|(source, it)| (!it.is_proven, source.clone()))
            .collect();
        sources.sort_by_key(|(is_new, _)| *is_new);
        self.todo = sources.into_iter().map(|(_, source)| source).collect();
    }

    /// The link could not be opened.
    pub(crate) fn handle_failed(&mut self, reason: String, now: Moment) {
        self.told.push_back(Told::Unreachable(reason));
        self.wait_or_rest(now);
    }

    /// The link ended.
    pub(crate) fn handle_ended(&mut self, ending: Ending, now: Moment) {
        let Phase::Up(up) = &self.phase else { return };
        let accused = match &ending {
            Ending::Closed(_) => None,
            Ending::Cut(_) => {
                if now.since(up.since) < suspects::YOUNG {
                    self.young_deaths += 1;
                }
                suspects::accuse(&self.subscriptions, self.young_deaths, now)
            }
        };
        let (Ending::Closed(reason) | Ending::Cut(reason)) = ending;
        self.lose(reason, now);
        if let Some(source) = accused {
            if !self.keeps_accused {
                self.subscriptions.remove(&source);
            }
            self.told.push_back(Told::Accused(source));
            self.wait_or_rest(now);
        }
    }

    /// A text frame came.
    pub(crate) fn handle_text(&mut self, text: &str, now: Moment) {
        if !self.hear(now) {
            return;
        }
        match Inbound::read(text) {
            Inbound::Pong => {
                if let Phase::Up(up) = &mut self.phase {
                    up.awaits_pong = false;
                }
            }
            Inbound::Ack(Act::Subscribe, Some(source)) => self.handle_subscribed(source, now),
            Inbound::Ack(Act::Unsubscribe, Some(source)) => self.handle_unsubscribed(source),
            Inbound::News(news) => self.handle_news(news, now),
            Inbound::Error(complaint) => self.handle_complaint(complaint, now),
            Inbound::Ack(_, None) | Inbound::Unknown | Inbound::Chatter => self.counts.unknown += 1,
            Inbound::Garbled => {
                self.counts.garbled += 1;
                self.told.push_back(Told::Doubtful);
            }
        }
    }

    /// A binary frame came.
    pub(crate) fn handle_binary(&mut self, now: Moment) {
        if self.hear(now) {
            self.counts.binary += 1;
        }
    }

    /// What to do next.
    pub(crate) fn poll(&mut self, budget: &mut Budget, now: Moment) -> Output {
        self.watch(now);
        if let Some(told) = self.told.pop_front() {
            return Output::Told(told);
        }
        match &mut self.phase {
            Phase::Idle | Phase::Connecting => Output::Wait(None),
            Phase::Waiting { until } if *until > now => Output::Wait(Some((*until, Timer::Reconnect))),
            Phase::Waiting { until } => match budget.take_connect(now) {
                Ok(()) => {
                    self.phase = Phase::Connecting;
                    Output::Connect
                }
                Err(at) => {
                    *until = at;
                    Output::Wait(Some((at, Timer::Budget)))
                }
            },
            Phase::Up(up) => {
                if let Some(reason) = up.condemned.take() {
                    self.lose(reason.to_owned(), now);
                    return Output::HangUp;
                }
                self.poll_send(budget, now)
            }
        }
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many sources are subscribed, or about to be.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether a link is open or being opened.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Up(_))
    }

    /// Whether nothing is wanted and nothing is connected.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Sends what is due, or says when something will be.
    fn poll_send(&mut self, budget: &mut Budget, now: Moment) -> Output {
        let Phase::Up(up) = &mut self.phase else {
            return Output::Wait(None);
        };
        let mut wake = (up.watched + WATCH_EVERY, Timer::Watch);
        if let Some(since) = up.idle_since {
            wake = wake.min((since + IDLE_FOR, Timer::Idle));
        }
        if up.awaits_pong {
            wake = wake.min((up.pinged + PONG_WITHIN, Timer::Pong));
        } else {
            let due = up.ping_due();
            if due <= now {
                match budget.take_message(now) {
                    Ok(()) => {
                        up.pinged = now;
                        up.awaits_pong = true;
                        up.is_doubted = false;
                        return Output::Send(PING.to_owned());
                    }
                    Err(at) => wake = wake.min((at, Timer::Budget)),
                }
            } else {
                wake = wake.min((due, Timer::Ping));
            }
        }
        while let Some(source) = self.todo.front() {
            if up.held_until > now {
                wake = wake.min((up.held_until, Timer::Budget));
                break;
            }
            let Some(subscription) = self.subscriptions.get_mut(source) else {
                self.todo.pop_front();
                continue;
            };
            let Some(act) = subscription.next_act() else {
                if subscription.is_over() {
                    self.subscriptions.remove(source);
                }
                self.todo.pop_front();
                continue;
            };
            if let Err(at) = budget.take_message(now) {
                wake = wake.min((at, Timer::Budget));
                break;
            }
            self.sent += 1;
            subscription.act(act, self.sent, now);
            let request = source.request(act);
            self.todo.pop_front();
            return Output::Send(request);
        }
        Output::Wait(Some(wake))
    }

    fn handle_subscribed(&mut self, source: Source, now: Moment) {
        let Some(subscription) = self.subscriptions.get_mut(&source) else {
            return;
        };
        if !matches!(subscription.stage, Stage::Subscribing { .. }) {
            return;
        }
        subscription.stage = Stage::Active { since: now };
        subscription.unanswered = 0;
        self.told.push_back(Told::Subscribed(source.clone()));
        self.todo.push_back(source);
    }

    fn handle_unsubscribed(&mut self, source: Source) {
        let Some(subscription) = self.subscriptions.get_mut(&source) else {
            return;
        };
        // A late answer to an unsubscribe must not end the subscription that came after it.
        if matches!(subscription.stage, Stage::Unsubscribing { .. }) {
            subscription.stage = Stage::Off;
            self.todo.push_back(source);
        }
    }

    fn handle_news(&mut self, news: News, now: Moment) {
        let Some(source) = news.source() else {
            self.told.push_back(Told::NoTrades);
            return;
        };
        let Some(subscription) = self.subscriptions.get_mut(&source) else {
            self.counts.stray += 1;
            return;
        };
        if !matches!(subscription.stage, Stage::Active { .. }) {
            // Still of the subscription before, or of one that ended.
            self.counts.stray += 1;
            return;
        }
        subscription.news = Some(now);
        subscription.is_quiet = false;
        subscription.cures = 0;
        if let Phase::Up(up) = &mut self.phase {
            up.news_since.get_or_insert(now);
        }
        self.told.push_back(Told::News(source, news));
    }

    fn handle_complaint(&mut self, complaint: Complaint, now: Moment) {
        self.counts.complaints += 1;
        match complaint {
            Complaint::AlreadySubscribed(source) => self.handle_subscribed(source, now),
            Complaint::AlreadyUnsubscribed(source) => self.handle_unsubscribed(source),
            Complaint::Refused(source) => {
                if self.subscriptions.remove(&source).is_some() {
                    self.told
                        .push_back(Told::Refused(source, "the exchange refuses this subscription"));
                }
            }
            Complaint::TooManyMessages | Complaint::TooManySubscriptions => {
                if let Phase::Up(up) = &mut self.phase {
                    up.held_until = now + HOLD_FOR;
                }
            }
            Complaint::Other => {}
        }
    }
}

impl Up {
    /// When the next ping is due.
    fn ping_due(&self) -> Moment {
        if self.is_doubted {
            // Not more than one a second, however much is quiet.
            return self.pinged + WATCH_EVERY;
        }
        let when_quiet = self.heard.max(self.pinged) + PING_WHEN_QUIET;
        when_quiet.min(self.pinged + PING_EVERY)
    }
}
