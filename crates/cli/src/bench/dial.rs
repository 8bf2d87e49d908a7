//! Making connections: from several addresses of this machine where one has too few ports, and without waiting.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};

use anyhow::{Context, ensure};
use nexus_client::ServerUrl;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that one address can make at a time, with some to spare.
const PER_SOURCE: usize = 25_000;
/// Descriptors that are needed beside those of the connections.
const SPARE_FILES: u64 = 64;

/// Makes connections to a server.
pub(super) struct Dialer {
    pub(super) address: SocketAddr,
    sources: usize,
    made: usize,
}

impl Dialer {
    /// For as many connections as will be made, at a time or soon after each other.
    pub(super) fn new(address: SocketAddr, sources: usize, connections: usize) -> anyhow::Result<Self> {
        let is_loopback = matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let needed = connections.div_ceil(PER_SOURCE);
        ensure!(
            is_loopback || sources <= 1,
            "several source addresses are those of loopback, 127.0.0.x: --sources is for a server on this machine"
        );
        ensure!(
            is_loopback || needed <= 1,
            "{connections} connections are more than one address has ports; start several loads on several machines"
        );
        let sources = sources.max(needed);
        ensure!(sources <= 250, "there are at most 250 source addresses");
        Ok(Dialer {
            address,
            sources,
            made: 0,
        })
    }

    /// Begins a connection.
    pub(super) fn dial(&mut self) -> anyhow::Result<mio::net::TcpStream> {
        let socket = Socket::new(
            Domain::for_address(self.address),
            Type::STREAM,
            Some(Protocol::TCP),
        )
        .context("no socket: are there enough descriptors (ulimit -n)?")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.sources > 1 {
            let last = 2 + (self.made % self.sources) as u8;
            let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
            socket.set_reuse_address(true)?;
            socket
                .bind(&source.into())
                .with_context(|| format!("cannot connect from {source}"))?;
        }
        self.made += 1;
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if is_under_way(&error) => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("no connection to {}: is the server there?", self.address));
            }
        }
        Ok(mio::net::TcpStream::from_std(TcpStream::from(socket)))
    }
}

fn is_under_way(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    error.kind() == std::io::ErrorKind::WouldBlock
}

/// The host and the path of a server's URL.
pub(super) fn host_and_path(server: &ServerUrl) -> anyhow::Result<(String, String)> {
    let text = server.to_string();
    let (scheme, rest) = text.split_once("://").context("the server's URL has no scheme")?;
    ensure!(
        scheme == "ws",
        "the load speaks plain ws:// and http:// only; measure behind the proxy that does TLS"
    );
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    Ok((host.to_owned(), path.to_owned()))
}

/// Where a host is.
pub(super) fn address_of(host: &str) -> anyhow::Result<SocketAddr> {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let addresses = with_port.to_socket_addrs();
    addresses
        .with_context(|| format!("{with_port} has no address"))?
        .next()
        .with_context(|| format!("{with_port} has no address"))
}

/// Sees to it that so many connections can be open.
pub(super) fn allow_files(connections: usize) -> anyhow::Result<()> {
    let needed = connections as u64 + SPARE_FILES;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        if limit.current.is_some_and(|current| current < needed) {
            ensure!(
                limit.maximum.is_none_or(|maximum| maximum >= needed),
                "{connections} connections need {needed} open files, and this process may have {}: raise the hard limit (ulimit -Hn)",
                limit.maximum.unwrap_or_default()
            );
            let raised = Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            };
            setrlimit(Resource::Nofile, raised)
                .context("cannot raise the limit of open files (ulimit -n)")?;
        }
    }
    #[cfg(not(unix))]
    let _ = needed;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_take_several_addresses_of_loopback() {
        let local = SocketAddr::from(([127, 0, 0, 1], 8080));
        let far = SocketAddr::from(([192, 0, 2, 1], 8080));
        let sources = |address, sources, connections| {
            Dialer::new(address, sources, connections)
                .map(|dialer| dialer.sources)
                .ok()
        };
        assert_eq!(sources(local, 1, 10_000), Some(1));
        assert_eq!(sources(local, 4, 10_000), Some(4));
        assert_eq!(sources(local, 1, 60_000), Some(3));
        assert_eq!(sources(far, 1, 10_000), Some(1));
        assert_eq!(sources(far, 1, 60_000), None);
        assert_eq!(sources(far, 2, 10), None);
    }

    #[test]
    fn a_url_is_a_host_and_a_path() {
        let url = ServerUrl::parse("http://127.0.0.1:8080").unwrap();
        let (host, path) = host_and_path(&url).unwrap();
        assert_eq!((host.as_str(), path.as_str()), ("127.0.0.1:8080", "/v1/ws"));
        assert!(host_and_path(&ServerUrl::parse("https://example.org").unwrap()).is_err());
        assert_eq!(address_of("127.0.0.1").unwrap().port(), 80);
    }

    #[test]
    fn too_many_connections_are_refused_with_a_sentence() {
        assert!(allow_files(10).is_ok());
        if let Err(error) = allow_files(1 << 40) {
            assert!(error.to_string().contains("ulimit -Hn"), "{error}");
        }
    }
}
