//! The driver for programs: a [`Session`](crate::Session) over tokio and tokio-tungstenite.
//!
//! [`Client::connect`] gives a handle, through which the application says what it wants, and [`Events`], from which it
//! learns what happens. One task owns the session; one task a connection owns the socket. Nothing here waits without a
//! deadline, and every queue is bounded: when the application does not take events, the driver stops reading from the
//! socket, so that the server sees a slow client and does what it does for those; nothing is dropped here.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nexus_client::native::Client;
//! use nexus_client::{Config, Event, ServerUrl};
//! use nexus_protocol::{ChannelName, Params, Subscribe, Topic};
//!
//! let server = ServerUrl::parse("http://127.0.0.1:8080")?;
//! let (client, mut events) = Client::connect(Config::new(server));
//!
//! let trades = ChannelName::parse("trades")?;
//! let topic = Topic::parse(&trades, Params::default().with("symbol", "BTC"))?.topic;
//! client.subscribe(Subscribe::to(topic)).await?;
//!
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Publication { publication, .. } => println!("{:?}", publication.payload),
//!         Event::Lost { topic, loss } => eprintln!("{topic}: {loss}"),
//!         Event::Link(state) => eprintln!("{state:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```

mod client;
mod driver;
mod socket;

pub use client::{Client, Ended, Events};
