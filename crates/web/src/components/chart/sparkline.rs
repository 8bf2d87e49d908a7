//! A line of the last few values, small enough for a table row: one SVG path, changed in place at most once a frame.
//! It has no canvas, so hundreds cost nothing that is not on screen, and the theme colours it by itself.

use std::rc::Rc;

use web_sys::Element;
use yew::prelude::*;

use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::trail::{Trail, TrailHandle};

/// The box of the path; the element stretches it.
const WIDTH: f64 = 64.0;
const HEIGHT: f64 = 24.0;

/// See [`Sparkline`].
#[derive(Properties, PartialEq)]
pub struct SparklineProps {
    /// The store that the driver feeds.
    pub trail: TrailHandle,
}

/// A decoration beside figures that say the same, hence hidden from screen readers.
#[component]
pub fn Sparkline(props: &SparklineProps) -> Html {
    let path = use_node_ref();
    {
        let path = path.clone();
        use_effect_with(props.trail.clone(), move |trail| {
            let frames = {
                let (path, trail) = (path.clone(), trail.clone());
                FrameLoop::new(move |_| {
                    if let Some(path) = path.cast::<Element>() {
                        trail.read(|trail| show(&path, trail));
                    }
                })
            };
            if let Some(path) = path.cast::<Element>() {
                trail.read(|trail| show(&path, trail));
            }
            let watch = trail.subscribe({
                let frames = Rc::clone(&frames);
                move || frames.request()
            });
            move || drop((watch, frames))
        });
    }
    html! {
        <svg class="sparkline" viewBox={format!("0 0 {WIDTH} {HEIGHT}")} preserveAspectRatio="none" fill="none"
            stroke="currentColor" stroke-width="1.25" aria-hidden="true">
            <path ref={path} vector-effect="non-scaling-stroke" stroke-linejoin="round" />
        </svg>
    }
}

fn show(path: &Element, trail: &Trail) {
    let _ = path.set_attribute("d", &trail.path(WIDTH, HEIGHT));
    let _ = path.set_attribute("class", if trail.is_up() { "up" } else { "down" });
}
