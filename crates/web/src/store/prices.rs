//! The last price of every market, with what a row of the watchlist shows.

use std::collections::HashMap;
use std::rc::Rc;

use nexus_protocol::{Price, Prices, Symbol};

use crate::canvas::series::Bar;
use crate::canvas::trail::{POINTS, Trail, TrailHandle};
use crate::format;
use crate::state::feed::Moment;
use crate::state::order::Row;

/// The most markets that are kept; an exchange has some hundreds.
const MOST: usize = 4_096;

/// A new sparkline gets a point for so many milliseconds, so that it soon has a shape. Each time it is full, every other
/// point goes and the span doubles, up to the widest: then it shows the last hour.
const FIRST_SPAN: u64 = 2_000;
const WIDEST_SPAN: u64 = 64_000;

/// A price has at least so many figures, so that a coin does not lose its decimals on round prices.
const FIGURES: i32 = 5;

/// The last price of every market.
#[derive(Debug, Default)]
pub(crate) struct PriceBoard {
    quotes: HashMap<Symbol, Rc<Quote>>,
    samplings: HashMap<Symbol, Sampling>,
    /// A sparkline whose market has no price yet.
    past: Option<(Symbol, TrailHandle)>,
}

/// How a sparkline gets its points.
#[derive(Debug, Clone, Copy)]
struct Sampling {
    /// How long one point stands for.
    span: u64,
    /// Which span the newest point stands for.
    newest: u64,
}

/// The last price of one market. Equal quotes are the same beat of the same market, so comparing is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    /// The market.
    pub(crate) symbol: Symbol,
    /// The price in the exchange's own digits.
    pub(crate) price: Box<str>,
    /// The price for sorting and drawing.
    pub(crate) value: f64,
    /// Digits behind the point: the most that this market needed so far.
    pub(crate) decimals: usize,
    /// Where the price went when it last changed.
    pub(crate) direction: Direction,
    /// How much it rose in 24 hours, in percent.
    pub(crate) change: Option<f64>,
    /// What was traded in 24 hours, in the quote currency.
    pub(crate) volume: Option<f64>,
    /// The last prices over time.
    pub(crate) trail: TrailHandle,
    /// Rises by one when anything above changed.
    pub(crate) beat: u32,
    /// Rises by one when the price changed.
    pub(crate) moves: u32,
}

/// Where a price went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// It was higher than the one before.
    Up,
    /// It was lower.
    Down,
    /// There was none before.
    Unknown,
}

impl PriceBoard {
    /// Takes what changed; a snapshot also says what is no longer there.
    pub(crate) fn take(&mut self, prices: &Prices, snapshot: bool, now: Moment) {
        if snapshot {
            self.quotes.retain(|symbol, _| prices.contains_key(symbol));
            self.samplings.retain(|symbol, _| prices.contains_key(symbol));
        }
        for (symbol, price) in prices {
            self.take_one(symbol, price, now);
        }
    }

    /// The quote of a market.
    pub(crate) fn of(&self, symbol: &Symbol) -> Option<&Rc<Quote>> {
        self.quotes.get(symbol)
    }

    /// Every quote, in no order.
    pub(crate) fn quotes(&self) -> impl Iterator<Item = &Rc<Quote>> {
        self.quotes.values()
    }

    /// How many markets there are.
    pub(crate) fn len(&self) -> usize {
        self.quotes.len()
    }

    /// The market that a newcomer sees: BTC, or else the one with the most volume.
    pub(crate) fn favourite_of_all(&self) -> Option<Symbol> {
        let by_volume = |left: &&Rc<Quote>, right: &&Rc<Quote>| {
            left.volume
                .unwrap_or_default()
                .total_cmp(&right.volume.unwrap_or_default())
        };
        let btc = self.quotes().find(|quote| quote.symbol.as_str() == "BTC");
        btc.or_else(|| self.quotes().max_by(by_volume))
            .map(|quote| quote.symbol.clone())
    }

    /// Draws a market's sparkline from its bars, oldest first, where those are short enough to give it a shape.
    pub(crate) fn backfill(&mut self, symbol: &Symbol, bars: &[Bar], now: Moment) {
        let newest = now / WIDEST_SPAN;
        let oldest = newest.saturating_sub(POINTS as u64 - 1);
        let closes: Trail = (oldest..=newest)
            .filter_map(|span| {
                let end = i64::try_from((span + 1) * WIDEST_SPAN).ok()?;
                let at = bars.partition_point(|bar| bar.t < end).checked_sub(1)?;
                Some(bars[at].close)
            })
            .collect();
        if closes.values().len() < 2 {
            return;
        }
        self.samplings.insert(
            symbol.clone(),
            Sampling {
                span: WIDEST_SPAN,
                newest,
            },
        );
        match self.quotes.get(symbol) {
            Some(quote) => quote.trail.write(|trail| *trail = closes),
            // The bars came before the first price.
            None => self.past = Some((symbol.clone(), TrailHandle::new(closes))),
        }
    }

