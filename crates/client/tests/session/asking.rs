//! Questions that have one answer.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use nexus_client::{Ask, AskError, AskId, Event, Wish};
use nexus_protocol::{
    Ack, ChannelName, Command, CommandId, CommandResult, CommandStage, CommandStatus, DeviceId, ErrorCode,
    History, Json, MessageId, Outcome, Publish, Refusal, Reply, Request,
};

use crate::bench::{Bench, room, secs};

#[test]
fn the_answer_comes_under_the_same_id() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, history());
    ask(&mut bench, 2, history());
    let first = bench.request().0;
    bench.refuse(Refusal::new(ErrorCode::Forbidden, "not yours"));
    answer(&mut bench, &first);
    let told = answers(&mut bench);
    assert!(matches!(&told[0], (2, Err(AskError::Refused(refusal))) if refusal.code == ErrorCode::Forbidden));
    assert!(matches!(&told[1], (1, Ok(Reply::Ack(_)))));
}

#[test]
fn time_runs_with_and_without_a_link() {
    let mut bench = Bench::new();
    ask(&mut bench, 1, history());
    bench.pass(secs(8));
    bench.open();
    bench.greet();
    assert!(
        matches!(bench.request().1, Request::History(_)),
        "it waited for the link"
    );
    ask(&mut bench, 2, history());
    bench.pass(secs(2));
    assert!(matches!(answers(&mut bench)[..], [(1, Err(AskError::TimedOut))]));
    bench.pass(secs(8));
    assert!(matches!(answers(&mut bench)[..], [(2, Err(AskError::TimedOut))]));
}

#[test]
fn what_may_be_asked_twice_is_asked_again_on_the_next_link() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, history());
    ask(&mut bench, 2, publish(None));
    ask(&mut bench, 3, publish(Some("k")));
    assert_eq!(bench.requests().len(), 3);
    bench.closed(1006);
    assert!(matches!(answers(&mut bench)[..], [(2, Err(AskError::LinkLost))]));
    bench.until_connecting();
    bench.open();
    bench.greet();
    let asked: Vec<_> = bench.requests().into_iter().map(|(_, request)| request).collect();
    assert!(
        matches!(
            &asked[..],
            [Request::History(_), Request::Publish(_), Request::Ping]
        ),
        "{asked:?}"
    );
}

#[test]
fn a_command_goes_on_until_its_result() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, command(None));
    let (id, _) = bench.request();
    let command_id = CommandId::parse("c-1").unwrap();
    bench.reply(&id, &Reply::Ack(Ack::default()));
    bench.reply(&id, &status(CommandStage::Sent));
    let told = bench.events();
    assert!(
        matches!(&told[..], [Event::Progress { .. }, Event::Progress { .. }]),
        "{told:?}"
    );
    let outcome = Outcome::Done(None);
    bench.reply(&id, &Reply::CommandResult(CommandResult { command_id, outcome }));
    assert!(matches!(
        answers(&mut bench)[..],
        [(1, Ok(Reply::CommandResult(_)))]
    ));
}

#[test]
fn a_command_whose_link_broke_goes_on_if_it_has_a_key() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, command(Some("k")));
    ask(&mut bench, 2, command(None));
    for (id, _) in bench.requests() {
        bench.reply(&id, &Reply::Ack(Ack::default()));
    }
    bench.closed(1006);
    assert!(matches!(answers(&mut bench)[..], [(2, Err(AskError::LinkLost))]));
    bench.until_connecting();
    bench.open();
    bench.greet();
    bench.events();
    let (id, again) = bench.request();
    assert_eq!(Request::from(command(Some("k"))), again, "the same command");
    bench.reply(&id, &status(CommandStage::Delivered));
    let refusal = Refusal::new(ErrorCode::CommandFailed, "the valve is stuck");
    bench.reply(&id, &Reply::Error(refusal.clone()));
    let told = bench.events();
    let [Event::Progress { .. }, Event::Answer { result, .. }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*result, Err(AskError::Refused(refusal)));
}

