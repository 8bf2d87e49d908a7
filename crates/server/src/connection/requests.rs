//! What a connection does with a message: count it, read it, have it done, answer.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use nexus_protocol::{
    Auth, CloseCode, Command, ErrorCode, MessageId, Refusal, Reply, Request, Subscribe, Topic,
};
use tokio::time::Instant;

use crate::auth::Grant;
use crate::clock::wall_clock;
use crate::commands::room::Entered;
use crate::commands::{self, Acknowledged, Cx, Ordered, Subscription};
use crate::connection::dialect::{Decoded, Incoming};
use crate::connection::session::is_the_client_s_doing;
use crate::connection::{Connection, End, Flow};

/// A request that took time is done.
pub(super) struct Done {
    pub(super) id: Option<MessageId>,
    pub(super) began: Instant,
    pub(super) result: Result<Answer, Refusal>,
}

/// What a request that took time brought.
pub(super) enum Answer {
    Subscribed(Topic, Subscription, Option<Grant>, Reply),
    Entered(Topic, Entered),
    Reply(Reply),
    /// The answer follows when the disk has what was published.
    Storing(Acknowledged),
    /// Nobody wants an answer.
    Unwanted,
    /// The answer was posted to the outbox, in front of what follows it.
    Posted,
}

impl Connection {
    pub(super) fn handle_message(&mut self, incoming: Incoming<'_>, now: Instant) -> Flow {
        let limits = &self.gateway.limits;
        let Decoded { id, request } = match self.dialect.decode(incoming, limits.message_bytes as usize) {
            Ok(decoded) => decoded,
            Err(wrong_frames) => {
                return Flow::Break(End::Close(CloseCode::UnsupportedData, wrong_frames));
            }
        };
        let most = self.session.messages_per_minute(limits.messages_per_minute);
        if let Err(too_often) = self.session.messages.admit(now, most) {
            let refusal = Refusal::new(
                ErrorCode::RateLimited,
                format!("more than {most} messages in a minute; wait and send again"),
            );
            // Rounded up: whoever waits as told is let in.
            let wait = u64::try_from(too_often.retry_after.as_millis()).unwrap_or(u64::MAX);
            return self.refuse(id.as_ref(), refusal.retry_after_ms(wait + 1));
        }
        match request {
            Ok(Some(request)) => {
                self.gateway.metrics.count_message(request.type_name());
                self.handle_request(id, request, now)
            }
            Ok(None) => {
                self.gateway.metrics.count_message("heartbeat");
                Flow::Continue(())
            }
            Err(refusal) => {
                self.gateway.metrics.count_message("unreadable");
                self.refuse(id.as_ref(), refusal)
            }
        }
    }

    fn handle_request(&mut self, id: Option<MessageId>, request: Request, now: Instant) -> Flow {
        match request {
            Request::Ping => self.answer(id.as_ref(), &Reply::Pong, now),
            Request::Auth(auth) => self.handle_auth(id, &auth, now),
            Request::Subscribe(subscribe) => self.handle_subscribe(id, subscribe, now),
            Request::Unsubscribe(target) => {
                self.session.subscriptions.remove(&target.topic);
                self.note_grant(&target.topic, None);
                self.answer(id.as_ref(), &commands::unsubscribed(&target.topic), now)
            }
            Request::History(history) => self.ask(id, now, move |cx: Cx, _| async move {
                commands::history::history(&cx, &history).await
            }),
            Request::Publish(publish) => self.order(id, now, publish.ack, move |cx: Cx| async move {
                commands::publish::publish(&cx, publish).await
            }),
            Request::Telemetry(telemetry) => self.order(id, now, true, move |cx: Cx| async move {
                commands::telemetry::telemetry(&cx, &telemetry).await
            }),
            Request::Command(command) => self.handle_command(id, command, now),
            Request::CommandReceived(received) => self.ask(id, now, move |cx: Cx, _| async move {
                commands::command::received(&cx, &received).await
            }),
            Request::CommandResult(result) => self.ask(id, now, move |cx: Cx, _| async move {
                commands::command::result(&cx, &result).await
            }),
            Request::Join(join) => self.handle_join(id, join, now),
            Request::Leave(leave) => self.handle_leave(id, &leave, now),
            Request::Typing(typing) => self.handle_typing(id, &typing, now),
            Request::Presence(target) => self.ask(id, now, move |cx: Cx, _| async move {
                commands::room::presence(&cx, &target)
            }),
        }
    }

