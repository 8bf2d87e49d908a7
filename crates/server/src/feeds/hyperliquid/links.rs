//! All links to the exchange: which source lives on which, and the wards where those live that a link died of.
//!
//! Promises: never more than the exchange allows one address, whatever is wanted; a source that kills links does so
//! alone.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::backoff::Backoff;
use super::budget::{Budget, MAX_CONNECTIONS, MAX_SUBSCRIPTIONS, MAX_USERS};
use super::clock::{Clock, Moment};
use super::link::{self, Event, Link, LinkId, What};
use super::session::{Counts, Ending, Output, Session, Told};
use super::wire::{BookPace, Source};

/// Everything but full books.
const MAIN: usize = 0;
/// Full books: frames hardly name their variant, so a connection carries one of a market.
const DEEP: usize = 1;
/// Accounts: nothing that befalls the markets' links touches them, and the other way round.
const ACCOUNTS: usize = 2;
/// Behind those, each for one suspect.
const FIRST_WARD: usize = 3;
/// How many suspects are tried at a time. The others wait.
const WARDS: usize = 3;
const _: () = assert!(FIRST_WARD + WARDS <= MAX_CONNECTIONS);

/// Between two attempts with a suspect.
const WARD_BACKOFF: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(600));
/// A source that the exchange refused is asked for again after this.
const REFUSED_FOR: Duration = Duration::from_secs(300);

/// All links to the exchange.
#[derive(Debug)]
pub(crate) struct Links {
    lines: Vec<Line>,
    /// Where each wanted source lives.
    places: HashMap<Source, Place>,
    /// Suspects that wait for a ward.
    bench: VecDeque<Source>,
    budget: Budget,
    url: String,
    clock: Clock,
    events: mpsc::Sender<Event>,
    tracker: TaskTracker,
    quarantined: u64,
}

/// Where a source lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// On this line.
    On(usize),
    /// On the bench.
    Waiting,
    /// Nowhere until this moment: the exchange refused it.
    Refused(Moment, &'static str),
    /// Nowhere until there is room: more than the exchange allows.
    Crowded,
}

#[derive(Debug)]
struct Line {
    session: Session,
    link: Option<Link>,
    opening: u64,
    state: LineState,
}

/// How the link is that a source lives on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LineState {
    /// It was not needed, or is being opened for the first time.
    New,
    /// Open, and something comes.
    Up,
    /// Open, and nothing comes.
    Silent,
    /// It was lost a moment ago.
    Lost(String),
    /// It could not be opened again.
    Down(String),
    /// There is none for this source, for a reason of its own.
    Apart(&'static str),
}

/// What [`Links::poll`] has to say.
#[derive(Debug)]
pub(crate) enum News {
    /// Something happened on a source.
    Source(Told),
    /// The state of a line changed; these sources live there.
    Line(Vec<Source>),
    /// A line was lost; these sources lived there.
    Lost(Vec<Source>),
    /// News on a line may be missing; these sources live there.
    Doubtful(Vec<Source>),
    /// Nothing more before this moment.
    Wait(Option<Moment>),
}

impl Links {
    /// No links yet.
    pub(crate) fn new(
        url: String,
        seed: u64,
        clock: Clock,
        events: mpsc::Sender<Event>,
        tracker: TaskTracker,
    ) -> Self {
        let line = |place: usize| {
            let seed = seed.wrapping_add(place as u64);
            let session = if place < FIRST_WARD {
                Session::new(seed, Session::BACKOFF)
            } else {
                Session::new(seed, WARD_BACKOFF).keeping_the_accused()
            };
            Line {
                session,
                link: None,
                opening: 0,
                state: LineState::New,
            }
        };
        Links {
            lines: (0..FIRST_WARD + WARDS).map(line).collect(),
            places: HashMap::new(),
            bench: VecDeque::new(),
            budget: Budget::new(),
            url,
            clock,
            events,
            tracker,
            quarantined: 0,
        }
    }

    /// From now on this source is wanted.
    pub(crate) fn want(&mut self, source: Source, now: Moment) {
        if self.places.contains_key(&source) {
            return;
        }
        if source.user().is_some_and(|user| self.is_full_of_users(user)) {
            self.places.insert(source, Place::Crowded);
            return;
        }
        let admitted = self
            .places
            .values()
            .filter(|place| **place != Place::Crowded)
            .count();
        if admitted >= MAX_SUBSCRIPTIONS {
            self.places.insert(source, Place::Crowded);
            return;
        }
        let home = home(&source);
        self.places.insert(source.clone(), Place::On(home));
        self.lines[home].session.want(source, now);
    }

