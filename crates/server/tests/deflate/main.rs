//! `permessage-deflate`, seen from outside: what is agreed on, and what is read and written then.

mod negotiation;
mod payloads;
