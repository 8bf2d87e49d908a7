//! Numbers and times as people read them. Pure text work on the exchange's own digits; what the browser knows (the
//! separators of the locale, the zone) is asked once and kept.

mod clock;
mod number;
mod span;

pub(crate) use clock::{
    date_and_time, day_name, day_number, hours_and_minutes, time_of_day, time_with_millis, zone,
};
pub(crate) use number::{
    count, decimals_needed, fixed, fixed_float, learn_separators, money, percent, signed,
};
pub(crate) use span::{age, countdown, span};