    /// From now on it is not.
    pub(crate) fn unwant(&mut self, source: &Source, now: Moment) {
        match self.places.remove(source) {
            Some(Place::On(place)) => self.lines[place].session.unwant(source, now),
            Some(Place::Waiting) => self.bench.retain(|waiting| waiting != source),
            Some(Place::Refused(..) | Place::Crowded) | None => {}
        }
        let crowded = self.places.iter().filter(|(_, place)| **place == Place::Crowded);
        let mut crowded: Vec<Source> = crowded.map(|(source, _)| source.clone()).collect();
        // Those of one user together.
        crowded.sort();
        for source in crowded {
            self.places.remove(&source);
            self.want(source, now);
        }
    }

    /// Whether as many other users are followed as the exchange allows.
    fn is_full_of_users(&self, user: &Address) -> bool {
        let admitted = self.places.iter().filter(|(_, place)| **place != Place::Crowded);
        let users: HashSet<&Address> = admitted.filter_map(|(source, _)| source.user()).collect();
        !users.contains(user) && users.len() >= MAX_USERS
    }

    /// Subscribes a source anew.
    pub(crate) fn renew(&mut self, source: &Source) {
        if let Some(Place::On(place)) = self.places.get(source) {
            self.lines[*place].session.renew(source);
        }
    }

    /// Something happened on a link.
    pub(crate) fn handle(&mut self, event: Event, now: Moment) {
        let Some(line) = self.lines.get_mut(event.id.place) else {
            return;
        };
        if line.opening != event.id.opening {
            return;
        }
        match event.what {
            What::Opened => line.session.handle_opened(now),
            What::Failed(reason) => {
                line.link = None;
                line.session.handle_failed(reason, now);
            }
            What::Text(text) => line.session.handle_text(&text, now),
            What::Binary => line.session.handle_binary(now),
            What::Ended(ending) => {
                line.link = None;
                line.session.handle_ended(ending, now);
            }
        }
    }

    /// What to take note of next.
    pub(crate) fn poll(&mut self, now: Moment) -> News {
        self.admit(now);
        let mut wake = self.refused_until();
        for place in 0..self.lines.len() {
            loop {
                let line = &mut self.lines[place];
                match line.session.poll(&mut self.budget, now) {
                    Output::Connect => {
                        line.opening += 1;
                        let id = LinkId {
                            place,
                            opening: line.opening,
                        };
                        let link = link::open(id, &self.url, self.clock, self.events.clone(), &self.tracker);
                        line.link = Some(link);
                    }
                    Output::Send(text) => {
                        if !line.link.as_ref().is_some_and(|link| link.send(text)) {
                            line.link = None;
                            line.opening += 1;
                            line.session
                                .handle_ended(Ending::Cut("the exchange takes nothing".to_owned()), now);
                        }
                    }
                    Output::HangUp => {
                        line.link = None;
                        line.opening += 1;
                    }
                    Output::Told(told) => {
                        if let Some(news) = self.take_note(place, told, now) {
                            return news;
                        }
                    }
                    Output::Wait(until) => {
                        let until = until.map(|(until, _)| until);
                        wake = [wake, until].into_iter().flatten().min();
                        break;
                    }
                }
            }
        }
        News::Wait(wake)
    }

    /// How the link is that a source lives on.
    pub(crate) fn state(&self, source: &Source) -> LineState {
        match self.places.get(source) {
            Some(Place::On(place)) => self.lines[*place].state.clone(),
            Some(Place::Waiting) => LineState::Apart("the exchange drops the connection when asked for this"),
            Some(Place::Refused(_, reason)) => LineState::Apart(reason),
            Some(Place::Crowded) if source.user().is_some() => {
                LineState::Apart("the exchange lets one server follow no more than 10 accounts at a time")
            }
            Some(Place::Crowded) => LineState::Apart("the exchange allows no more subscriptions"),
            None => LineState::New,
        }
    }

    /// How the ordinary lines are, as far as they are needed.
    pub(crate) fn states(&self) -> impl Iterator<Item = &LineState> {
        self.lines[..FIRST_WARD]
            .iter()
            .filter(|line| !line.session.is_idle())
            .map(|line| &line.state)
    }

