//! The desk's machine in a world without sockets and disks: what it puts out is done at once, in order, and remembered.

mod any_order;
mod faults;
mod life;
mod repeats;

use std::collections::HashMap;
use std::time::Duration;

use nexus_protocol::{
    CommandId, CommandOrder, CommandResult, CommandStage, CommandUpdate, DeviceId, ErrorCode, IdempotencyKey,
    Json, MessageId, Outcome, Refusal, Reply, Timestamp, UserId,
};

use crate::command_desk::machine::Machine;
use crate::command_desk::{Event, Follower, Order, Output, Ticket};

/// A connection is a number here.
type Line = u32;

struct World {
    machine: Machine<Line>,
    now: Timestamp,
    /// Whether lines can be stored.
    disk_works: bool,
    log: Vec<CommandUpdate>,
    handed: Vec<(Line, CommandOrder)>,
    told: Vec<(Follower<Line>, Reply)>,
    answers: HashMap<Ticket, Result<CommandId, Refusal>>,
    happened: Vec<Event>,
    tickets: u64,
}

impl World {
    fn new() -> Self {
        World {
            machine: Machine::default(),
            now: Timestamp::EXAMPLE,
            disk_works: true,
            log: Vec::new(),
            handed: Vec::new(),
            told: Vec::new(),
            answers: HashMap::new(),
            happened: Vec::new(),
            tickets: 0,
        }
    }

    /// The server starts anew; only the log is left.
    fn restart(&mut self) {
        let mut standing: Vec<CommandUpdate> = Vec::new();
        for update in &self.log {
            standing.retain(|other| other.command_id != update.command_id);
            standing.push(update.clone());
        }
        self.machine = Machine::default();
        self.handed.clear();
        self.told.clear();
        self.machine.restore(self.now, standing);
        self.settle();
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn pass(&mut self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.now = Timestamp::from_millis(self.now.as_millis() + millis);
        self.machine.tick(self.now);
        self.settle();
    }

    /// Orders something; gives back the answer. The follower is the line 1, and its request is named like the command.
    fn order(
        &mut self,
        id: &str,
        of: &str,
        change: impl FnOnce(&mut Order<Line>),
    ) -> Result<CommandId, Refusal> {
        let mut order = order(id, of);
        order.ticket = self.ticket();
        let ticket = order.ticket;
        change(&mut order);
        self.machine.order(self.now, order);
        self.settle();
        self.answers[&ticket].clone()
    }

    fn received(&mut self, id: &str) -> Result<CommandId, Refusal> {
        let ticket = self.ticket();
        self.machine.received(ticket, &command_id(id));
        self.settle();
        self.answers[&ticket].clone()
    }

    fn result(&mut self, id: &str, outcome: Outcome) -> Result<CommandId, Refusal> {
        let ticket = self.ticket();
        let command_id = command_id(id);
        let result = CommandResult { command_id, outcome };
        self.machine.result(ticket, &result);
        self.settle();
        self.answers[&ticket].clone()
    }

    fn attach(&mut self, of: &str, line: Line) {
        self.machine.attach(&device(of), line);
        self.settle();
    }

    fn detach(&mut self, of: &str) {
        self.machine.detach(&device(of));
        self.settle();
    }

    /// Does what the machine puts out, as the desk's task does.
    fn settle(&mut self) {
        loop {
            let outputs = self.machine.outputs();
            if outputs.is_empty() {
                self.machine.check();
                return;
            }
            for output in &outputs {
                if let Output::Store(update) = output {
                    if self.disk_works {
                        self.log.push(update.clone());
                    }
                    self.machine.stored(update, self.disk_works);
                }
            }
            for output in outputs {
                match output {
                    Output::Store(_) => {}
                    Output::Hand(line, order) => self.handed.push((line, order)),
                    Output::Tell(follower, reply) => self.told.push((follower, reply)),
                    Output::Answer(ticket, answer) => {
                        let earlier = self.answers.insert(ticket, answer);
                        assert!(earlier.is_none(), "{ticket:?} was answered twice");
                    }
                    Output::Happened(event, _) => self.happened.push(event),
                }
            }
        }
    }

    /// The stages of a command, as the log has them.
    fn stages(&self, id: &str) -> Vec<CommandStage> {
        let of = self.log.iter().filter(|update| update.command_id.as_str() == id);
        of.map(|update| update.status).collect()
    }

    /// What the follower of a command was told, in short: `ack`, a stage, `done`, or an error code.
    fn told(&self, id: &str) -> Vec<String> {
        let of = self.told.iter().filter(|(follower, _)| {
            follower
                .request
                .as_ref()
                .is_some_and(|request| request.as_str() == id)
        });
        of.map(|(_, reply)| match reply {
            Reply::Ack(_) => "ack".to_owned(),
            Reply::CommandStatus(status) => format!("{:?}", status.status).to_lowercase(),
            Reply::CommandResult(_) => "done".to_owned(),
            Reply::Error(refusal) => refusal.code.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
    }

    /// What was handed over, in short: the line, the command, and whether it may have come before.
    fn handed(&self) -> Vec<(Line, &str, bool)> {
        let short = |(line, order): &'_ (Line, CommandOrder)| (*line, order.redelivered);
        self.handed
            .iter()
            .map(|handed| (short(handed).0, handed.1.command_id.as_str(), short(handed).1))
            .collect()
    }

    fn last(&self, id: &str) -> &CommandUpdate {
        let mut of = self.log.iter().rev();
        of.find(|update| update.command_id.as_str() == id).unwrap()
    }
}

fn order(id: &str, of: &str) -> Order<Line> {
    Order {
        ticket: Ticket(0),
        id: command_id(id),
        device: device(of),
        name: "blink".to_owned(),
        args: None,
        by: UserId::parse("ann").unwrap(),
        ttl: Duration::from_secs(60),
        now_only: false,
        key: None,
        follower: Some(Follower {
            line: 1,
            request: Some(MessageId::parse(id).unwrap()),
        }),
    }
}

fn command_id(id: &str) -> CommandId {
    CommandId::parse(id).unwrap()
}

fn device(of: &str) -> DeviceId {
    DeviceId::parse(of).unwrap()
}

fn key(name: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::parse(name).unwrap())
}

fn done(body: &str) -> Outcome {
    Outcome::Done(Some(Json::parse(body).unwrap()))
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed(why.to_owned())
}

#[track_caller]
fn is_refused(answer: Result<CommandId, Refusal>, code: ErrorCode) -> String {
    let refusal = answer.expect_err("it is to be refused");
    assert_eq!(refusal.code, code, "{refusal}");
    refusal.message
}
