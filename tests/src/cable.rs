//! The cable between a client and the server: a TCP proxy that can be cut, and can swallow what goes through it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A name that browsers of ours find here; see [`Cable::url`].
pub(crate) const FAR_NAME: &str = "gateway.test";

/// A cable; dropping it ends all that goes through it.
#[derive(Debug)]
#[must_use]
pub struct Cable {
    address: SocketAddr,
    state: watch::Sender<State>,
    _end: DropGuard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What comes in goes out.
    Whole,
    /// Nothing goes through, and nobody is told: as with a cable pulled out of a switch.
    Silent,
    /// Everything is reset, and new connections too.
    Cut,
    /// So many bytes of the server a second; the client's go through.
    Slow { bytes_per_second: usize },
}

impl Cable {
    /// Lays a cable to an address.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no free port for a cable")?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(State::Whole);
        let end = CancellationToken::new();
        let accepting = accept(listener, target, state.subscribe());
        let ended = end.clone();
        tokio::spawn(async move { ended.run_until_cancelled(accepting).await });
        Ok(Cable {
            address,
            state,
            _end: end.drop_guard(),
        })
    }

    /// The near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The near end for a browser, under a name that does not say that it is this machine: what is on one's own machine
    /// needs no network, and is not given up without one.
    pub fn url(&self) -> String {
        format!("http://{FAR_NAME}:{}", self.address.port())
    }

    /// Lets everything through again. Connections that were silent go on; those that were cut are gone.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }

    /// Lets nothing through, without a word to either side.
    pub fn pull_out(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Resets what is connected and what connects.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets little of the server's bytes through.
    pub fn throttle(&self, bytes_per_second: usize) {
        self.state.send_replace(State::Slow { bytes_per_second });
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<State>) {
    // Dropping the set ends what is under way.
    let mut links = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        links.spawn(link(near, target, state.clone()));
        while links.try_join_next().is_some() {}
    }
}

/// Copies in both directions until one end closes or the cable is cut.
async fn link(near: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    let connecting = async {
        let gone = state.wait_for(|state| *state != State::Silent).await.is_err();
        let is_cut = *state.borrow() == State::Cut;
        if gone || is_cut {
            None
        } else {
            TcpStream::connect(target).await.ok()
        }
    };
    let Some(far) = connecting.await else {
        return reset(&near);
    };
    // Small frames leave at once, as without a cable.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near, far) = (near, far);
    let (mut near_in, mut near_out) = tokio::io::split(near);
    let (mut far_in, mut far_out) = tokio::io::split(far);
    let is_cut = async {
        let mut state = state.clone();
        state.wait_for(|state| *state == State::Cut).await.is_ok()
    };
    let cut = tokio::select! {
        () = carry(&mut near_in, &mut far_out, state.clone(), Direction::ToServer) => false,
        () = carry(&mut far_in, &mut near_out, state.clone(), Direction::FromServer) => false,
        cut = is_cut => cut,
    };
    let (near, far) = (near_in.unsplit(near_out), far_in.unsplit(far_out));
    if cut {
        reset(&near);
        reset(&far);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    FromServer,
}

async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut state: watch::Receiver<State>,
    direction: Direction,
) {
    /// Parts of a second in which a slow cable takes its share.
    const SHARES: u32 = 20;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(now) = state
            .wait_for(|state| *state != State::Silent)
            .await
            .map(|state| *state)
        else {
            return;
        };
        let most = match now {
            State::Slow { bytes_per_second } if direction == Direction::FromServer => {
                // This is the speed of the cable itself, not waiting for anything.
                tokio::time::sleep(Duration::from_secs(1) / SHARES).await;
                (bytes_per_second / SHARES as usize).clamp(1, buffer.len())
            }
            State::Slow { .. } | State::Whole | State::Silent | State::Cut => buffer.len(),
        };
        // What was being read when the cable was pulled out is held back, not lost: TCP would send it again.
        let Ok(read @ 1..) = from.read(&mut buffer[..most]).await else {
            return;
        };
        if state.wait_for(|state| *state != State::Silent).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Closing without linger makes the peer see a reset.
fn reset(stream: &TcpStream) {
    // A socket that refuses closes in order instead, which also ends the link.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = tokio::io::split(stream);
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn round_trip(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
        stream.write_all(text.as_bytes()).await?;
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back).await?;
        Ok(String::from_utf8_lossy(&back).into_owned())
    }

    #[tokio::test]
    async fn a_whole_cable_carries_both_ways() {
        let cable = Cable::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, "hello").await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_pulled_cable_is_silent_and_loses_nothing_when_it_is_put_back() {
        let cable = Cable::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        round_trip(&mut stream, "hello").await.unwrap();
        cable.pull_out();
        stream.write_all(b"there").await.unwrap();
        let mut back = [0; 5];
        assert!(
            timeout(Duration::from_millis(100), stream.read_exact(&mut back))
                .await
                .is_err()
        );
        cable.mend();
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there");
    }

    #[tokio::test]
    async fn a_cut_cable_resets_what_is_connected_and_what_connects() {
        let cable = Cable::to(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        round_trip(&mut stream, "hello").await.unwrap();
        cable.cut();
        assert!(round_trip(&mut stream, "there").await.is_err());
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        assert!(round_trip(&mut stream, "there").await.is_err());
        cable.mend();
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, "again").await.unwrap(), "again");
    }
}