    /// Links that are open or being opened.
    pub(crate) fn connections(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| line.session.is_connected())
            .count()
    }

    /// Subscriptions on all of them.
    pub(crate) fn subscriptions(&self) -> usize {
        self.lines.iter().map(|line| line.session.len()).sum()
    }

    /// What was counted on all of them.
    pub(crate) fn counts(&self) -> Counts {
        self.lines
            .iter()
            .fold(Counts::default(), |sum, line| sum.plus(line.session.counts()))
    }

    /// How many suspects there were.
    pub(crate) fn quarantined(&self) -> u64 {
        self.quarantined
    }

    /// Gives wards to suspects that wait, and another try to sources that were refused.
    fn admit(&mut self, now: Moment) {
        while !self.bench.is_empty() {
            let Some(ward) =
                (FIRST_WARD..self.lines.len()).find(|place| self.lines[*place].session.is_idle())
            else {
                break;
            };
            let Some(source) = self.bench.pop_front() else {
                break;
            };
            self.lines[ward].state = LineState::New;
            self.places.insert(source.clone(), Place::On(ward));
            self.lines[ward].session.want(source, now);
        }
        let over = |place: &Place| matches!(place, Place::Refused(until, _) if *until <= now);
        let again: Vec<Source> = self
            .places
            .iter()
            .filter(|(_, place)| over(place))
            .map(|(source, _)| source.clone())
            .collect();
        for source in again {
            self.places.remove(&source);
            self.want(source, now);
        }
    }

    fn refused_until(&self) -> Option<Moment> {
        self.places
            .values()
            .filter_map(|place| match place {
                Place::Refused(until, _) => Some(*until),
                Place::On(_) | Place::Waiting | Place::Crowded => None,
            })
            .min()
    }

    fn take_note(&mut self, place: usize, told: Told, now: Moment) -> Option<News> {
        let line = &mut self.lines[place];
        let is_here =
            |places: &HashMap<Source, Place>, source: &Source| places.get(source) == Some(&Place::On(place));
        match told {
            Told::Up | Told::Heard => line.state = LineState::Up,
            Told::Silent => line.state = LineState::Silent,
            Told::Unreachable(reason) => line.state = LineState::Down(reason),
            Told::Lost(reason) => {
                line.state = if line.session.is_idle() {
                    LineState::New
                } else {
                    LineState::Lost(reason)
                };
                return Some(News::Lost(self.living_on(place)));
            }
            Told::Doubtful => return Some(News::Doubtful(self.living_on(place))),
            Told::NoTrades => return None,
            Told::Subscribed(ref source) | Told::News(ref source, _) | Told::Quiet(ref source) => {
                return is_here(&self.places, source).then_some(News::Source(told));
            }
            Told::Proven(source) => {
                if place < FIRST_WARD || !is_here(&self.places, &source) {
                    return None;
                }
                // Not guilty: back among the others.
                line.session.unwant(&source, now);
                let home = home(&source);
                self.places.insert(source.clone(), Place::On(home));
                self.lines[home].session.want(source.clone(), now);
                return Some(News::Lost(vec![source]));
            }
            Told::Accused(source) => {
                if place >= FIRST_WARD {
                    return None;
                }
                self.quarantined += 1;
                self.places.insert(source.clone(), Place::Waiting);
                self.bench.push_back(source.clone());
                self.admit(now);
                return Some(News::Line(vec![source]));
            }
            Told::Refused(source, reason) => {
                self.places
                    .insert(source.clone(), Place::Refused(now + REFUSED_FOR, reason));
                return Some(News::Line(vec![source]));
            }
        }
        Some(News::Line(self.living_on(place)))
    }

    fn living_on(&self, place: usize) -> Vec<Source> {
        let here = self.places.iter().filter(|(_, its)| **its == Place::On(place));
        here.map(|(source, _)| source.clone()).collect()
    }
}

/// The line on which a source ordinarily lives.
fn home(source: &Source) -> usize {
    match source {
        Source::Book {
            pace: BookPace::Full, ..
        } => DEEP,
        Source::Book {
            pace: BookPace::Fast, ..
        }
        | Source::Mids { .. }
        | Source::Trades { .. }
        | Source::Candles { .. } => MAIN,
        Source::Fills { .. }
        | Source::Orders { .. }
        | Source::OpenOrders { .. }
        | Source::Perps { .. }
        | Source::Balances { .. } => ACCOUNTS,
    }
}
