//! Painting: the only files of the canvas layer that know a browser. They put on screen what the maths laid out, in
//! device pixels, one path or one run of rectangles per colour, and decide nothing.

pub mod brush;
pub mod candles;
pub mod depth;
pub mod frame_loop;
pub mod line;
pub mod stack;
pub mod surface;
pub mod text;
pub mod theme;
