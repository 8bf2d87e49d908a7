//! A whole server in this process, real sockets, and clients that behave and misbehave: one file a behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;
mod narrow;

mod abuse;
mod activity;
mod catching_up;
mod classic;
mod coming_in;
mod compression;
mod conflation;
mod delivery;
mod device_commands;
mod drain;
mod durable;
mod faults;
mod files;
mod filters;
mod logs;
mod packed;
mod permissions;
mod publish;
mod recovery;
mod rooms;
mod slow_clients;
mod telemetry;
mod tokens;
