//! What happens to a connection by itself. The shard's wheel wakes it when the first of these is due.

/// Why a connection wakes up by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// A ping is due.
    Ping,
    /// Nothing was heard for too long.
    Silent,
    /// Nothing was taken for too long.
    Blocked,
    /// Nobody signed in.
    SignIn,
    /// The token has come to its end.
    TokenExpired,
    /// A subscription's own token has come to its end.
    GrantExpired,
    /// A throttled subscription may go on.
    Throttle,
    /// The server ends, and this client's moment has come.
    Restart,
}
