//! The link as a state machine: case by case, and against a simulated node from printed seeds.

use serde_json::Value;

use super::*;

const ACK: &str = r#"{"type":"connection_ack"}"#;

fn at(secs: u64) -> Moment {
    Moment::START + Duration::from_secs(secs)
}

fn chain(letter: char) -> ChainId {
    ChainId::parse(&letter.to_string().repeat(64)).unwrap()
}

fn notice(id: &str, chain: &ChainId) -> String {
    format!(
        r#"{{"type":"next","id":"{id}","payload":{{"data":{{"notifications":{{"chain_id":"{chain}","reason":{{"NewRound":{{"height":1,"round":"Fast"}}}}}}}}}}}}"#
    )
}

/// Everything that is to be done now, in words, and when to come back.
fn drain(session: &mut Session, now: Moment) -> (Vec<String>, Option<Moment>) {
    let mut done = Vec::new();
    loop {
        done.push(match session.poll(now) {
            Output::Open => "open".to_owned(),
            Output::HangUp => "hang up".to_owned(),
            Output::Send(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                let word = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
                format!("send {} {}", word("type"), word("id"))
                    .trim_end()
                    .to_owned()
            }
            Output::Told(told) => match told {
                Told::Up => "up".to_owned(),
                Told::Lost => "lost".to_owned(),
                Told::Doubt => "doubt".to_owned(),
                Told::Subscribed(chain) => format!("subscribed {}", &chain.as_str()[..1]),
                Told::Notice(chain, _) => format!("notice {}", &chain.as_str()[..1]),
                Told::Ended(chain, reason) => format!("ended {} {reason}", &chain.as_str()[..1]),
                Told::Doubtful(chain) => format!("doubtful {}", &chain.as_str()[..1]),
            },
            Output::Wait(wake) => return (done, wake),
        });
        assert!(done.len() < 1_000, "it comes to rest: {done:?}");
    }
}

fn done(session: &mut Session, now: Moment) -> Vec<String> {
    drain(session, now).0
}

/// A session that follows the chain `a` under the id 1.
fn following() -> Session {
    let mut session = Session::new(7);
    session.want(chain('a'), at(0));
    assert_eq!(done(&mut session, at(0)), ["open"]);
    session.handle_opened(at(0));
    assert_eq!(done(&mut session, at(0)), ["send connection_init"]);
    session.handle_text(ACK, at(0));
    assert_eq!(
        done(&mut session, at(0)),
        ["up", "send subscribe 1", "subscribed a"]
    );
    session
}