    fn take_one(&mut self, symbol: &Symbol, price: &Price, now: Moment) {
        let known = self.quotes.get(symbol);
        if known.is_none() && self.quotes.len() >= MOST {
            return;
        }
        let mut quote = Quote::after(known.map(Rc::as_ref), symbol, price);
        if let Some((_, past)) = self.past.take_if(|(of, _)| of == symbol) {
            quote.trail = past;
        }
        let sampling = self.samplings.entry(symbol.clone()).or_insert(Sampling {
            span: FIRST_SPAN,
            newest: 0,
        });
        quote
            .trail
            .write(|trail| sampling.sample(trail, quote.value, now));
        if known.is_none_or(|known| **known != quote) {
            self.quotes.insert(symbol.clone(), Rc::new(quote));
        }
    }
}

impl Sampling {
    fn sample(&mut self, trail: &mut Trail, value: f64, now: Moment) {
        let place = now / self.span;
        if place == self.newest {
            trail.amend(value);
            return;
        }
        if trail.values().len() == POINTS && self.span < WIDEST_SPAN {
            // From the newest backwards, so that the newest stays.
            let skip = (POINTS - 1) % 2;
            *trail = trail.values().skip(skip).step_by(2).collect();
            self.span *= 2;
        }
        trail.push(value);
        self.newest = now / self.span;
    }
}

impl Quote {
    /// The quote that follows a known one, or the first of its market.
    fn after(known: Option<&Quote>, symbol: &Symbol, price: &Price) -> Quote {
        let value = price.price.to_f64();
        let needed = format::decimals_needed(price.price.as_str()).max(decimals_of_figures(value));
        let change = price.change24h.as_ref().map(|change| change.to_f64());
        let volume = price.volume24h.as_ref().map(|volume| volume.to_f64());
        let Some(known) = known else {
            return Quote {
                symbol: symbol.clone(),
                price: price.price.as_str().into(),
                value,
                decimals: needed,
                direction: Direction::Unknown,
                change,
                volume,
                trail: TrailHandle::default(),
                beat: 0,
                moves: 0,
            };
        };
        let moved = value != known.value;
        // A push may leave out what did not change.
        let (change, volume) = (change.or(known.change), volume.or(known.volume));
        let decimals = needed.max(known.decimals);
        let differs = moved || change != known.change || volume != known.volume || decimals != known.decimals;
        Quote {
            price: price.price.as_str().into(),
            value,
            decimals,
            direction: match () {
                () if value > known.value => Direction::Up,
                () if value < known.value => Direction::Down,
                () => known.direction,
            },
            change,
            volume,
            beat: known.beat.wrapping_add(u32::from(differs)),
            moves: known.moves.wrapping_add(u32::from(moved)),
            ..known.clone()
        }
    }

    /// The price as text.
    pub(crate) fn price_text(&self) -> String {
        format::fixed(&self.price, self.decimals)
    }

    /// What the watchlist sorts by.
    pub(crate) fn row(&self) -> Row {
        Row {
            symbol: self.symbol.clone(),
            price: self.value,
            change: self.change,
            volume: self.volume,
        }
    }
}

impl PartialEq for Quote {
    fn eq(&self, other: &Self) -> bool {
        self.beat == other.beat && self.symbol == other.symbol && self.trail == other.trail
    }
}

impl Direction {
    /// The class that gives colour and arrow.
    pub(crate) fn class(self) -> Option<&'static str> {
        match self {
            Direction::Up => Some("up"),
            Direction::Down => Some("down"),
            Direction::Unknown => None,
        }
    }
}

/// The decimals that give a price its figures: 4 of 0.1421, 1 of 3512.4, 0 of 67241.
fn decimals_of_figures(value: f64) -> usize {
    if !(value.is_finite() && value > 0.0) {
        return 0;
    }
    let figures_before = value.log10().floor() as i32 + 1;
    usize::try_from(FIGURES - figures_before).unwrap_or(0).min(8)
}

#[cfg(test)]
mod tests {
    use nexus_protocol::Decimal;

    use super::*;

