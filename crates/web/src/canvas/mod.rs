//! The canvas layer: what charts show, where it stands, and how it is painted.
//!
//! Three floors, and a floor uses only those above it:
//! 1. data ([`live`], [`series`], [`readings`], [`book_curve`], [`trail`]): bounded stores that the driver feeds. A change costs a
//!    version count and a wake; it never renders a component.
//! 2. maths ([`scale`], [`ticks`], [`calendar`], [`time_ticks`], [`viewport`], [`time_view`], [`mod@line`],
//!    [`columns`], [`gesture`], [`depth`],
//!    [`layout`]): pure, tested natively, and must never know a DOM, a clock or a colour.
//! 3. painting ([`draw`]): the only files here that name web-sys.
//!
//! Numbers are `f64` on purpose: everything here is for looking at. Exact decimals stay in the state and the tables.

pub mod book_curve;
pub mod live;
pub mod readings;
pub mod series;
pub mod trail;

pub mod calendar;
pub mod columns;
pub mod depth;
pub mod gesture;
pub mod layout;
pub mod line;
pub mod scale;
pub mod ticks;
pub mod time_ticks;
pub mod time_view;
pub mod viewport;

pub mod draw;
