//! One WebSocket connection, from the upgrade to its end. One task owns it: sole reader, sole writer, owner of its topics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::watch;

use crate::exchange::faults::{Order, Standing};
use crate::exchange::frames::{self, PONG, WireTrade, frame, texts};
use crate::exchange::market::BLOCK_MS;
use crate::exchange::subscriptions::{Request, Subscription, parse};
use crate::exchange::topics::Topic;
use crate::exchange::venue::{Seat, Venue};

/// How long after a subscription to an unknown coin the socket is dropped, ms of the venue's time.
const DOOM_MS: i64 = 1_000;
/// A peer that takes nothing for so long is given up.
const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// The plain text some clients have seen first.
const GREETING: &str = "Websocket connection established.";
/// Trades that a repeat repeats.
const REPEATED: usize = 5;

/// Why a connection is over.
enum End {
    /// The peer went, or the line broke.
    Gone,
    /// We drop the socket without a word.
    Dropped,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(venue: Arc<Venue>, seat: Seat, socket: WebSocket) {
    let standing = venue.standing.subscribe();
    let mute = standing.borrow().mute_new;
    let now = venue.clock.now();
    let mut connection = Connection {
        mute,
        socket,
        standing,
        topics: BTreeMap::new(),
        later: Vec::new(),
        doom: None,
        sent_at: now,
        seat,
        venue,
    };
    let id = connection.seat.id;
    tracing::debug!(connection.id = id, "connected");
    if connection.standing().greeting && connection.send(GREETING.to_owned()).await.is_err() {
        return;
    }
    let end = connection.run().await;
    match end {
        End::Gone => tracing::debug!(connection.id = id, "gone"),
        End::Dropped => tracing::debug!(connection.id = id, "dropped by the venue"),
    }
}

struct Connection {
    venue: Arc<Venue>,
    seat: Seat,
    socket: WebSocket,
    standing: watch::Receiver<Arc<Standing>>,
    /// By normal form.
    topics: BTreeMap<String, Topic>,
    /// Frames that wait for their time (venue's ms); at most one per unsubscribe that was let in.
    later: Vec<(i64, String, Counts)>,
    /// When the socket is dropped, once an unknown coin was asked for.
    doom: Option<i64>,
    /// Made while new connections were to be silent.
    mute: bool,
    /// When a frame was last sent that counts against idleness.
    sent_at: i64,
}

/// Whether a frame keeps the connection from counting as idle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    /// Acks do not.
    Ack,
}