    fn prices(of: &[(&str, &str)]) -> Prices {
        let price = |text: &str| Price {
            price: Decimal::parse(text).unwrap(),
            change24h: None,
            volume24h: None,
            timestamp: 0,
        };
        of.iter()
            .map(|(symbol, text)| (Symbol::parse(symbol).unwrap(), price(text)))
            .collect()
    }

    fn quote(board: &PriceBoard, symbol: &str) -> Rc<Quote> {
        board.of(&Symbol::parse(symbol).unwrap()).unwrap().clone()
    }

    #[test]
    fn a_price_keeps_the_most_decimals_it_ever_needed() {
        let mut board = PriceBoard::default();
        for (text, shown) in [
            ("3512.4", "3,512.4"),
            ("3512.45", "3,512.45"),
            ("3513.0", "3,513.00"),
        ] {
            board.take(&prices(&[("ETH", text)]), false, 0);
            assert_eq!(quote(&board, "ETH").price_text(), shown);
        }
    }

    #[test]
    fn a_round_price_has_its_figures() {
        let mut board = PriceBoard::default();
        board.take(
            &prices(&[("BTC", "67000.0"), ("SUI", "1.0"), ("kPEPE", "0.012")]),
            true,
            0,
        );
        for (symbol, shown) in [("BTC", "67,000"), ("SUI", "1.0000"), ("kPEPE", "0.012000")] {
            assert_eq!(quote(&board, symbol).price_text(), shown);
        }
    }

    #[test]
    fn what_did_not_change_is_the_same_quote() {
        let mut board = PriceBoard::default();
        board.take(&prices(&[("BTC", "1.5"), ("ETH", "2.5")]), true, 0);
        let (btc, eth) = (quote(&board, "BTC"), quote(&board, "ETH"));
        board.take(&prices(&[("BTC", "1.5"), ("ETH", "2.4")]), false, 1);
        assert!(Rc::ptr_eq(&btc, &quote(&board, "BTC")));
        assert_ne!(eth, quote(&board, "ETH"));
        assert_eq!(quote(&board, "ETH").direction, Direction::Down);
        assert_eq!((eth.moves, quote(&board, "ETH").moves), (0, 1));
    }

    #[test]
    fn a_snapshot_takes_away_what_it_does_not_name() {
        let mut board = PriceBoard::default();
        board.take(&prices(&[("BTC", "1"), ("OLD", "2")]), true, 0);
        board.take(&prices(&[("BTC", "1")]), true, 0);
        assert_eq!(board.len(), 1);
    }

    fn trail(board: &PriceBoard) -> Vec<f64> {
        quote(board, "BTC").trail.read(|trail| trail.values().collect())
    }

    #[test]
    fn a_sparkline_has_one_point_for_each_span() {
        let mut board = PriceBoard::default();
        let start = 1_000 * FIRST_SPAN;
        for (text, at) in [("1", 0), ("2", 10), ("3", FIRST_SPAN), ("4", FIRST_SPAN + 1)] {
            board.take(&prices(&[("BTC", text)]), false, start + at);
        }
        assert_eq!(trail(&board), [2.0, 4.0]);
    }

    #[test]
    fn a_full_sparkline_covers_twice_the_time_up_to_an_hour() {
        let mut board = PriceBoard::default();
        for second in 0..2 * 3_600_u64 {
            board.take(&prices(&[("BTC", &second.to_string())]), false, second * 1_000);
        }
        let trail = trail(&board);
        assert_eq!(trail.last(), Some(&7_199.0));
        assert_eq!(trail.len(), POINTS);
        let covered = 7_199.0 - trail[0];
        assert!((3_600.0..4_200.0).contains(&covered), "{covered} s");
    }

    #[test]
    fn bars_give_a_sparkline_its_past() {
        let mut board = PriceBoard::default();
        let now = 100 * 3_600_000;
        let bar = |minute: i64| Bar {
            t: now as i64 - minute * 60_000,
            open: 0.0,
            high: 0.0,
            low: 0.0,
            close: minute as f64,
            volume: 0.0,
        };
        let bars: Vec<Bar> = (0..600).rev().map(bar).collect();
        // Bars before the first price, and behind it.
        for price in ["500", "501"] {
            board.backfill(&Symbol::parse("BTC").unwrap(), &bars, now);
            board.take(&prices(&[("BTC", price)]), false, now + 1);
            let past = trail(&board);
            assert_eq!(past.len(), POINTS);
            assert_eq!(
                past.last(),
                price.parse().ok().as_ref(),
                "it goes on with the prices"
            );
            assert!(
                past.is_sorted_by(|older, newer| older >= newer || *newer >= 500.0),
                "{past:?}"
            );
        }
    }
}
