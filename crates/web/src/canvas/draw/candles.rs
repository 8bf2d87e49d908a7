//! A candle chart painted: grid, gaps, volume, candles, axes; and apart from them the crosshair.

use crate::canvas::columns::CandleShape;
use crate::canvas::draw::brush::Brush;
use crate::canvas::draw::text;
use crate::canvas::layout::{CandleFrame, Column};
use crate::canvas::series::Bar;
use crate::canvas::time_ticks::TickKind;

/// Paints everything but the crosshair.
pub fn paint(brush: &Brush<'_>, frame: &CandleFrame, decimals: u8) {
    brush.prepare_text();
    grid(brush, frame);
    brush.hatch(&frame.plot, &frame.missing);
    brush.hatch(&frame.volume, &frame.missing);
    volume(brush, frame);
    candles(brush, frame);
    axes(brush, frame, decimals);
    last_price(brush, frame, decimals);
}

/// Width in CSS pixels that the price axis needs for its labels.
pub fn price_axis_width(brush: &Brush<'_>, frame: &CandleFrame, decimals: u8) -> f64 {
    brush.prepare_text();
    let (low, high) = frame.price.domain();
    let widest = [low, high, frame.last.map_or(low, |bar| bar.close)]
        .into_iter()
        .map(|price| brush.text_width(&text::number(price, decimals)))
        .fold(0.0, f64::max);
    widest / brush.ratio + 18.0
}

/// Paints the crosshair: a line through the middle of a bar, a line at a height, a label on both axes. `y` is left out
/// when the reader points by keyboard or outside the panes.
pub fn crosshair(brush: &Brush<'_>, frame: &CandleFrame, x: f64, y: Option<f64>, moment: &str, decimals: u8) {
    brush.prepare_text();
    let bottom = frame.time_axis.y;
    brush.dashes(&brush.theme.crosshair, 3.0, [(x, 0.0, x, bottom)]);
    if let Some(y) = y.filter(|y| *y < bottom) {
        brush.dashes(&brush.theme.crosshair, 3.0, [(0.0, y, frame.plot.w, y)]);
        let label = if y < frame.plot.bottom() {
            text::number(frame.price.value(y), decimals)
        } else {
            text::compact(frame.volumes.value(y).max(0.0))
        };
        brush.axis_label(
            &frame.price_axis,
            y,
            &brush.theme.label,
            &brush.theme.label_text,
            &label,
        );
    }
    brush.time_label(&frame.time_axis, x, moment);
}

fn grid(brush: &Brush<'_>, frame: &CandleFrame) {
    let (hair, theme) = (brush.hair(), brush.theme);
    let rows = frame
        .price_ticks
        .values
        .iter()
        .map(|price| (0.0, frame.price.pixel(*price).round(), frame.plot.w, hair));
    brush.rects(&theme.grid, rows);
    let columns = frame
        .time_ticks
        .iter()
        .map(|(x, _)| (x.round(), 0.0, hair, frame.time_axis.y));
    brush.rects(&theme.grid, columns);
}

fn volume(brush: &Brush<'_>, frame: &CandleFrame) {
    if frame.volume.h == 0.0 {
        return;
    }
    let width = frame.shape.body;
    for (up, color) in [(true, &brush.theme.up_fill), (false, &brush.theme.down_fill)] {
        brush.context.set_global_alpha(0.42);
        brush.rects(
            color,
            sided(frame, up).map(|column| {
                let (top, height) = frame.volume_column(&column.bar);
                (CandleShape::left(column.x, width), top, width, height)
            }),
        );
    }
    brush.context.set_global_alpha(1.0);
}

fn candles(brush: &Brush<'_>, frame: &CandleFrame) {
    let CandleShape { body, wick, .. } = frame.shape;
    for (up, color) in [(true, &brush.theme.up_fill), (false, &brush.theme.down_fill)] {
        brush.rects(
            color,
            sided(frame, up).map(|column| {
                let (top, height) = frame.wick(&column.bar);
                // The wick hangs in the body's middle: both are placed from the body's left edge.
                (
                    CandleShape::left(column.x, body) + (body - wick) / 2.0,
                    top,
                    wick,
                    height,
                )
            }),
        );
        if body > wick {
            brush.rects(
                color,
                sided(frame, up).map(|column| {
                    let (top, height) = frame.body(&column.bar);
                    (CandleShape::left(column.x, body), top, body, height)
                }),
            );
        }
    }
}

fn axes(brush: &Brush<'_>, frame: &CandleFrame, decimals: u8) {
    let (hair, theme) = (brush.hair(), brush.theme);
    let mut lines = vec![
        (frame.price_axis.x, 0.0, hair, frame.time_axis.bottom()),
        (0.0, frame.time_axis.y, frame.time_axis.w, hair),
    ];
    if frame.volume.h > 0.0 {
        lines.push((0.0, frame.volume.y, frame.time_axis.w, hair));
    }
    brush.rects(&theme.line, lines);
    let left = frame.price_axis.x + brush.px(8.0);
    let clear = brush.px(9.0);
    let last = frame
        .last
        .map_or(f64::NEG_INFINITY, |bar| frame.price.pixel(bar.close));
    let last = last.clamp(clear, frame.plot.bottom() - clear);
    for price in &frame.price_ticks.values {
        let y = frame.price.pixel(*price);
        let under_last = (y - last).abs() < brush.px(17.0);
        if y > clear && y < frame.plot.bottom() - clear && !under_last {
            brush.text(&theme.axis_text, "left", &text::number(*price, decimals), left, y);
        }
    }
    if frame.volume.h > 0.0 {
        let top = frame.volumes.domain().1 / 1.15;
        let label = text::compact(top);
        brush.text(
            &theme.axis_text,
            "left",
            &label,
            left,
            frame.volumes.pixel(top) + brush.px(4.0),
        );
    }
    let y = frame.time_axis.y + brush.px(11.5);
    for (x, tick) in &frame.time_ticks {
        let label = text::tick(tick.t, tick.kind);
        let half = brush.text_width(&label) / 2.0;
        if x - half < 0.0 || x + half > frame.plot.w {
            continue;
        }
        let color = if tick.kind >= TickKind::Day {
            &theme.strong_text
        } else {
            &theme.axis_text
        };
        brush.text(color, "center", &label, *x, y);
    }
}

fn last_price(brush: &Brush<'_>, frame: &CandleFrame, decimals: u8) {
    let Some(last) = frame.last else { return };
    let y = frame.price.pixel(last.close);
    let color = if last.is_up() {
        &brush.theme.up
    } else {
        &brush.theme.down
    };
    if (0.0..frame.plot.bottom()).contains(&y) {
        brush.dashes(color, 2.0, [(0.0, y, frame.plot.w, y)]);
    }
    // Outside the visible range the label stays at the edge, so that the price is always in sight.
    let pane = crate::canvas::layout::Rect {
        h: frame.plot.h,
        ..frame.price_axis
    };
    brush.axis_label(
        &pane,
        y,
        color,
        &brush.theme.on_side,
        &text::number(last.close, decimals),
    );
}

fn sided(frame: &CandleFrame, up: bool) -> impl Iterator<Item = &Column> {
    frame
        .columns
        .iter()
        .filter(move |column| Bar::is_up(&column.bar) == up)
}
