//! Questions to the node over HTTP, with deadlines, and with a look at status and size of an answer before it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::series::{Question, Survey};
use super::wire::answers::{
    Block, Unusable, WireChains, ask_block, ask_blocks, ask_chains, ask_tip, read_block, read_blocks,
    read_chains, read_tip,
};
use crate::feeds::clock::Clock;

/// An answer must be complete within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const MAX_BYTES: usize = 8 << 20;
/// Blocks that are asked for at a time.
const AT_A_TIME: u64 = 50;

/// Asks the node. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    url: String,
    asked: AtomicU64,
    failed: AtomicU64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No connection, or it broke.
    #[error("the node cannot be reached over HTTP")]
    Unreachable(#[source] reqwest::Error),
    /// Nothing, or not everything, in time.
    #[error("the node did not answer in time")]
    TimedOut,
    /// Another status than 200.
    #[error("the node answered with status {0}")]
    Status(StatusCode),
    /// Larger than anything that could be right.
    #[error("the node's answer is too large")]
    TooBig,
    /// It cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Node {
    /// Asks at `url`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built (no TLS roots).
    pub(crate) fn new(url: String, clock: Clock) -> Result<Self, reqwest::Error> {
        // No proxy: the WebSocket beside it cannot use one either.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(clock.deadline(ANSWER_WITHIN))
            .timeout(clock.deadline(ANSWER_WITHIN))
            .build()?;
        Ok(Node {
            shared: Arc::new(Shared {
                http,
                url,
                asked: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            }),
        })
    }

    /// Which chains the node follows.
    pub(crate) async fn chains(&self) -> Result<WireChains, AskError> {
        self.ask(&ask_chains(), read_chains).await
    }

    /// Where a chain ends, and the blocks up to there that the question is about.
    pub(crate) async fn survey(&self, chain: &str, question: Question) -> Result<Survey, AskError> {
        let tip = self.ask(&ask_tip(chain), read_tip).await?;
        let floor = question.floor(&tip);
        let mut blocks: Vec<Block> = Vec::new();
        let mut flaw = None;
        let mut wanted = tip.block_hash.clone();
        // Downwards, hash by hash, so that what comes out hangs together.
        while let Some(hash) = wanted.take() {
            let next = blocks.last().map_or(tip.next_block_height, |block| block.height);
            let Some(left) = next.checked_sub(floor).filter(|left| *left > 0) else {
                break;
            };
            match self.downward(chain, &hash, left.min(AT_A_TIME)).await {
                Ok(page) => {
                    let before = blocks.len();
                    flaw = append(&mut blocks, page, &hash, next);
                    if blocks.len() == before && flaw.is_none() {
                        flaw = Some("the node does not have the block".to_owned());
                    }
                }
                Err(error) => flaw = Some(error.to_string()),
            }
            if flaw.is_some() {
                break;
            }
            wanted = blocks.last().and_then(|block| block.previous.clone());
        }
        blocks.reverse();
        Ok(Survey {
            question,
            tip,
            blocks,
            flaw,
        })
    }

    /// Questions asked, and those that failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (count(&self.shared.asked), count(&self.shared.failed))
    }

    /// Blocks from one downwards: many at a time where the node can, else this one.
    async fn downward(&self, chain: &str, hash: &str, limit: u64) -> Result<Vec<Block>, AskError> {
        if limit > 1
            && let Ok(blocks) = self.ask(&ask_blocks(chain, hash, limit), read_blocks).await
            && !blocks.is_empty()
        {
            return Ok(blocks);
        }
        let block = self.ask(&ask_block(chain, hash), read_block).await?;
        Ok(block.into_iter().collect())
    }

    async fn ask<T>(
        &self,
        question: &Value,
        read: impl Fn(&str) -> Result<T, Unusable>,
    ) -> Result<T, AskError> {
        self.shared.asked.fetch_add(1, Ordering::Relaxed);
        let answer = match self.post(question).await {
            Ok(body) => read(&body).map_err(AskError::from),
            Err(error) => Err(error),
        };
        if answer.is_err() {
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    async fn post(&self, question: &Value) -> Result<String, AskError> {
        let request = self.shared.http.post(&self.shared.url).json(question);
        let mut response = request.send().await.map_err(AskError::of)?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(AskError::of)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(AskError::TooBig);
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| AskError::Unusable(Unusable::Unreadable))
    }
}

impl AskError {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            AskError::TimedOut
        } else {
            AskError::Unreachable(error.without_url())
        }
    }
}

/// Takes a page of blocks, highest first, as far as it hangs together; what is wrong with it, if something is.
fn append(blocks: &mut Vec<Block>, page: Vec<Block>, from: &str, below: u64) -> Option<String> {
    let mut hash = Some(from.to_owned());
    let mut next = below;
    for block in page {
        let fits = hash.as_deref() == Some(&block.hash) && block.height.checked_add(1) == Some(next);
        if !fits {
            return Some("the node's blocks do not hang together".to_owned());
        }
        (hash, next) = (block.previous.clone(), block.height);
        blocks.push(block);
    }
    None
}
