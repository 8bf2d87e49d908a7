//! Connecting, losing the connection, and coming back.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use nexus_client::{Config, Event, LinkState, Loss, ServerUrl, Stop, Trouble, Wish};
use nexus_protocol::{CloseCode, Offset, Push, Shutdown, encode_push};

use crate::bench::{Bench, HEARTBEAT, config, publication, room, secs};

#[test]
fn waits_double_while_nothing_works() {
    let mut bench = Bench::new();
    let mut longest = Duration::ZERO;
    for due in [1, 2, 4, 8, 16, 30, 30] {
        bench.closed(1006);
        let began = bench.now;
        bench.until_connecting();
        assert!(bench.now - began <= secs(due), "at most {due} s");
        longest = longest.max(bench.now - began);
        assert!(matches!(bench.session.link_state(), LinkState::Connecting { .. }));
    }
    assert!(longest > secs(10), "{longest:?}");
}

#[test]
fn attempts_count_from_the_last_time_that_all_was_well() {
    let mut bench = Bench::new();
    bench.closed(1006);
    let LinkState::Waiting { attempt, trouble, .. } = bench.session.link_state() else {
        panic!("it waits");
    };
    let code = CloseCode::Abnormal;
    let reason = String::new();
    assert_eq!((attempt, trouble), (2, Trouble::Closed { code, reason }));

    bench.until_connecting();
    bench.become_live();
    bench.pass(secs(11));
    bench.closed(1006);
    assert!(matches!(
        bench.session.link_state(),
        LinkState::Waiting { attempt: 1, .. }
    ));
}

#[test]
fn a_connection_that_dies_right_after_its_greeting_does_not_start_the_back_off_over() {
    let mut bench = Bench::new();
    for _ in 0..6 {
        bench.become_live();
        bench.pass(secs(2));
        bench.closed(1006);
        bench.until_connecting();
    }
    assert_eq!(bench.session.link_state(), LinkState::Connecting { attempt: 7 });
}

#[test]
fn a_connection_that_does_not_open_or_greet_is_given_up() {
    let mut bench = Bench::new();
    bench.pass(secs(10));
    assert_eq!(bench.closes().len(), 1);
    assert!(matches!(
        bench.session.link_state(),
        LinkState::Waiting {
            trouble: Trouble::NoConnection,
            ..
        }
    ));

    bench.until_connecting();
    bench.open();
    bench.pass(secs(10));
    assert_eq!(bench.closes().len(), 1);
    assert!(matches!(
        bench.session.link_state(),
        LinkState::Waiting {
            trouble: Trouble::NoGreeting,
            ..
        }
    ));
}

#[test]
fn each_close_code_is_obeyed() {
    for (code, come_back) in [
        (1001, Some(0..=1)),
        (1006, Some(0..=1)),
        (1011, Some(0..=1)),
        (1012, Some(0..=1)),
        (1013, Some(0..=1)),
        (4008, Some(0..=1)),
        (4029, Some(30..=60)),
        (1000, None),
        (1003, None),
        (1008, None),
        (1009, None),
        (4000, None),
        (4001, None),
        (4009, None),
    ] {
        let mut bench = Bench::live();
        bench.closed(code);
        match come_back {
            Some(range) => {
                let began = bench.now;
                bench.until_connecting();
                let waited = (bench.now - began).as_secs();
                assert!(range.contains(&waited), "{code}: after {waited} s");
            }
            None => {
                bench.pass(secs(3_600));
                assert!(bench.connects().is_empty(), "{code}");
                let needs_token = matches!(bench.session.is_stopped(), Some(Stop::NeedsToken(_)));
                assert_eq!(needs_token, matches!(code, 4000 | 4001), "{code}");
            }
        }
    }
}

#[test]
fn a_person_can_make_a_stopped_session_go_on() {
    let mut bench = Bench::live();
    bench.closed(4009);
    assert!(matches!(
        bench.session.is_stopped(),
        Some(Stop::NeedsPerson { .. })
    ));
    bench.wish(Wish::ReconnectNow);
    bench.become_live();
}

#[test]
fn an_announced_end_names_the_time_to_come_back() {
    // Whatever the close code then is; even none, if the process just ends.
    for code in [1012, 1001, 1006, 1000] {
        let mut bench = Bench::live();
        bench.push(&Push::Shutdown(Shutdown {
            message: "restarting".to_owned(),
            reconnect_after_ms: 7_000,
        }));
        let told = bench.events();
        assert!(matches!(&told[..], [Event::ShuttingDown { come_back_in, .. }] if *come_back_in == secs(7)));
        let announced = bench.now;
        bench.pass(secs(2));
        bench.closed(code);
        // Being looked at again is no reason to come earlier than the server wants.
        bench.wish(Wish::Shown);
        bench.until_connecting();
        assert_eq!(bench.now - announced, secs(7), "{code}");
    }
}

#[test]
fn a_hidden_page_waits_and_a_shown_one_connects_at_once() {
    let mut bench = Bench::live();
    bench.wish(Wish::Hidden);
    bench.closed(1006);
    assert_eq!(bench.session.link_state(), LinkState::Hidden);
    bench.pass(secs(3_600));
    assert!(bench.connects().is_empty());
    bench.wish(Wish::Shown);
    assert_eq!(bench.connects().len(), 1);
}

