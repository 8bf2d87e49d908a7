//! `echo ADDR:PORT`: the frame codec alone behind a socket, for conformance suites. It sends every message back, answers
//! pings, closes as it is closed, and compresses where the client offers it. Any path will do.
//!
//! `cargo run --release -p nexus-server --example echo -- 127.0.0.1:9001`

#![allow(
    clippy::print_stdout,
    reason = "whoever starts it reads the address from its first line"
)]

mod handshake;
mod serve;

use std::net::TcpListener;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(address), None) = (args.next(), args.next()) else {
        bail!("usage: echo ADDR:PORT");
    };
    let listener = TcpListener::bind(&address).with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    serve::serve(&listener, serve::Limits::default());
    Ok(())
}
