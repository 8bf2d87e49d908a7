//! Whose connection it is, by address, and how often each address may connect.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use tokio::time::Instant;

use crate::rate::{SlidingWindow, TooOften};

/// So many addresses are remembered; when all of them connected within the minute, further ones are not counted.
const MOST_ADDRESSES: usize = 100_000;

/// How often each address connected in the last minute.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Protects the windows.
    windows: Mutex<HashMap<IpAddr, SlidingWindow>>,
}

/// A network of proxies whose word about their clients is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is no network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no address and no network like 10.0.0.0/8")]
pub struct NetworkError(String);

impl Addresses {
    /// Counts a connection, unless there were `limit` from this address in the last minute.
    ///
    /// # Errors
    /// If there were.
    pub fn admit(&self, address: IpAddr, limit: u32, now: Instant) -> Result<(), TooOften> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let key = whose(address);
        if windows.len() >= MOST_ADDRESSES && !windows.contains_key(&key) {
            windows.retain(|_, window| {
                window.forget(now);
                !window.is_empty()
            });
            if windows.len() >= MOST_ADDRESSES {
                return Ok(());
            }
        }
        windows.entry(key).or_default().admit(now, limit)
    }

    /// Lets go of addresses that did not connect lately.
    pub fn sweep(&self, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, window| {
            window.forget(now);
            !window.is_empty()
        });
        windows.shrink_to_fit();
    }
}

impl Network {
    /// Reads an address, or an address and the length of its prefix.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.chars().take(64).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(error)?,
            None => most,
        };
        Ok(Network { address, prefix_bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
            IpAddr::V6(v6) => (v6.to_bits(), false),
        };
        let ((ours, ours_v4), (theirs, theirs_v4)) = (bits(self.address), bits(address));
        let shift = 128 - u32::from(self.prefix_bits);
        ours_v4 == theirs_v4 && (ours ^ theirs).checked_shr(shift).unwrap_or(0) == 0
    }
}

/// The client's address: the peer's, or what proxies that are trusted say. Only what the nearest proxies wrote counts,
/// as anyone can send the header.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.ip().to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let hops = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    for hop in hops {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Whoever has an IPv6 address has 2^64 of them.
fn whose(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_an_ipv6_network_is_one() {
        let addresses = Addresses::default();
        let now = Instant::now();
        let admit = |address: &str, now| addresses.admit(address.parse().unwrap(), 2, now);
        assert!(admit("192.0.2.1", now).is_ok());
        assert!(admit("192.0.2.1", now).is_ok());
        assert!(admit("192.0.2.1", now).is_err());
        assert!(admit("192.0.2.2", now).is_ok());
        assert!(admit("2001:db8::1", now).is_ok());
        assert!(admit("2001:db8::2", now).is_ok());
        assert!(admit("2001:db8::3", now).is_err());
        assert!(admit("192.0.2.1", now + Duration::from_secs(60)).is_ok());
        addresses.sweep(now + Duration::from_secs(200));
        assert!(addresses.windows.lock().unwrap().is_empty());
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = [
            Network::parse("10.0.0.0/8").unwrap(),
            Network::parse("::1").unwrap(),
        ];
        for (peer, forwarded, expected) in [
            ("192.0.2.9:1", &["203.0.113.5"][..], "192.0.2.9"),
            ("10.1.1.1:1", &[], "10.1.1.1"),
            ("10.1.1.1:1", &["203.0.113.5"], "203.0.113.5"),
            ("10.1.1.1:1", &["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            (
                "10.1.1.1:1",
                &["198.51.100.1", "203.0.113.5, 10.2.2.2"],
                "203.0.113.5",
            ),
            ("10.1.1.1:1", &["junk, 10.2.2.2"], "10.2.2.2"),
            ("[::1]:1", &["203.0.113.5"], "203.0.113.5"),
            ("[::ffff:10.1.1.1]:1", &["203.0.113.5"], "203.0.113.5"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let client = client_address(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(client.to_string(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn networks_are_read_and_compared_by_their_prefix() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.5", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        }
        for text in ["", "10.0.0.0/33", "a/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
