//! The ways in. A door knows HTTP and the handshake; behind it, the connection's task or the answer takes over.

pub mod addresses;
pub mod api;
pub mod dashboard;
pub mod health;
pub mod listener;
pub mod native;
pub mod origin;
