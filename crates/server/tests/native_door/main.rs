//! A whole server in this process, real sockets, and clients that behave and misbehave: one file a behaviour.

mod harness;

mod abuse;
mod catching_up;
mod coming_in;
mod delivery;
mod drain;
mod files;
mod logs;
mod recovery;
mod slow_clients;
mod tokens;
