//! Numbers and times as the reader's locale writes them. Building an `Intl` formatter is slow, so each is made once.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Date, Function, Intl, Object, Reflect};
use wasm_bindgen::JsValue;

use crate::canvas::time_ticks::TickKind;

/// `67,241.50` with exactly `decimals` places.
pub fn number(value: f64, decimals: u8) -> String {
    let options: [(&str, JsValue); 2] = [
        ("minimumFractionDigits", decimals.into()),
        ("maximumFractionDigits", decimals.into()),
    ];
    format(Style::Number(decimals), &options, &value.into())
}

/// `1.24B`, `312.4`: three or four figures whatever the size.
pub fn compact(value: f64) -> String {
    let options: [(&str, JsValue); 2] = [
        ("notation", "compact".into()),
        ("maximumSignificantDigits", 4.into()),
    ];
    format(Style::Compact, &options, &value.into())
}

/// `+1.24%` of a share (0.0124); with a true minus sign.
pub fn percent(share: f64) -> String {
    let options: [(&str, JsValue); 4] = [
        ("style", "percent".into()),
        ("signDisplay", "exceptZero".into()),
        ("minimumFractionDigits", 2.into()),
        ("maximumFractionDigits", 2.into()),
    ];
    format(Style::Percent, &options, &share.into()).replace('-', "−")
}

/// The label of a time mark in the local zone.
pub fn tick(t: i64, kind: TickKind) -> String {
    let two: JsValue = "2-digit".into();
    let options: Vec<(&str, JsValue)> = match kind {
        TickKind::Second => vec![
            ("hour", two.clone()),
            ("minute", two.clone()),
            ("second", two),
            ("hourCycle", "h23".into()),
        ],
        TickKind::Time => vec![
            ("hour", two.clone()),
            ("minute", two),
            ("hourCycle", "h23".into()),
        ],
        TickKind::Day => vec![("day", "numeric".into()), ("month", "short".into())],
        TickKind::Month => vec![("month", "short".into())],
        TickKind::Year => vec![("year", "numeric".into())],
    };
    format(Style::Tick(kind), &options, &date(t))
}

/// `Fri, 21 Nov 2026, 14:05` in the local zone, or the date alone for bars of a day and longer.
pub fn moment(t: i64, with_time: bool) -> String {
    let mut options: Vec<(&str, JsValue)> = vec![
        ("weekday", "short".into()),
        ("day", "numeric".into()),
        ("month", "short".into()),
        ("year", "numeric".into()),
    ];
    if with_time {
        options.extend([
            ("hour", "2-digit".into()),
            ("minute", "2-digit".into()),
            ("hourCycle", "h23".into()),
        ]);
    }
    format(Style::Moment(with_time), &options, &date(t))
}

/// Milliseconds by which the local clock is ahead of UTC at a moment.
pub fn zone_shift(t: i64) -> i64 {
    let minutes = Date::new(&(t as f64).into()).get_timezone_offset();
    if minutes.is_finite() {
        -(minutes * 60_000.0) as i64
    } else {
        0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Style {
    Number(u8),
    Compact,
    Percent,
    Tick(TickKind),
    Moment(bool),
}

thread_local! {
    static FORMATS: RefCell<HashMap<Style, Function>> = RefCell::default();
}

fn format(style: Style, options: &[(&str, JsValue)], value: &JsValue) -> String {
    let function = FORMATS.with_borrow_mut(|formats| {
        formats
            .entry(style)
            .or_insert_with(|| build(style, options))
            .clone()
    });
    function
        .call1(&JsValue::UNDEFINED, value)
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default()
}

fn build(style: Style, options: &[(&str, JsValue)]) -> Function {
    let object = Object::new();
    for (name, value) in options {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    match style {
        Style::Number(_) | Style::Compact | Style::Percent => {
            Intl::NumberFormat::new(&Array::new(), &object).format()
        }
        Style::Tick(_) | Style::Moment(_) => Intl::DateTimeFormat::new(&Array::new(), &object).format(),
    }
}

fn date(t: i64) -> JsValue {
    Date::new(&(t as f64).into()).into()
}
