//! When each chain is looked at, and what comes of it. The looks are tasks of their own; the engine goes on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::ChainId;
use tokio::time::timeout;

use super::Engine;
use crate::clock::wall_clock;
use crate::feeds::backoff::Backoff;
use crate::feeds::clock::Moment;
use crate::feeds::linera::series::Survey;
use crate::feeds::linera::session::LinkState;

/// Each chain is looked at so often, whether anything was told or not.
const SURVEY_EVERY: Duration = Duration::from_secs(30);
/// And once more so long after it was subscribed: nothing says when a subscription stands.
const SURVEY_AGAIN: Duration = Duration::from_secs(2);
/// Between two looks at one chain, at least.
const SURVEY_PAUSE: Duration = Duration::from_millis(200);
/// Between looks that did not help.
pub(super) const SURVEY_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A look must be over within this.
const SURVEY_WITHIN: Duration = Duration::from_secs(60);

/// When a chain is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Looking {
    /// Not before the link is up.
    Never,
    /// At this moment.
    Due(Moment),
    /// Being asked since then; once more at that moment, if there is one.
    Asked(Option<Moment>),
}

/// What came of a look at a chain.
pub(super) struct Answer {
    chain: ChainId,
    found: Result<Survey, String>,
}

impl Engine {
    pub(super) async fn handle_answer(&mut self, answer: Answer) {
        let now = self.now();
        let Some(followed) = self.followed.get_mut(&answer.chain) else {
            return;
        };
        let again = match followed.survey {
            Looking::Asked(again) => again,
            // It ceased to be followed meanwhile, and is again.
            Looking::Never | Looking::Due(_) => return,
        };
        let mut next = now + SURVEY_EVERY;
        let mut steps = Vec::new();
        match answer.found {
            Ok(survey) => {
                followed.trouble = survey.flaw.clone();
                let asked = survey.question.asked;
                steps = followed.series.handle_survey(survey, now);
                let wishes = followed.series.take_wish();
                if followed.series.is_whole() {
                    followed.retry.reset();
                    followed.trouble = None;
                    followed.is_surveyed = followed.subscribed.is_some_and(|since| asked >= since);
                    // A refusal would have come by now.
                    if followed
                        .subscribed
                        .is_some_and(|since| asked.since(since) >= SURVEY_AGAIN)
                    {
                        followed.refused = None;
                    }
                    followed.news = Some(wall_clock());
                    if wishes {
                        next = now + SURVEY_AGAIN;
                    }
                } else {
                    next = now + followed.retry.next(&mut self.rng);
                }
            }
            Err(reason) => {
                tracing::debug!(reason, "a look at a chain failed");
                followed.trouble = Some(reason);
                next = now + followed.retry.next(&mut self.rng);
            }
        }
        let next = again
            .map_or(next, |again| next.min(again))
            .max(now + SURVEY_PAUSE);
        let is_up = self.session.link() == LinkState::Up;
        followed.survey = if is_up { Looking::Due(next) } else { Looking::Never };
        self.perform(&answer.chain, steps).await;
    }

    /// Starts the look at a chain that is due.
    pub(super) fn look_after(&mut self, chain: &ChainId, now: Moment) {
        let is_up = self.session.link() == LinkState::Up;
        let Some(followed) = self.followed.get_mut(chain) else {
            return;
        };
        if followed.series.take_wish() && followed.retry.failures() == 0 {
            followed.survey.ask(now);
        }
        let is_due = matches!(followed.survey, Looking::Due(at) if at <= now);
        if !is_due || !is_up {
            return;
        }
        followed.survey = Looking::Asked(None);
        // Once more, for what fell between the subscription and what it first told.
        if !followed.is_surveyed {
            followed.survey = Looking::Asked(Some(now + SURVEY_AGAIN));
        }
        let question = followed.series.question(now);
        let (node, clock) = (self.shared.node.clone(), self.shared.clock);
        let (surveys, answers) = (Arc::clone(&self.surveys), self.answers_tx.clone());
        let chain = chain.clone();
        self.tracker.spawn(async move {
            let _permit = surveys.acquire().await;
            let survey = node.survey(chain.as_str(), question);
            let found = match timeout(clock.deadline(SURVEY_WITHIN), survey).await {
                Ok(Ok(survey)) => Ok(survey),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the node did not answer in time".to_owned()),
            };
            // Nobody is there any more when the feed has ended.
            let _ = answers.send(Answer { chain, found }).await;
        });
    }
}

impl Looking {
    /// At this moment, or once more if it is being asked.
    pub(super) fn ask(&mut self, at: Moment) {
        *self = match *self {
            Looking::Never => Looking::Due(at),
            Looking::Due(before) => Looking::Due(before.min(at)),
            Looking::Asked(again) => Looking::Asked(Some(again.map_or(at, |again| again.min(at)))),
        };
    }
}
