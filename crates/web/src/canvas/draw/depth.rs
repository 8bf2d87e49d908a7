//! A depth chart painted: two stepped areas, the middle, the axes; and apart from them what the pointer is over.

use crate::canvas::book_curve::Side;
use crate::canvas::depth::{DepthFrame, DepthHover};
use crate::canvas::draw::brush::Brush;
use crate::canvas::draw::text;
use crate::canvas::layout::Rect;
use crate::canvas::ticks::Ticks;

/// Height of the price axis below the areas, CSS pixels.
pub const AXIS: f64 = 22.0;

/// Paints everything but the hover. `plot` is where the frame was laid out.
pub fn paint(brush: &Brush<'_>, frame: &DepthFrame, plot: &Rect, decimals: u8) {
    brush.prepare_text();
    let (theme, hair) = (brush.theme, brush.hair());
    let totals = Ticks::nice(
        0.0,
        frame.total.domain().1,
        (plot.h / brush.px(34.0)) as usize,
        0.0,
    );
    let rows = totals
        .values
        .iter()
        .skip(1)
        .map(|total| (0.0, frame.total.pixel(*total).round(), plot.w, hair));
    brush.rects(&theme.grid, rows);
    let (low, high) = frame.price.domain();
    let prices = Ticks::nice(low, high, (plot.w / brush.px(96.0)).max(1.0) as usize, 0.0);
    brush.rects(
        &theme.grid,
        prices
            .values
            .iter()
            .map(|price| (frame.price.pixel(*price).round(), 0.0, hair, plot.h)),
    );

    area(brush, &frame.bids, plot, &theme.up_fill);
    area(brush, &frame.asks, plot, &theme.down_fill);

    let middle = frame.price.pixel(frame.mid);
    brush.dashes(&theme.crosshair, 2.0, [(middle, 0.0, middle, plot.h)]);
    brush.rects(&theme.line, [(0.0, plot.h, plot.w, hair)]);

    for total in totals.values.iter().skip(1) {
        let y = frame.total.pixel(*total);
        if y > brush.px(8.0) {
            brush.text(
                &theme.axis_text,
                "right",
                &text::compact(*total),
                plot.w - brush.px(6.0),
                y - brush.px(7.0),
            );
        }
    }
    let label = text::number(frame.mid, decimals);
    let around = brush.text_width(&label) / 2.0 + brush.px(10.0);
    let y = plot.h + brush.px(11.0);
    for price in &prices.values {
        let (x, label) = (frame.price.pixel(*price), text::number(*price, decimals));
        let half = brush.text_width(&label) / 2.0;
        // The middle's own label has precedence, and nothing is cut at the edges.
        if x > half && x < plot.w - half && (x - middle).abs() > around + half {
            brush.text(&theme.axis_text, "center", &label, x, y);
        }
    }
    brush.text(&theme.strong_text, "center", &label, middle, y);
}

/// Paints what the pointer is over: the level, and its mirror image on the other side as a faint line.
pub fn hover(brush: &Brush<'_>, frame: &DepthFrame, plot: &Rect, hover: &DepthHover) {
    brush.prepare_text();
    let (x, y) = (
        frame.price.pixel(hover.price),
        frame.total.pixel(hover.point.total),
    );
    let color = match hover.side {
        Side::Bid => &brush.theme.up,
        Side::Ask => &brush.theme.down,
    };
    brush.dashes(
        &brush.theme.crosshair,
        3.0,
        [(x, 0.0, x, plot.h), (0.0, y, plot.w, y)],
    );
    let context = brush.context;
    context.set_fill_style_str(color);
    context.begin_path();
    let _ = context.arc(x.round(), y.round(), brush.px(3.5), 0.0, std::f64::consts::TAU);
    context.fill();
}

fn area(brush: &Brush<'_>, corners: &[(f64, f64)], plot: &Rect, color: &str) {
    let (Some(first), Some(last)) = (corners.first(), corners.last()) else {
        return;
    };
    let context = brush.context;
    let thickness = brush.px(1.5).max(1.0);
    // Steps are sharp when their strokes cover whole pixels.
    let snap = |value: f64| value.round() + thickness % 2.0 / 2.0;
    let trace = || {
        context.begin_path();
        context.move_to(snap(first.0), plot.h);
        for (x, y) in corners {
            context.line_to(snap(*x), snap(*y));
        }
    };
    trace();
    context.line_to(snap(last.0), plot.h);
    context.close_path();
    context.set_fill_style_str(color);
    context.set_global_alpha(0.16);
    context.fill();
    context.set_global_alpha(1.0);
    trace();
    context.set_stroke_style_str(color);
    context.set_line_width(thickness);
    context.set_line_join("round");
    context.stroke();
}