#[test]
fn a_machine_without_a_network_waits_unless_the_server_is_on_it() {
    let elsewhere = Config::new(ServerUrl::parse("wss://nexus.example.org").unwrap());
    let mut bench = Bench::with(elsewhere);
    bench.become_live();
    bench.closed(1006);
    bench.wish(Wish::Offline);
    assert_eq!(bench.session.link_state(), LinkState::Offline);
    bench.pass(secs(3_600));
    assert!(bench.connects().is_empty());
    bench.wish(Wish::Online);
    assert_eq!(bench.connects().len(), 1);

    let mut here = Bench::live();
    here.closed(1006);
    here.wish(Wish::Offline);
    here.until_connecting();
}

#[test]
fn now_means_now_but_not_more_than_ten_times_a_minute() {
    let mut bench = Bench::live();
    for _ in 0..50 {
        bench.closed(1006);
        bench.wish(Wish::ReconnectNow);
        if bench.connects().is_empty() {
            break;
        }
    }
    // The first, nine more, and the last one waits until the first is a minute old.
    assert_eq!(bench.now, Duration::ZERO);
    bench.until_connecting();
    assert_eq!(bench.now, secs(60));
}

#[test]
fn servers_are_tried_in_turn_and_one_that_works_is_kept() {
    let mut config = config();
    config.others = ["ws://b", "ws://c"]
        .map(|url| ServerUrl::parse(url).unwrap())
        .to_vec();
    let mut bench = Bench::with(config);
    bench.closed(1006);
    bench.until_connecting();
    bench.closed(1006);
    bench.until_connecting();
    let [a, b, c] = ["ws://127.0.0.1:1/v1/ws", "ws://b/v1/ws", "ws://c/v1/ws"];
    assert_eq!(bench.connects(), [a, b, c]);

    bench.become_live();
    bench.pass(secs(11));
    bench.closed(1006);
    bench.until_connecting();
    assert_eq!(bench.connects(), [c]);
    bench.closed(1006);
    bench.until_connecting();
    assert_eq!(bench.connects(), [a]);
}

#[test]
fn what_an_old_connection_still_reports_is_ignored() {
    let mut bench = Bench::live();
    let old = bench.link.unwrap();
    bench.pass(HEARTBEAT * 2);
    assert_eq!(bench.closes().len(), 1, "it was silent");
    bench.until_connecting();
    bench.become_live();

    let push = Push::Shutdown(Shutdown {
        message: "late".to_owned(),
        reconnect_after_ms: 1,
    });
    let now = bench.now;
    bench.session.handle_opened(now, old);
    bench
        .session
        .handle_text(now, old, &encode_push(&push, bench.wall()));
    bench.session.handle_closed(now, old, 4009, "late");
    bench.pass(Duration::ZERO);
    assert!(bench.events().is_empty());
    assert_eq!(bench.session.link_state(), LinkState::Live);
}

#[test]
fn coming_back_is_summed_up() {
    let mut bench = Bench::live();
    let rooms = ["a", "b", "c"].map(room);
    for room in &rooms {
        bench.subscribe(room);
        bench.confirm(10, None);
    }
    bench.closed(1006);
    bench.pass(secs(12));
    bench.forget();
    bench.wish(Wish::ReconnectNow);
    let published = bench.wall();
    bench.pass(secs(1));
    bench.open();
    bench.greet();

    bench.confirm(10, Some(true));
    for offset in 11..=13 {
        bench.push(&Push::Publication(publication(&rooms[0], offset, published)));
    }
    bench.confirm(40, Some(false));
    bench.confirm_in("e2", 0, Some(false));
    assert_eq!(bench.session.link_state(), LinkState::Resyncing);
    bench.events();
    bench.pong();

    let told = bench.events();
    let Some(Event::Back(back)) = told.iter().find(|event| matches!(event, Event::Back(_))) else {
        panic!("{told:?}");
    };
    assert_eq!(back.recovered, 3);
    assert_eq!(back.not_recovered, [rooms[1].clone(), rooms[2].clone()]);
    assert!(back.away >= secs(12) && back.away < secs(15), "{:?}", back.away);
    assert_eq!(told.last(), Some(&Event::Link(LinkState::Live)));
}

#[test]
fn what_is_lost_is_named_exactly() {
    let mut bench = Bench::live();
    let room = room("a");
    bench.subscribe(&room);
    bench.confirm(10, None);
    bench.publish(&room, 11);
    bench.closed(1006);
    bench.until_connecting();
    bench.open();
    bench.greet();
    bench.events();
    let asked = bench.confirm(40, Some(false));
    let had = asked.recover.unwrap();
    assert_eq!(had.offset, Offset(11));
    let told = bench.events();
    let Event::Lost { loss, .. } = &told[0] else {
        panic!("{told:?}");
    };
    assert_eq!(
        *loss,
        Loss::Range {
            after: had,
            upto: Offset(40)
        }
    );
    assert_eq!(loss.to_string(), "29 publications lost (12 to 40)");
}

#[test]
fn the_end_is_the_end() {
    let mut bench = Bench::live();
    bench.wish(Wish::End);
    assert_eq!(bench.closes(), [1000]);
    bench.wish(Wish::ReconnectNow);
    bench.wish(Wish::SetToken("t".to_owned()));
    bench.pass(secs(3_600));
    assert!(bench.connects().is_empty());
    assert_eq!(bench.session.link_state(), LinkState::Stopped(Stop::Ended));
}
