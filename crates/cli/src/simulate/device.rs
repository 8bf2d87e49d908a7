//! A simulated device on its connection: reports what it measures, and obeys.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use nexus_client::{Ask, AskError, Event};
use nexus_protocol::{CommandReceived, CommandResult, Outcome, Telemetry, Timestamp, UserId};
use serde_json::Map;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::failure::Failure;
use crate::simulate::machine::{Act, Machine};
use crate::simulate::participant::{Claims, Participant, Stage, say};

/// A measurement that could not be reported within this is not news any more.
const REPORT_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer to a command is offered. A server that missed it sends the command again.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Answers on their way at a time.
const ANSWERS: usize = 8;
/// Answers that wait. Of more commands than that at a time, those that the device did not answer come again.
const WAITING: usize = 512;
/// Before it goes away, a device says what it can within this.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs the device of this number, and reports at this interval, until it is dropped.
pub(super) async fn run(stage: &Stage, number: usize, interval: Duration) -> Result<(), Failure> {
    let seed = stage.seed_of(number);
    let started = Instant::now();
    let mut machine = Machine::new(number, seed);
    let who = Claims {
        user: UserId::parse(machine.id.as_str()).map_err(anyhow::Error::from)?,
        role: "device",
        more: Map::new(),
    };
    loop {
        let participant = Participant::connect(stage, who.clone())?;
        let mut device = Device {
            machine: &mut machine,
            participant,
            started,
            waiting: VecDeque::new(),
            answers: JoinSet::new(),
        };
        let away = device.serve(interval).await?;
        device.leave().await;
        sleep(away).await;
        say(&format!("device {} is back", machine.id));
    }
}

struct Device<'a> {
    machine: &'a mut Machine,
    participant: Participant<'a>,
    started: Instant,
    waiting: VecDeque<Ask>,
    answers: JoinSet<Result<(), AskError>>,
}

impl Device<'_> {
    /// Serves until the device goes away; gives for how long.
    async fn serve(&mut self, interval: Duration) -> Result<Duration, Failure> {
        let mut report_at = Instant::now();
        let mut reporting = JoinSet::new();
        loop {
            let done_at = self.machine.busy_until().map(|at| self.started + at);
            let acts = tokio::select! {
                event = self.participant.next() => match event? {
                    Event::Order(order) if order.device_id == self.machine.id => {
                        let again = if order.redelivered { ", again" } else { "" };
                        say(&format!("device {}: {}{again}", order.device_id, order.name));
                        let wall = Timestamp::from(SystemTime::now());
                        self.machine.handle_order(self.started.elapsed(), wall, &order)
                    }
                    _ => Vec::new(),
                },
                () = sleep_until(done_at.unwrap_or(report_at)), if done_at.is_some() => {
                    self.machine.handle_time(self.started.elapsed())
                }
                () = sleep_until(report_at) => {
                    report_at += interval;
                    // One that is late for more than one report leaves out those between.
                    report_at = report_at.max(Instant::now());
                    let telemetry = self.measure();
                    // While the last one is on its way, the device keeps measuring and says nothing.
                    if reporting.is_empty() {
                        let client = self.participant.client.clone();
                        reporting.spawn(async move { client.ask(telemetry, REPORT_WITHIN).await.map(|_| ()) });
                    }
                    Vec::new()
                }
                // What could not be reported is old; the next report says what is now.
                Some(_) = reporting.join_next() => Vec::new(),
                Some(_) = self.answers.join_next() => Vec::new(),
            };
            for act in acts {
                match act {
                    Act::Received(command_id) => {
                        self.answer(Ask::CommandReceived(CommandReceived { command_id }));
                    }
                    Act::Result(command_id, outcome) => {
                        match &outcome {
                            Outcome::Done(_) => {}
                            Outcome::Failed(why) => say(&format!("device {}: {why}", self.machine.id)),
                        }
                        self.answer(Ask::CommandResult(CommandResult { command_id, outcome }));
                    }
                    Act::GoAway(time) => return Ok(time),
                }
            }
            self.send_answers();
        }
    }

    fn measure(&mut self) -> Ask {
        Ask::Telemetry(Telemetry {
            device_id: self.machine.id.clone(),
            metrics: self.machine.measure(self.started.elapsed()),
            at: Some(Timestamp::from(SystemTime::now())),
        })
    }

    fn answer(&mut self, ask: Ask) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(ask);
        }
    }

    fn send_answers(&mut self) {
        while self.answers.len() < ANSWERS
            && let Some(ask) = self.waiting.pop_front()
        {
            let client = self.participant.client.clone();
            self.answers
                .spawn(async move { client.ask(ask, ANSWER_WITHIN).await.map(|_| ()) });
        }
    }

    /// Sends what is still to be said, as far as that is possible soon, and closes the connection.
    async fn leave(mut self) {
        let all = async {
            loop {
                self.send_answers();
                tokio::select! {
                    answered = self.answers.join_next() => if answered.is_none() {
                        return;
                    },
                    // Nothing is read otherwise, not even answers.
                    event = self.participant.next() => if event.is_err() {
                        return;
                    },
                }
            }
        };
        // What the server missed it asks for again.
        let _ = timeout(LAST_WORDS, all).await;
        self.participant.close().await;
    }
}
