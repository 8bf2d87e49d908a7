//! The directory of markets, kept fresh: read at the start, on a timer, and when somebody asks for a market that it does
//! not have; never twice at a time, and never in a rush.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_protocol::Symbol;

use super::clock::{Clock, Moment};
use super::directory::Directory;
use super::info::{Info, InfoError};
use super::wire::info::{Context, Markets};

/// Unknown names make the directory be read again at most so often.
pub(crate) const UNKNOWN_AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// After a failure it is not tried again before this.
const FAILED_AT_MOST_EVERY: Duration = Duration::from_secs(3);
/// Other dexes that are followed. There are about ten.
const MOST_DEXES: usize = 32;

/// The directory of markets. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    info: Info,
    clock: Clock,
    /// Protects what is known.
    directory: Mutex<Directory>,
    /// How the last reading went. Held while it is being read, so that it is not read twice at a time.
    last: tokio::sync::Mutex<LastReading>,
}

#[derive(Clone, Copy, Debug)]
enum LastReading {
    None,
    Complete(Moment),
    Failed(Moment),
}

impl Catalog {
    /// Nothing known yet.
    pub(crate) fn new(info: Info, clock: Clock) -> Self {
        let shared = Shared {
            info,
            clock,
            directory: Mutex::new(Directory::default()),
            last: tokio::sync::Mutex::new(LastReading::None),
        };
        Catalog {
            shared: Arc::new(shared),
        }
    }

    /// What is known. Never held across an await.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.shared
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads everything, unless that was done less than `at_most_every` ago. Who comes while it is being read waits
    /// for it and does not read again.
    pub(crate) async fn read(&self, at_most_every: Duration) -> Result<(), InfoError> {
        let mut last = self.shared.last.lock().await;
        let now = self.shared.clock.now();
        match *last {
            LastReading::Complete(at) if now.since(at) < at_most_every => return Ok(()),
            LastReading::Failed(at) if now.since(at) < FAILED_AT_MOST_EVERY => {
                return Err(InfoError::JustFailed);
            }
            LastReading::None | LastReading::Complete(_) | LastReading::Failed(_) => {}
        }
        let read = self.read_all().await;
        let now = self.shared.clock.now();
        *last = if read.is_ok() {
            LastReading::Complete(now)
        } else {
            LastReading::Failed(now)
        };
        read
    }

    /// Reads the perps of a dex, and what the day brought them.
    pub(crate) async fn read_contexts(&self, dex: &str) -> Result<BTreeMap<Symbol, Context>, InfoError> {
        let Markets { markets, contexts } = self.shared.info.perps(dex).await?;
        self.directory().set_perps(dex, markets);
        Ok(contexts)
    }

    /// Reads the spot markets, and what the day brought them.
    pub(crate) async fn read_spot_contexts(&self) -> Result<BTreeMap<Symbol, Context>, InfoError> {
        let Markets { markets, contexts } = self.shared.info.spot().await?;
        self.directory().set_spot(markets);
        Ok(contexts)
    }

    async fn read_all(&self) -> Result<(), InfoError> {
        self.read_contexts("").await?;
        let info = &self.shared.info;
        let spot = info.spot().await?;
        self.directory().set_spot(spot.markets);
        let priced = info.priced().await?;
        self.directory().set_priced(priced);
        let mut dexes = info.dexes().await?;
        dexes.truncate(MOST_DEXES);
        self.directory().keep_dexes(&dexes);
        for dex in &dexes {
            self.read_contexts(dex).await?;
        }
        Ok(())
    }
}
