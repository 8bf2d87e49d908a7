//! Who someone is, and what they may do. Denied by default.

mod claims;
mod grant;
mod identity;
mod pattern;
mod permissions;
mod revoked;
mod verifier;

pub use grant::Grant;
pub use identity::{Identity, Rights, Role};
pub use pattern::{ChannelPattern, PatternError};
pub use permissions::{Act, Permissions, Who};
pub use revoked::{MOST_REVOCATIONS, Revoke, Revoked, RevokedList, RevokedUser, TooManyRevocations};
pub use verifier::{TokenError, Verifier};
