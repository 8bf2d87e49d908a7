//! A line chart painted: grid, gaps, area, line, axes; and apart from them the crosshair.

use crate::canvas::draw::brush::Brush;
use crate::canvas::draw::text;
use crate::canvas::line::LineFrame;
use crate::canvas::readings::Point;
use crate::canvas::time_ticks::TickKind;

/// Points that are at least so far apart, CSS pixels, get a dot each.
const DOTS_FROM: f64 = 14.0;

/// Paints everything but the crosshair.
pub fn paint(brush: &Brush<'_>, frame: &LineFrame, decimals: u8) {
    brush.prepare_text();
    grid(brush, frame);
    brush.hatch(&frame.plot, &frame.missing);
    brush.context.save();
    brush.context.begin_path();
    brush
        .context
        .rect(frame.plot.x, frame.plot.y, frame.plot.w, frame.plot.h);
    brush.context.clip();
    lines(brush, frame);
    brush.context.restore();
    axes(brush, frame, decimals);
}

/// Width in CSS pixels that the value axis needs for its labels.
pub fn value_axis_width(brush: &Brush<'_>, frame: &LineFrame, decimals: u8) -> f64 {
    brush.prepare_text();
    let (low, high) = frame.value.domain();
    let widest = [low, high, frame.last.map_or(low, |point| point.value)]
        .into_iter()
        .map(|value| brush.text_width(&text::number(value, decimals)))
        .fold(0.0, f64::max);
    widest / brush.ratio + 18.0
}

/// Paints the crosshair: a line at a moment, a dot on the point that is known there, and the labels.
pub fn crosshair(
    brush: &Brush<'_>,
    frame: &LineFrame,
    x: f64,
    point: Option<&Point>,
    moment: &str,
    decimals: u8,
) {
    brush.prepare_text();
    let theme = brush.theme;
    brush.dashes(&theme.crosshair, 3.0, [(x, 0.0, x, frame.time_axis.y)]);
    if let Some(point) = point {
        let y = frame.value.pixel(point.value);
        brush.dashes(&theme.crosshair, 3.0, [(0.0, y, frame.plot.w, y)]);
        dot(brush, x, y, 4.0, &theme.panel);
        dot(brush, x, y, 3.0, &theme.series);
        let label = text::number(point.value, decimals);
        brush.axis_label(&frame.value_axis, y, &theme.label, &theme.label_text, &label);
    }
    brush.time_label(&frame.time_axis, x, moment);
}

fn grid(brush: &Brush<'_>, frame: &LineFrame) {
    let (hair, theme) = (brush.hair(), brush.theme);
    let rows = frame
        .ticks
        .values
        .iter()
        .map(|value| (0.0, frame.value.pixel(*value).round(), frame.plot.w, hair));
    brush.rects(&theme.grid, rows);
    let columns = frame
        .time_ticks
        .iter()
        .map(|(x, _)| (x.round(), 0.0, hair, frame.time_axis.y));
    brush.rects(&theme.grid, columns);
}

fn lines(brush: &Brush<'_>, frame: &LineFrame) {
    let (context, theme) = (brush.context, brush.theme);
    context.set_fill_style_str(&theme.series_wash);
    for segment in &frame.segments {
        let (Some(first), Some(last)) = (segment.first(), segment.last()) else {
            continue;
        };
        context.begin_path();
        context.move_to(first.0, frame.plot.bottom());
        segment.iter().for_each(|(x, y)| context.line_to(*x, *y));
        context.line_to(last.0, frame.plot.bottom());
        context.fill();
    }
    context.set_stroke_style_str(&theme.series);
    context.set_line_width(1.5 * brush.ratio);
    context.set_line_join("round");
    context.begin_path();
    for segment in &frame.segments {
        let mut points = segment.iter();
        if let Some((x, y)) = points.next() {
            context.move_to(*x, *y);
        }
        points.for_each(|(x, y)| context.line_to(*x, *y));
    }
    context.stroke();
    let count = frame.segments.iter().map(Vec::len).sum::<usize>().max(1);
    let is_sparse = frame.plot.w / count as f64 >= brush.px(DOTS_FROM);
    for segment in &frame.segments {
        // A point alone between two gaps would not be seen as a line.
        if is_sparse || segment.len() == 1 {
            segment
                .iter()
                .for_each(|(x, y)| dot(brush, *x, *y, 2.25, &theme.series));
        }
    }
}

fn dot(brush: &Brush<'_>, x: f64, y: f64, radius: f64, color: &str) {
    let context = brush.context;
    context.set_fill_style_str(color);
    context.begin_path();
    // It fails only for a negative radius.
    let _ = context.arc(x, y, radius * brush.ratio, 0.0, std::f64::consts::TAU);
    context.fill();
}

fn axes(brush: &Brush<'_>, frame: &LineFrame, decimals: u8) {
    let (hair, theme) = (brush.hair(), brush.theme);
    brush.rects(
        &theme.line,
        [
            (frame.value_axis.x, 0.0, hair, frame.time_axis.bottom()),
            (0.0, frame.time_axis.y, frame.time_axis.w, hair),
        ],
    );
    let clear = brush.px(9.0);
    let last = frame.last.map(|point| frame.value.pixel(point.value));
    let left = frame.value_axis.x + brush.px(8.0);
    for value in &frame.ticks.values {
        let y = frame.value.pixel(*value);
        let is_under_last = last.is_some_and(|last| (y - last).abs() < brush.px(17.0));
        if y > clear && y < frame.plot.bottom() - clear && !is_under_last {
            let label = text::number(*value, decimals.max(frame.ticks.decimals));
            brush.text(&theme.axis_text, "left", &label, left, y);
        }
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
    if let Some((point, y)) = frame.last.zip(last) {
        if (0.0..frame.plot.bottom()).contains(&y) {
            brush.dashes(&theme.series, 2.0, [(0.0, y, frame.plot.w, y)]);
        }
        let label = text::number(point.value, decimals);
        brush.axis_label(&frame.value_axis, y, &theme.series, &theme.on_side, &label);
    }
}
