//! Why a connection was closed, and whether the client should come back.

/// A WebSocket close code, as [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-7.4) and this protocol
/// define them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseCode {
    /// 1000: the end was wanted.
    Normal,
    /// 1001: the server or the page goes away.
    GoingAway,
    /// 1003: data of a kind that was not agreed on, such as binary on the JSON protocol.
    UnsupportedData,
    /// 1006: never sent; what a client sees when the connection broke.
    Abnormal,
    /// 1007: text that is not UTF-8.
    InvalidText,
    /// 1008: a rule was broken: origin, too many errors, not signed in in time.
    Policy,
    /// 1009: a message over the announced size.
    TooBig,
    /// 1011: the server's fault.
    Internal,
    /// 1012: a planned restart; come back after the announced delay.
    Restart,
    /// 4000: the token is wrong.
    AuthFailed,
    /// 4001: the token has expired.
    TokenExpired,
    /// 4008: the client read too slowly even to be caught up.
    Slow,
    /// 4009: replaced by a newer connection, or removed by an operator.
    Removed,
    /// 4029: too many connections or requests.
    TooManyRequests,
    /// Any other.
    Other(u16),
}

/// What a client does after a close.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ComeBack {
    /// Connect again, with back-off.
    WithBackoff,
    /// Connect again after the delay that `shutdown` announced, or with back-off if none came.
    AfterAnnouncedDelay,
    /// Connect again, not before half a minute.
    Later,
    /// Only with another token.
    WithNewToken,
    /// Not by itself: a person must change something.
    No,
}

impl CloseCode {
    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::UnsupportedData => 1003,
            CloseCode::Abnormal => 1006,
            CloseCode::InvalidText => 1007,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::Internal => 1011,
            CloseCode::Restart => 1012,
            CloseCode::AuthFailed => 4000,
            CloseCode::TokenExpired => 4001,
            CloseCode::Slow => 4008,
            CloseCode::Removed => 4009,
            CloseCode::TooManyRequests => 4029,
            CloseCode::Other(code) => code,
        }
    }

    /// Should the client come back, and how?
    pub fn come_back(self) -> ComeBack {
        match self {
            CloseCode::GoingAway | CloseCode::Abnormal | CloseCode::Internal | CloseCode::Slow => {
                ComeBack::WithBackoff
            }
            CloseCode::Restart => ComeBack::AfterAnnouncedDelay,
            CloseCode::TooManyRequests => ComeBack::Later,
            CloseCode::AuthFailed | CloseCode::TokenExpired => ComeBack::WithNewToken,
            CloseCode::Normal
            | CloseCode::UnsupportedData
            | CloseCode::InvalidText
            | CloseCode::Policy
            | CloseCode::TooBig
            | CloseCode::Removed => ComeBack::No,
            // Codes of proxies and of later versions: most likely the link, not us.
            CloseCode::Other(_) => ComeBack::WithBackoff,
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        match code {
            1000 => CloseCode::Normal,
            1001 => CloseCode::GoingAway,
            1003 => CloseCode::UnsupportedData,
            1006 => CloseCode::Abnormal,
            1007 => CloseCode::InvalidText,
            1008 => CloseCode::Policy,
            1009 => CloseCode::TooBig,
            1011 => CloseCode::Internal,
            1012 => CloseCode::Restart,
            4000 => CloseCode::AuthFailed,
            4001 => CloseCode::TokenExpired,
            4008 => CloseCode::Slow,
            4009 => CloseCode::Removed,
            4029 => CloseCode::TooManyRequests,
            other => CloseCode::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_name_are_inverse() {
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode::from(code).code(), code);
        }
    }

    #[test]
    fn each_close_says_whether_to_come_back() {
        for (code, expected) in [
            (1000, ComeBack::No),
            (1001, ComeBack::WithBackoff),
            (1003, ComeBack::No),
            (1005, ComeBack::WithBackoff),
            (1006, ComeBack::WithBackoff),
            (1007, ComeBack::No),
            (1008, ComeBack::No),
            (1009, ComeBack::No),
            (1011, ComeBack::WithBackoff),
            (1012, ComeBack::AfterAnnouncedDelay),
            (1013, ComeBack::WithBackoff),
            (4000, ComeBack::WithNewToken),
            (4001, ComeBack::WithNewToken),
            (4008, ComeBack::WithBackoff),
            (4009, ComeBack::No),
            (4029, ComeBack::Later),
        ] {
            assert_eq!(CloseCode::from(code).come_back(), expected, "{code}");
        }
    }
}
