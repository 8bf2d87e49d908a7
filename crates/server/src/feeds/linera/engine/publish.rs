//! What becomes of the steps of a series: publications, and what is said when blocks are missing.

use nexus_protocol::{ChainId, ChainUpdate, ChannelStatus, FeedState, Gap, Height, Json, Topic};
use tokio::time::timeout;

use super::{Engine, PUBLISH_WITHIN};
use crate::clock::wall_clock;
use crate::content::Content;
use crate::feeds::linera::series::Step;

impl Engine {
    /// Publishes, in order.
    pub(super) async fn perform(&mut self, chain: &ChainId, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Publish(update) => self.publish(chain, &update).await,
                Step::Gap(from, to) => {
                    tracing::warn!(from, to, "blocks of a chain are missing for good");
                    let reason = if from == to {
                        format!("the block {from} is missing")
                    } else {
                        format!("the blocks {from} to {to} are missing")
                    };
                    let (from, to) = (Height(from), Height(to));
                    self.publish(chain, &ChainUpdate::Gap { from, to }).await;
                    self.tell_gap(chain, reason).await;
                }
                Step::Reset(tip) => {
                    tracing::warn!(tip, "the node's chain went back; it begins anew");
                    // What is kept is of a chain that is no more.
                    self.broker.forget(&Topic::Chain(chain.clone())).await;
                    let tip = tip.map(Height);
                    self.publish(chain, &ChainUpdate::Reset { tip }).await;
                    let reason = match tip {
                        Some(tip) => format!("the node's chain begins anew; its last block is {tip}"),
                        None => "the node's chain begins anew; it has no block".to_owned(),
                    };
                    self.tell_gap(chain, reason).await;
                }
            }
        }
    }

    pub(super) async fn publish(&mut self, chain: &ChainId, update: &ChainUpdate) {
        let Some(json) = Json::of(update) else {
            self.unpublished += 1;
            return;
        };
        let topic = Topic::Chain(chain.clone());
        let content = Content::Whole(json.as_str().into());
        let publishing = self.broker.publish(&topic, content, wall_clock());
        if !matches!(timeout(PUBLISH_WITHIN, publishing).await, Ok(Ok(_))) {
            tracing::error!("a notification of a chain could not be published");
            self.unpublished += 1;
        }
    }

    async fn tell_gap(&mut self, chain: &ChainId, reason: String) {
        self.gaps += 1;
        let now = wall_clock();
        let news = self.followed.get(chain).and_then(|followed| followed.news);
        let status = ChannelStatus {
            reason: Some(reason),
            gap: Some(Gap::Source {
                from: news.unwrap_or(now).as_millis(),
                to: now.as_millis(),
            }),
            simulated: self.config.simulated,
            ..ChannelStatus::new(FeedState::Gap, now)
        };
        self.broker.set_status(&Topic::Chain(chain.clone()), status).await;
    }
}