impl Connection {
    async fn run(&mut self) -> End {
        loop {
            if self.is_stalled() {
                if let Err(end) = self.stalled().await {
                    return end;
                }
                continue;
            }
            let next_block = self.venue.clock.instant((self.venue.block() + 2) * BLOCK_MS);
            let step = tokio::select! {
                Some(order) = self.seat.orders.recv() => self.handle_order(order).await,
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.handle_message(message).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
                () = tokio::time::sleep_until(next_block) => self.handle_block().await,
                _ = self.standing.changed() => Ok(()),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Silence: nothing is read, nothing is sent, until the stall is lifted. What was due meanwhile is lost.
    async fn stalled(&mut self) -> Result<(), End> {
        let order = tokio::select! {
            changed = self.standing.changed() => changed.map(|()| None).map_err(|_| End::Gone)?,
            order = self.seat.orders.recv() => order,
            // Nobody reads, so nobody else would notice.
            () = self.seat.grip.until_cut() => return Err(End::Gone),
        };
        if let Some(order) = order {
            self.handle_order(order).await?;
        }
        if self.is_stalled() {
            return Ok(());
        }
        let block = self.venue.block();
        for topic in self.topics.values_mut() {
            topic.skip(&self.venue.market, block);
        }
        self.sent_at = self.venue.clock.now();
        Ok(())
    }

    async fn handle_message(&mut self, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return self.reject("").await,
            // The WebSocket layer answers pings itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Ok(()),
        };
        if !self.seat.count_message(&text) {
            let limit = self.venue.config.limits.messages;
            return self.send(frames::error(&texts::too_many_messages(limit))).await;
        }
        match parse(&text) {
            Some(Request::Subscribe { subscription }) => self.subscribe(subscription).await,
            Some(Request::Unsubscribe { subscription }) => self.unsubscribe(subscription).await,
            Some(Request::Ping) => self.send(PONG.to_owned()).await,
            None => self.reject(&text).await,
        }
    }

    async fn reject(&mut self, text: &str) -> Result<(), End> {
        self.send(frames::error(&format!("{}{text}", texts::NOT_A_REQUEST)))
            .await
    }

    async fn subscribe(&mut self, subscription: Subscription) -> Result<(), End> {
        let normal = subscription.to_string();
        if self.topics.contains_key(&normal) {
            return self
                .send(frames::error(&format!("{}{normal}", texts::ALREADY_SUBSCRIBED)))
                .await;
        }
        let limit = self.venue.config.limits.subscriptions;
        if self.seat.all_subscriptions() >= limit {
            return self
                .send(frames::error(&texts::too_many_subscriptions(limit)))
                .await;
        }
        let block = self.venue.block();
        if let Some(user) = subscription.user() {
            let limit = self.venue.config.limits.users;
            let mut users = self.seat.all_users();
            users.insert(user.to_string());
            if users.len() > limit {
                return self.send(frames::error(&texts::too_many_users(limit))).await;
            }
        }
        let venue = &self.venue;
        let rows = venue.config.account_rows;
        let topic = Topic::new(&venue.market, &venue.accounts, rows, subscription, block);
        let Some(mut topic) = topic else {
            if !self.standing().keep_on_unknown_coin {
                self.doom.get_or_insert(self.venue.clock.now() + DOOM_MS);
            }
            return Ok(());
        };
        self.send_as(frames::ack("subscribe", &normal), Counts::Ack)
            .await?;
        let mut frames = Vec::new();
        topic.poll(
            &self.venue.market,
            block,
            self.venue.config.recent_trades,
            &mut frames,
        );
        if self.standing().stalled.contains(&topic.subscription) {
            frames.clear();
        }
        self.topics.insert(normal.clone(), topic);
        self.seat.update(|view| view.subscriptions.insert(normal));
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, subscription: Subscription) -> Result<(), End> {
        let normal = subscription.to_string();
        let Some(mut topic) = self.topics.remove(&normal) else {
            return self
                .send(frames::error(&format!("{}{normal}", texts::ALREADY_UNSUBSCRIBED)))
                .await;
        };
        self.seat.update(|view| view.subscriptions.remove(&normal));
        let standing = self.standing();
        let ack = frames::ack("unsubscribe", &normal);
        let now = self.venue.clock.now();
        if standing.late_unsubscribe_ack > 0 {
            self.later
                .push((now + standing.late_unsubscribe_ack, ack, Counts::Ack));
        } else {
            self.send_as(ack, Counts::Ack).await?;
        }
        if standing.frame_after_unsubscribe
            && let Some(frame) = topic.current(&self.venue.market, self.venue.block())
        {
            self.later
                .push((now + standing.late_unsubscribe_ack + BLOCK_MS, frame, Counts::Yes));
        }
        Ok(())
    }

    /// Sends what is due now that a block is complete, and looks at the clock.
    async fn handle_block(&mut self) -> Result<(), End> {
        let now = self.venue.clock.now();
        if self.doom.is_some_and(|doom| doom <= now) {
            return Err(End::Dropped);
        }
        let block = self.venue.block();
        let standing = self.standing();
        let mut due = Vec::new();
        for topic in self.topics.values_mut() {
            let before = due.len();
            topic.poll(
                &self.venue.market,
                block,
                self.venue.config.recent_trades,
                &mut due,
            );
            if standing.stalled.contains(&topic.subscription) {
                due.truncate(before);
            }
        }
        for frame in due {
            self.send(frame).await?;
        }
        while let Some(at) = self.later.iter().position(|(at, _, _)| *at <= now) {
            let (_, frame, counts) = self.later.remove(at);
            self.send_as(frame, counts).await?;
        }
        let idle = i64::from(self.venue.config.limits.idle_secs) * 1_000;
        if now - self.sent_at >= idle {
            return self.close(1_000, "Inactive".to_owned()).await;
        }
        Ok(())
    }

    async fn handle_order(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Close { code, reason } => self.close(code, reason).await,
            Order::SendText(text) => self.send_raw(Message::Text(text.into())).await,
            Order::SendBinary(bytes) => self.send_raw(Message::Binary(bytes.into())).await,
            Order::BreakFrame => {
                // Opcode 3 is reserved. The ping behind it is only there to push it out.
                self.seat.grip.slip(&[0x83, 0x00]);
                self.send_raw(Message::Ping(Default::default())).await
            }
            Order::RepeatTrades => {
                let market = &self.venue.market;
                let mut frames = Vec::new();
                for topic in self.topics.values() {
                    if let Subscription::Trades { coin } = &topic.subscription
                        && let Some(id) = market.universe.find(coin)
                    {
                        // A repeat tells nothing new: what is not sent yet comes in its own frame, whole.
                        let mut trades = market.recent(id, topic.seen(), REPEATED);
                        trades.reverse();
                        frames.push(frame("trades", &WireTrade::all(market.coin(id), &trades)));
                    }
                }
                for frame in frames {
                    self.send(frame).await?;
                }
                Ok(())
            }
        }
    }

    /// Closes with a close frame and waits for the peer's, within a bound.
    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        self.send_raw(Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        })))
        .await?;
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), answered).await;
        Err(End::Dropped)
    }

    async fn send(&mut self, frame: String) -> Result<(), End> {
        self.send_as(frame, Counts::Yes).await
    }

    async fn send_as(&mut self, frame: String, counts: Counts) -> Result<(), End> {
        let frame = if self.standing().unknown_keys {
            with_unknown_keys(frame)
        } else {
            frame
        };
        if counts == Counts::Yes {
            self.sent_at = self.venue.clock.now();
        }
        self.send_raw(Message::Text(frame.into())).await
    }

    async fn send_raw(&mut self, message: Message) -> Result<(), End> {
        self.seat.count_sent();
        match tokio::time::timeout(SEND_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    fn is_stalled(&self) -> bool {
        let standing = self.standing.borrow();
        standing.stall_all || (self.mute && standing.mute_new)
    }

    fn standing(&self) -> Arc<Standing> {
        self.standing.borrow().clone()
    }
}

/// The same frame with keys that are in no documentation: in the envelope and, where `data` is an object, in there.
fn with_unknown_keys(frame: String) -> String {
    let Ok(serde_json::Value::Object(mut envelope)) = serde_json::from_str(&frame) else {
        return frame;
    };
    if let Some(serde_json::Value::Object(data)) = envelope.get_mut("data") {
        data.insert(
            "zzUnknown".to_owned(),
            serde_json::json!({"nested": [1, "2", null]}),
        );
    }
    envelope.insert("seq".to_owned(), serde_json::json!(1));
    serde_json::Value::Object(envelope).to_string()
}
