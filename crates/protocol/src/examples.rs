//! One example of each message: what the golden tests hold, and what `docs/PROTOCOL.md` shows.