#[test]
fn commands_that_take_long_keep_nothing_else_from_being_asked() {
    let mut bench = Bench::live();
    for id in 0..30 {
        ask(&mut bench, id, command(None));
        let (request, _) = bench.request();
        bench.reply(&request, &Reply::Ack(Ack::default()));
        bench.reply(&request, &status(CommandStage::Queued));
    }
    ask(&mut bench, 99, history());
    assert!(matches!(bench.request().1, Request::History(_)));
}

#[test]
fn the_token_says_how_much_may_be_sent() {
    let mut config = crate::bench::config();
    config.token = Some("t".to_owned());
    let mut bench = Bench::with(config);
    bench.open();
    bench.greet();
    bench.authenticate_with(secs(600), Some(6_000));
    bench.pong();
    assert_eq!(answered_of(&mut bench, 500), 500);
    bench.wish(Wish::SetToken("u".to_owned()));
    bench.authenticate_with(secs(600), None);
    assert_eq!(
        answered_of(&mut bench, 500),
        0,
        "more than announced were sent already"
    );
}

/// How many of so many questions are asked and answered at once.
fn answered_of(bench: &mut Bench, many: u64) -> usize {
    for id in 0..many {
        ask(bench, id, history());
        if let [(request, Request::History(_))] = &bench.requests()[..] {
            answer(bench, request);
        }
    }
    let answered = answers(bench);
    answered.iter().filter(|(_, answer)| answer.is_ok()).count()
}

#[test]
fn too_many_are_refused_and_so_are_repeated_ids() {
    let mut bench = Bench::live();
    for id in 0..64 {
        ask(&mut bench, id, history());
    }
    ask(&mut bench, 64, history());
    ask(&mut bench, 0, history());
    let told = answers(&mut bench);
    assert!(matches!(
        told[..],
        [(64, Err(AskError::Full)), (0, Err(AskError::Duplicate))]
    ));
}

#[test]
fn a_question_that_was_taken_back_has_no_answer() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, history());
    let (id, _) = bench.request();
    bench.wish(Wish::Forget(AskId(1)));
    answer(&mut bench, &id);
    bench.pass(secs(20));
    assert!(answers(&mut bench).is_empty());
}

#[test]
fn a_stopped_session_answers_all_at_once() {
    let mut bench = Bench::live();
    ask(&mut bench, 1, history());
    bench.closed(4009);
    ask(&mut bench, 2, history());
    let told = answers(&mut bench);
    assert!(matches!(
        told[..],
        [(1, Err(AskError::Stopped)), (2, Err(AskError::Stopped))]
    ));
}

fn ask(bench: &mut Bench, id: u64, ask: Ask) {
    bench.wish(Wish::Ask {
        id: AskId(id),
        ask,
        within: secs(10),
    });
}

fn answer(bench: &mut Bench, id: &MessageId) {
    bench.reply(id, &Reply::Ack(Ack::default()));
}

fn answers(bench: &mut Bench) -> Vec<(u64, Result<Reply, AskError>)> {
    let answer = |event| match event {
        Event::Answer { id, result } => Some((id.0, result)),
        _ => None,
    };
    bench.events().into_iter().filter_map(answer).collect()
}

fn history() -> Ask {
    Ask::History(History {
        limit: None,
        reverse: false,
        ..History::newest(room("a"), 1)
    })
}

fn command(key: Option<&str>) -> Ask {
    Ask::Command(Command {
        device_id: DeviceId::parse("device-001").unwrap(),
        name: "reboot".to_owned(),
        args: None,
        ttl_ms: None,
        idempotency_key: key.map(|key| nexus_protocol::IdempotencyKey::parse(key).unwrap()),
        confirm: false,
    })
}

fn status(status: CommandStage) -> Reply {
    let command_id = CommandId::parse("c-1").unwrap();
    Reply::CommandStatus(CommandStatus { command_id, status })
}

fn publish(key: Option<&str>) -> Ask {
    Ask::Publish(Publish {
        channel: ChannelName::parse("room:a").unwrap(),
        data: Json::parse("1").unwrap(),
        idempotency_key: key.map(|key| nexus_protocol::IdempotencyKey::parse(key).unwrap()),
        ack: true,
    })
}