#[test]
fn chains_are_subscribed_when_the_node_took_us_in() {
    let mut session = following();
    assert_eq!(session.link(), LinkState::Up);
    session.want(chain('b'), at(1));
    session.want(chain('a'), at(1));
    assert_eq!(done(&mut session, at(1)), ["send subscribe 2", "subscribed b"]);
    session.handle_text(&notice("2", &chain('b')), at(1));
    assert_eq!(done(&mut session, at(1)), ["notice b"]);
    session.unwant(&chain('b'));
    assert_eq!(done(&mut session, at(1)), ["send complete 2"]);
    // The node says so, too, and something was still on its way.
    session.handle_text(&notice("2", &chain('b')), at(1));
    session.handle_text(r#"{"type":"complete","id":"2"}"#, at(1));
    assert!(done(&mut session, at(1)).is_empty());
    session.unwant(&chain('a'));
    assert_eq!(done(&mut session, at(1)), ["send complete 1", "hang up"]);
    assert_eq!(session.link(), LinkState::Idle);
    session.handle_ended("late".to_owned(), at(2));
    assert!(
        done(&mut session, at(2)).is_empty(),
        "nobody waits for it any more"
    );
}

#[test]
fn a_node_that_does_not_take_us_in_is_left_and_tried_again() {
    let mut session = Session::new(7);
    session.want(chain('a'), at(0));
    done(&mut session, at(0));
    session.handle_opened(at(0));
    // Whatever it says before is of no account.
    session.handle_text(&notice("1", &chain('a')), at(1));
    let (said, wake) = drain(&mut session, at(1));
    assert_eq!(
        (said, wake),
        (vec!["send connection_init".to_owned()], Some(at(10)))
    );
    assert_eq!(done(&mut session, at(10)), ["hang up", "lost"]);
    assert!(matches!(session.link(), LinkState::Down(_)));
    assert_eq!(done(&mut session, at(11)), ["open"]);
}

#[test]
fn a_silent_link_is_asked_doubted_and_given_up() {
    let mut session = following();
    assert_eq!(drain(&mut session, at(0)).1, Some(at(10)));
    assert_eq!(done(&mut session, at(10)), ["send ping"]);
    assert_eq!(session.link(), LinkState::Up);
    assert_eq!(done(&mut session, at(15)), ["doubt"]);
    assert!(matches!(session.link(), LinkState::Lost(_)));
    assert_eq!(done(&mut session, at(20)), ["hang up", "lost"]);

    let mut session = following();
    done(&mut session, at(10));
    done(&mut session, at(15));
    session.handle_text(r#"{"type":"pong"}"#, at(16));
    assert_eq!(done(&mut session, at(16)), ["doubt", "doubtful a"]);
    assert_eq!(session.link(), LinkState::Up);
    assert_eq!(drain(&mut session, at(16)).1, Some(at(26)));
}

#[test]
fn the_nodes_pings_are_answered() {
    let mut session = following();
    session.handle_text(r#"{"type":"ping","payload":{}}"#, at(1));
    assert_eq!(done(&mut session, at(1)), ["send pong"]);
}

#[test]
fn a_refused_chain_is_tried_again_alone_in_either_dialect() {
    let as_spec = [r#"{"type":"error","id":"1","payload":[{"message":"no"}]}"#].as_slice();
    let as_node = [
        r#"{"type":"next","id":"1","payload":{"data":null,"errors":[{"message":"no"}]}}"#,
        r#"{"type":"complete","id":"1"}"#,
    ]
    .as_slice();
    let plain = [r#"{"type":"complete","id":"1"}"#].as_slice();
    for (messages, reason) in [
        (as_spec, "the node refuses the subscription: no"),
        (as_node, "the node refuses the subscription: no"),
        (plain, "the node ended the subscription"),
    ] {
        let mut session = following();
        for message in messages {
            session.handle_text(message, at(1));
        }
        let (said, wake) = drain(&mut session, at(1));
        assert_eq!(said, [format!("ended a {reason}")]);
        let wake = wake.unwrap();
        assert!(wake <= at(3), "{wake:?}");
        assert_eq!(done(&mut session, wake), ["send subscribe 2", "subscribed a"]);
        assert_eq!(session.link(), LinkState::Up);
    }
}

#[test]
fn what_cannot_be_read_makes_the_chain_doubtful_and_costs_nothing_else() {
    let mut session = following();
    session.handle_text(r#"{"type":"next","id":"1","payload":{"data":{"#, at(1));
    session.handle_text(
        r#"{"type":"next","id":"1","payload":{"data":{"notifications":7}}}"#,
        at(1),
    );
    session.handle_binary(at(1));
    session.handle_text(r#"{"type":"ka"}"#, at(1));
    // Of another chain than was subscribed under the id.
    session.handle_text(&notice("1", &chain('b')), at(1));
    session.handle_text(&notice("9", &chain('a')), at(1));
    assert_eq!(
        done(&mut session, at(1)),
        ["doubtful a", "doubtful a", "doubtful a"]
    );
    let counts = session.counts();
    assert_eq!(
        (counts.garbled, counts.binary, counts.unknown, counts.stray),
        (2, 1, 1, 2)
    );
}

#[test]
fn waits_grow_until_the_link_has_proved_healthy() {
    let mut session = following();
    let mut now = at(0);
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        session.handle_ended("cut".to_owned(), now);
        let (_, wake) = drain(&mut session, now);
        let wake = wake.unwrap();
        longest = longest.max(wake.since(now));
        now = wake;
        assert_eq!(done(&mut session, now), ["open"]);
        session.handle_opened(now);
        session.handle_text(ACK, now);
        done(&mut session, now);
    }
    assert!(
        longest > Duration::from_secs(10),
        "an ack is no proof: {longest:?}"
    );
    now = now + HEALTHY_AFTER;
    session.handle_text(r#"{"type":"pong"}"#, now);
    done(&mut session, now);
    session.handle_ended("cut".to_owned(), now);
    let (_, wake) = drain(&mut session, now);
    assert!(wake.unwrap().since(now) <= Duration::from_secs(1));
}

/// The other side: takes in, answers, falls silent, refuses, talks nonsense.
#[derive(Default)]
struct Peer {
    is_open: bool,
    is_greeted: bool,
    is_silent: bool,
    running: BTreeMap<String, String>,
}

#[test]
fn whatever_the_node_does_all_that_is_wanted_is_followed_in_the_end() {
    let begin = fastrand::u64(..);
    println!("seeds from {begin}");
    for seed in (0..300).map(|offset| begin.wrapping_add(offset)) {
        println!("seed {seed}");
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut session = Session::new(seed);
    let mut peer = Peer::default();
    let mut wanted = std::collections::BTreeSet::new();
    let mut now = at(0);
    let mut opening = false;
    for turn in 0..900 {
        let is_over = turn >= 600;
        let mut wake;
        loop {
            match session.poll(now) {
                Output::Open => {
                    assert!(!peer.is_open && !opening, "one link at a time");
                    assert!(!wanted.is_empty(), "nothing is opened for nobody");
                    opening = true;
                }
                Output::HangUp => {
                    peer = Peer::default();
                    opening = false;
                }
                Output::Send(text) => {
                    assert!(peer.is_open || !opening, "nothing is sent before it is open");
                    take(&mut session, &mut peer, &text, now);
                }
                Output::Told(_) => {}
                Output::Wait(at) => {
                    wake = at;
                    break;
                }
            }
        }
        if opening {
            opening = false;
            if is_over || dice.u8(0..4) > 0 {
                peer = Peer {
                    is_open: true,
                    ..Peer::default()
                };
                session.handle_opened(now);
            } else {
                session.handle_ended("no".to_owned(), now);
            }
            wake = Some(now);
        } else if !is_over {
            disturb(&mut session, &mut peer, &mut wanted, &mut dice, now);
        }
        let step = now + Duration::from_millis(dice.u64(0..8_000));
        now = if is_over {
            wake.unwrap_or(step).max(now)
        } else {
            step
        };
    }
    let running: std::collections::BTreeSet<String> = peer.running.values().cloned().collect();
    let wanted: std::collections::BTreeSet<String> =
        wanted.iter().map(|chain: &ChainId| chain.to_string()).collect();
    assert_eq!(running, wanted, "what is wanted is followed, and nothing else");
    assert_eq!(peer.running.len(), wanted.len(), "each once");
}

/// The node's side of a message.
fn take(session: &mut Session, peer: &mut Peer, text: &str, now: Moment) {
    if !peer.is_open || peer.is_silent {
        return;
    }
    let message: Value = serde_json::from_str(text).unwrap();
    let id = message["id"].as_str().unwrap_or_default().to_owned();
    match message["type"].as_str().unwrap() {
        "connection_init" => {
            assert!(!peer.is_greeted, "once");
            peer.is_greeted = true;
            session.handle_text(ACK, now);
        }
        "subscribe" => {
            assert!(peer.is_greeted, "not before the node took us in");
            let chain = message["payload"]["variables"]["chainId"].as_str().unwrap();
            let before = peer.running.insert(id, chain.to_owned());
            assert_eq!(before, None, "an id is never used twice");
        }
        "complete" => {
            peer.running.remove(&id);
            session.handle_text(&format!(r#"{{"type":"complete","id":"{id}"}}"#), now);
        }
        "ping" => session.handle_text(r#"{"type":"pong"}"#, now),
        "pong" => {}
        other => panic!("{other}"),
    }
}

fn disturb(
    session: &mut Session,
    peer: &mut Peer,
    wanted: &mut std::collections::BTreeSet<ChainId>,
    dice: &mut fastrand::Rng,
    now: Moment,
) {
    let some = chain(char::from(b'a' + dice.u8(0..5)));
    match dice.u8(0..16) {
        0..=2 => {
            session.want(some.clone(), now);
            wanted.insert(some);
        }
        3 | 4 => {
            session.unwant(&some);
            wanted.remove(&some);
        }
        5 if peer.is_open => {
            *peer = Peer::default();
            session.handle_ended("cut".to_owned(), now);
        }
        6 => peer.is_silent = true,
        7 if peer.is_open => {
            if let Some((id, _)) = peer.running.pop_first() {
                session.handle_text(&format!(r#"{{"type":"complete","id":"{id}"}}"#), now);
            }
        }
        8 if peer.is_open => session.handle_text("nonsense", now),
        9 if peer.is_open => session.handle_binary(now),
        10 if peer.is_open => session.handle_text(r#"{"type":"ping"}"#, now),
        11 if peer.is_greeted => session.handle_text(ACK, now),
        _ => {}
    }
}