    /// Has a request done that takes time; nothing more is read from this client meanwhile.
    fn ask<F, R>(&mut self, id: Option<MessageId>, began: Instant, act: F) -> Flow
    where
        F: FnOnce(Cx, Option<MessageId>) -> R,
        R: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        let answer = act(self.cx(), id.clone());
        self.request = Some(Box::pin(async move {
            Done {
                id,
                began,
                result: answer.await.map(Answer::Reply),
            }
        }));
        Flow::Continue(())
    }

    /// Gives a publication its place. The next request is read when it has it, and may be answered before it is stored. Where
    /// no ack is wanted, only a refusal is said.
    fn order<F, R>(&mut self, id: Option<MessageId>, began: Instant, wants_ack: bool, act: F) -> Flow
    where
        F: FnOnce(Cx) -> R,
        R: Future<Output = Result<Ordered, Refusal>> + Send + 'static,
    {
        let ordered = act(self.cx());
        self.request = Some(Box::pin(async move {
            Done {
                id,
                began,
                result: ordered.await.map(|ordered| match ordered {
                    _ if !wants_ack => Answer::Unwanted,
                    Ordered::Stored(reply) => Answer::Reply(reply),
                    Ordered::Storing(acknowledged) => Answer::Storing(acknowledged),
                }),
            }
        }));
        Flow::Continue(())
    }

    fn handle_command(&mut self, id: Option<MessageId>, command: Command, now: Instant) -> Flow {
        let cx = self.cx();
        self.request = Some(Box::pin(async move {
            let ordered = commands::command::command(&cx, id.as_ref(), &command).await;
            Done {
                id,
                began: now,
                result: ordered.map(|_| Answer::Posted),
            }
        }));
        Flow::Continue(())
    }

    fn handle_auth(&mut self, id: Option<MessageId>, auth: &Auth, now: Instant) -> Flow {
        let result = commands::auth::sign_in(&self.gateway.verifier, wall_clock(), &self.session.who, auth);
        let identity = match result {
            Ok(identity) => identity,
            Err(refusal) => {
                let close = match refusal.code {
                    ErrorCode::AuthFailed => Some(End::Close(CloseCode::AuthFailed, "the token is wrong")),
                    ErrorCode::TokenExpired => {
                        Some(End::Close(CloseCode::TokenExpired, "the token has expired"))
                    }
                    _ => None,
                };
                let flow = self.refuse(id.as_ref(), refusal);
                return close.map_or(flow, ControlFlow::Break);
            }
        };
        let reply = commands::auth::authenticated(&identity);
        self.sign_in(identity);
        self.end_what_is_no_longer_allowed();
        self.answer(id.as_ref(), &reply, now)
    }

    fn handle_subscribe(&mut self, id: Option<MessageId>, subscribe: Subscribe, now: Instant) -> Flow {
        let grant = match commands::subscribe::check(&self.gateway, &self.session.who, &subscribe) {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse(id.as_ref(), refusal),
        };
        if !self.session.subscriptions.contains_key(&subscribe.topic)
            && let Err(refusal) = self.check_subscriptions()
        {
            return self.refuse(id.as_ref(), refusal);
        }
        self.keep_subscription(&subscribe.topic);
        // The earlier subscription keeps its seat until the new one has its own, and sends nothing more.
        let earlier = self.session.subscriptions.remove(&subscribe.topic);
        let goes_on_at = earlier
            .as_ref()
            .and_then(|earlier| self.outbox.close(earlier.lane()));
        let cx = self.cx();
        self.request = Some(Box::pin(async move {
            let _earlier = earlier;
            let result = commands::subscribe::subscribe(&cx, &subscribe, goes_on_at).await;
            Done {
                id,
                began: now,
                result: result.map(|(subscription, reply)| {
                    Answer::Subscribed(subscribe.topic, subscription, grant, reply)
                }),
            }
        }));
        Flow::Continue(())
    }

    pub(super) fn handle_done(&mut self, done: Done) -> Flow {
        match done.result {
            Ok(Answer::Subscribed(topic, subscription, grant, reply)) => {
                self.note_grant(&topic, grant);
                self.session.subscriptions.insert(topic, subscription);
                self.answer(done.id.as_ref(), &reply, done.began)
            }
            Ok(Answer::Entered(topic, entered)) => {
                let reply = entered.reply.clone();
                self.enter(topic, entered);
                self.answer(done.id.as_ref(), &reply, done.began)
            }
            Ok(Answer::Reply(reply)) => self.answer(done.id.as_ref(), &reply, done.began),
            Ok(Answer::Storing(acknowledged)) => self.acknowledge_later(done.id, done.began, acknowledged),
            Ok(Answer::Posted | Answer::Unwanted) => {
                self.gateway.metrics.answer.note(done.began.elapsed());
                Flow::Continue(())
            }
            Err(refusal) => self.refuse(done.id.as_ref(), refusal),
        }
    }

    /// Whether there is room for one subscription more.
    pub(super) fn check_subscriptions(&self) -> Result<(), Refusal> {
        let most = self.gateway.limits.subscriptions as usize;
        if self.session.subscriptions.len() < most {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::TooManySubscriptions,
            format!("a connection has at most {most} subscriptions; end one first"),
        ))
    }

    pub(super) fn answer(&mut self, id: Option<&MessageId>, reply: &Reply, began: Instant) -> Flow {
        self.reply(id, reply);
        self.gateway.metrics.answer.note(began.elapsed());
        Flow::Continue(())
    }

    /// Answers with a refusal, and closes if there were too many.
    pub(super) fn refuse(&mut self, id: Option<&MessageId>, refusal: Refusal) -> Flow {
        self.gateway.metrics.count_refusal(refusal.code);
        let counts = is_the_client_s_doing(&refusal);
        self.reply(id, &Reply::Error(refusal));
        let limit = self.gateway.limits.errors_per_minute;
        if counts && self.session.refusals.admit(Instant::now(), limit).is_err() {
            return Flow::Break(End::Close(CloseCode::Policy, "too many refusals"));
        }
        Flow::Continue(())
    }

    pub(super) fn cx(&self) -> Cx {
        Cx {
            gateway: Arc::clone(&self.gateway),
            who: Arc::clone(&self.session.who),
            outbox: Arc::clone(&self.outbox),
            client: Some(self.id.clone()),
        }
    }
}
