//! Who someone is, and what they may do. Denied by default.

mod claims;
mod pattern;
mod permissions;

pub use claims::{Identity, Role, TokenError, Verifier};
pub use pattern::{ChannelPattern, PatternError};
pub use permissions::{Act, Permissions, Who};
