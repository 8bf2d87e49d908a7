//! Tokens: first, refreshed in time, refused, given up.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use nexus_client::{AfterRefusal, Event, LinkState, Stop, TokenNeed, Wish};
use nexus_protocol::{ErrorCode, Refusal, Request};

use crate::bench::{Bench, config, room, secs};

#[test]
fn the_token_goes_first_and_topics_wait_for_it() {
    let mut bench = with_token("first");
    bench.subscribe(&room("a"));
    bench.open();
    bench.greet();
    assert_eq!(bench.authenticate(secs(3_600)), "first");
    bench.confirm(0, None);
    bench.pong();
    assert_eq!(bench.session.link_state(), LinkState::Live);
}

#[test]
fn a_new_token_is_asked_for_in_time_and_needs_no_reconnect() {
    let mut bench = with_token("first");
    bench.open();
    bench.greet();
    bench.authenticate(secs(600));
    bench.pong();
    bench.events();
    let heartbeats_until = |bench: &mut Bench, end| {
        while bench.now < end {
            bench.pass((end - bench.now).min(secs(30)));
            for (id, request) in bench.requests() {
                assert_eq!(request, Request::Ping);
                bench.reply(&id, &nexus_protocol::Reply::Pong);
            }
        }
    };
    heartbeats_until(&mut bench, secs(539));
    assert!(
        !bench
            .events()
            .iter()
            .any(|event| matches!(event, Event::TokenNeeded(_)))
    );
    heartbeats_until(&mut bench, secs(541));
    let needed = Event::TokenNeeded(TokenNeed::ExpiresIn(secs(60)));
    assert_eq!(bench.events().iter().filter(|event| **event == needed).count(), 1);

    bench.wish(Wish::SetToken("second".to_owned()));
    assert_eq!(bench.authenticate(secs(600)), "second");
    assert_eq!(bench.session.link_state(), LinkState::Live);
    assert!(bench.connects().len() == 1 && bench.closes().is_empty());
}

#[test]
fn a_refused_token_stops_until_there_is_another() {
    let mut bench = with_token("forged");
    bench.open();
    bench.greet();
    let refusal = Refusal::new(ErrorCode::AuthFailed, "the token is wrong");
    bench.refuse(refusal.clone());
    assert_eq!(bench.closes(), [1000]);
    let told = bench.events();
    assert!(told.contains(&Event::TokenNeeded(TokenNeed::Refused(refusal))));
    let stop = Stop::NeedsToken("the token is wrong".to_owned());
    assert_eq!(bench.session.link_state(), LinkState::Stopped(stop));
    bench.pass(secs(3_600));
    bench.forget();

    bench.wish(Wish::SetToken("good".to_owned()));
    assert_eq!(bench.connects().len(), 1);
    bench.open();
    bench.greet();
    assert_eq!(bench.authenticate(secs(600)), "good");
}

#[test]
fn a_refresh_that_is_refused_leaves_the_link_as_it_is() {
    let mut bench = with_token("good");
    bench.open();
    bench.greet();
    bench.authenticate(secs(600));
    bench.pong();
    bench.wish(Wish::SetToken("forged".to_owned()));
    bench.events();
    bench.refuse(Refusal::new(ErrorCode::AuthFailed, "the token is wrong"));
    assert!(matches!(
        bench.events()[..],
        [Event::TokenNeeded(TokenNeed::Refused(_))]
    ));
    assert_eq!(bench.session.link_state(), LinkState::Live);
}

#[test]
fn a_sign_in_that_is_refused_for_now_is_tried_again() {
    let mut bench = with_token("good");
    bench.open();
    bench.greet();
    bench.refuse(Refusal::new(ErrorCode::Internal, "later").retry_after_ms(5_000));
    let began = bench.now;
    bench.until_connecting();
    assert_eq!(bench.now - began, secs(5));
}

#[test]
fn an_expired_token_with_a_newer_one_at_hand_just_reconnects() {
    let mut bench = with_token("first");
    bench.open();
    bench.greet();
    bench.authenticate(secs(600));
    bench.pong();
    bench.closed(4001);
    assert!(matches!(bench.session.is_stopped(), Some(Stop::NeedsToken(_))));
    assert!(bench.events().contains(&Event::TokenNeeded(TokenNeed::Expired)));
    bench.wish(Wish::SetToken("second".to_owned()));
    bench.open();
    bench.greet();
    assert_eq!(bench.authenticate(secs(600)), "second");
}

#[test]
fn topics_refused_for_lack_of_permission_are_asked_for_again_with_another_token() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.events();
    bench.refuse(Refusal::new(ErrorCode::AuthFailed, "sign in first"));
    let told = bench.events();
    assert!(matches!(
        &told[..],
        [Event::Refused {
            next: AfterRefusal::WaitForToken,
            ..
        }]
    ));
    bench.closed(1006);
    bench.until_connecting();
    bench.open();
    bench.greet();
    bench.pong();
    assert!(
        bench.requests().is_empty(),
        "not asked again with what was refused"
    );

    bench.wish(Wish::SetToken("good".to_owned()));
    bench.authenticate(secs(600));
    bench.confirm(0, None);
}

#[test]
fn an_anonymous_session_that_is_closed_for_it_needs_a_token() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.refuse(Refusal::new(ErrorCode::AuthFailed, "sign in first"));
    bench.closed(1008);
    assert!(matches!(bench.session.is_stopped(), Some(Stop::NeedsToken(_))));
    bench.wish(Wish::SetToken("good".to_owned()));
    bench.open();
    bench.greet();
    bench.authenticate(secs(600));
    bench.confirm(0, None);
}

#[test]
fn signing_out_takes_another_connection() {
    let mut bench = with_token("good");
    bench.open();
    bench.greet();
    bench.authenticate(secs(600));
    bench.pong();
    bench.forget();
    bench.wish(Wish::SignOut);
    assert_eq!(bench.closes(), [1000]);
    assert_eq!(bench.connects().len(), 1);
    bench.open();
    bench.greet();
    bench.pong();
    assert_eq!(bench.session.link_state(), LinkState::Live);
    assert!(!bench.events().iter().any(|event| matches!(event, Event::Back(_))));
}

fn with_token(token: &str) -> Bench {
    let mut config = config();
    config.token = Some(token.to_owned());
    Bench::with(config)
}
