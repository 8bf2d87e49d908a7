//! Contrast of the design tokens, computed from `styles/tokens.css` itself: in both themes and both palettes every
//! text token reads at 4.5:1 or better wherever it may stand, every graphic token shows at 3:1 (WCAG 2.2 AA).
//! It must never list a pair with a lower bound of its own: a failing pair means that the token changes.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;

const TOKENS: &str = include_str!("../styles/tokens.css");
const TEXT: f64 = 4.5;
const GRAPHICS: f64 = 3.0;
const SURFACES: [&str; 6] = ["bg", "panel", "raised", "overlay", "sunken", "selected"];

#[test]
fn text_reads_on_every_surface() {
    check(TEXT, |pairs| {
        for text in [
            "text", "text-2", "text-3", "up", "down", "ok", "warn", "bad", "info", "accent",
        ] {
            for surface in SURFACES {
                pairs.push(vec![text, surface]);
            }
        }
    });
}

#[test]
fn text_reads_on_washes() {
    check(TEXT, |pairs| {
        for wash in ["up-wash", "down-wash"] {
            for text in ["text", "text-2", "up", "down"] {
                pairs.push(vec![text, wash, "panel"]);
            }
        }
        for surface in ["panel", "overlay"] {
            pairs.push(vec!["warn", "warn-wash", surface]);
            pairs.push(vec!["text-2", "warn-wash", surface]);
            pairs.push(vec!["bad", "bad-wash", surface]);
            pairs.push(vec!["info", "info-wash", surface]);
            pairs.push(vec!["accent-strong", "accent-wash", surface]);
            pairs.push(vec!["accent", "accent-wash", surface]);
        }
        pairs.push(vec!["accent-strong", "accent-wash", "sunken"]);
        pairs.push(vec!["on-accent", "accent"]);
        pairs.push(vec!["on-accent", "accent-strong"]);
    });
}

#[test]
fn stale_figures_stay_readable() {
    check(TEXT, |pairs| {
        for text in ["stale-text", "stale-up", "stale-down"] {
            for surface in ["panel", "raised", "selected", "stale-wash"] {
                pairs.push(vec![text, surface]);
            }
        }
    });
}

#[test]
fn chart_text_reads() {
    check(TEXT, |pairs| {
        pairs.push(vec!["chart-axis-text", "panel"]);
        pairs.push(vec!["chart-label-text", "chart-label"]);
        pairs.push(vec!["chart-on-side", "up"]);
        pairs.push(vec!["chart-on-side", "down"]);
        pairs.push(vec!["chart-on-side", "stale-up"]);
        pairs.push(vec!["chart-on-side", "stale-down"]);
    });
}

#[test]
fn graphics_show() {
    check(GRAPHICS, |pairs| {
        for graphic in [
            "up-fill",
            "down-fill",
            "chart-crosshair",
            "chart-line",
            "accent",
            "star",
            "edge",
        ] {
            pairs.push(vec![graphic, "panel"]);
        }
        for surface in ["overlay", "sunken", "raised"] {
            pairs.push(vec!["edge", surface]);
            pairs.push(vec!["accent", surface]);
        }
    });
}

/// The arithmetic itself, against values published with the WCAG definition.
#[test]
fn ratio_is_the_one_of_wcag() {
    let ratio = |a, b| (contrast(parse(a), parse(b)) * 100.0).round() / 100.0;
    assert_eq!(ratio("#000000", "#ffffff"), 21.0);
    assert_eq!(ratio("#777777", "#ffffff"), 4.48);
    assert_eq!(ratio("#ff0000", "#ffffff"), 4.0);
}

/// Each pair is a stack of tokens from front to back; the first is what has to show, the last is opaque.
fn check(bound: f64, list: impl Fn(&mut Vec<Vec<&'static str>>)) {
    let mut pairs = Vec::new();
    list(&mut pairs);
    let mut failures = Vec::new();
    for palette in ["", "cb"] {
        for (theme, name) in [(0, "light"), (1, "dark")] {
            let tokens = tokens(palette, theme);
            let color = |token: &str| *tokens.get(token).unwrap_or_else(|| panic!("no token --{token}"));
            for stack in &pairs {
                let ground = stack[1..]
                    .iter()
                    .rev()
                    .map(|token| color(token))
                    .reduce(over)
                    .expect("a ground");
                let ratio = contrast(color(stack[0]), ground);
                if ratio < bound {
                    failures.push(format!(
                        "{name} {palette}: {stack:?} is {ratio:.2}, needs {bound}"
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// All `--name: light-dark(#light, #dark)` of the base block, overridden by those of the palette's block.
fn tokens(palette: &str, theme: usize) -> BTreeMap<&'static str, Rgba> {
    let mut tokens = BTreeMap::new();
    let mut current = "";
    for line in TOKENS.lines().map(str::trim) {
        if line.starts_with("@media (prefers-contrast") {
            break;
        }
        if line.starts_with(":root") && line.ends_with('{') {
            current = if line.contains("data-palette=\"cb\"") {
                "cb"
            } else {
                ""
            };
        }
        let Some((name, value)) = line
            .strip_prefix("--")
            .and_then(|line| line.split_once(": light-dark("))
        else {
            continue;
        };
        if current.is_empty() || current == palette {
            let (values, _) = value.split_once(')').expect("light-dark( closes on its line");
            let value = values.split(", ").nth(theme).expect("two colours");
            tokens.insert(name, parse(value));
        }
    }
    assert!(
        tokens.len() > 40,
        "tokens.css no longer reads as expected: {} colours",
        tokens.len()
    );
    tokens
}

#[derive(Clone, Copy)]
struct Rgba([f64; 4]);

fn parse(hex: &str) -> Rgba {
    let digits = hex
        .strip_prefix('#')
        .unwrap_or_else(|| panic!("{hex} is no #rrggbb"));
    assert!(
        digits.len() == 6 || digits.len() == 8,
        "{hex} is neither #rrggbb nor #rrggbbaa"
    );
    let channel = |at: usize| match digits.get(at..at + 2) {
        Some(pair) => f64::from(u8::from_str_radix(pair, 16).expect("hex digits")) / 255.0,
        None => 1.0,
    };
    Rgba([channel(0), channel(2), channel(4), channel(6)])
}

/// `front` painted over `back`, which is opaque.
fn over(back: Rgba, front: Rgba) -> Rgba {
    let alpha = front.0[3];
    let mut mixed = [1.0; 4];
    for (channel, value) in mixed.iter_mut().take(3).enumerate() {
        *value = front.0[channel] * alpha + back.0[channel] * (1.0 - alpha);
    }
    Rgba(mixed)
}

fn contrast(a: Rgba, b: Rgba) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(color: Rgba) -> f64 {
    let linear = |value: f64| {
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(color.0[0]) + 0.7152 * linear(color.0[1]) + 0.0722 * linear(color.0[2])
}
