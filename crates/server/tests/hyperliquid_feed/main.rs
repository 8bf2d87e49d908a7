//! The feed of the exchange against the stand-in, over real sockets, with a clock that runs faster than the wall's.

mod books;
mod candles;
mod demand;
mod hour;
mod links;
mod prices;
mod trades;
mod world;
