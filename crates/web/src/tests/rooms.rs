//! A room: who is in it, what is said, and what becomes of what one says.

use std::rc::Rc;

use nexus_client::{Ask, AskError, AskId, Wish};
use nexus_protocol::{
    Ack, Epoch, ErrorCode, Json, Member, Offset, Payload, Position, PresenceUpdate, Refusal, Reply,
    Timestamp, Topic, UserId,
};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::{Callback, ContextProvider, Html, component, html};

use super::stage::{Stage, now};
use crate::components::{Conversation, RoomKeeper, RoomList};
use crate::hooks::Places;
use crate::state::feed::Stage as FeedStage;
use crate::state::place::Rooms;
use crate::state::rooms::RoomName;
use crate::state::settings::Settings;

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

#[component]
fn View() -> Html {
    let places = Places {
        here: Rc::new(Rooms {
            room: Some("lobby".into()),
        }),
        go: Callback::noop(),
    };
    html! {
        <ContextProvider<Places<Rooms>> context={places}>
            <RoomKeeper /><RoomList /><Conversation name={lobby()} />
        </ContextProvider<Places<Rooms>>>
    }
}

fn topic() -> Topic {
    lobby().topic()
}

/// Someone called `ann` in a room with `bob`, in which nothing was said.
async fn stage() -> Stage {
    crate::browser::remove(crate::browser::Keep::Device, "nexus.read");
    let settings = Settings {
        rooms: vec!["lobby".to_owned()],
        ..Settings::default()
    };
    let stage = Stage::show_to("ann", settings, || html! { <View /> }).await;
    stage.store.handle_stage(&topic(), FeedStage::Followed);
    let (id, _) = asked(&stage);
    stage.store.handle_answer(id, Err(AskError::TimedOut));
    presence(&stage, &["ann", "bob"]);
    stage.settle().await;
    stage
}

fn presence(stage: &Stage, names: &[&str]) {
    let member = |name: &&str| Member {
        user: UserId::parse(name).unwrap(),
        since: Timestamp::from_millis(now()),
    };
    let update = PresenceUpdate {
        members: Some(names.iter().map(member).collect()),
        ..PresenceUpdate::default()
    };
    stage.store.handle_presence(&topic(), &update, now());
}

fn say(stage: &Stage, offset: u64, from: &str, json: &str) {
    let payload = Payload::Json(Json::parse(json).unwrap());
    stage.publish_as(topic(), payload, Offset(offset), Some(from));
}

/// The last question.
fn asked(stage: &Stage) -> (AskId, Ask) {
    let wishes = stage.wishes.borrow();
    let asks = wishes.iter().rev().filter_map(|wish| match wish {
        Wish::Ask { id, ask, .. } => Some((*id, ask.clone())),
        _ => None,
    });
    asks.take(1).next().unwrap()
}

async fn write(stage: &Stage, text: &str) {
    stage.fill("message-input", text).await;
    let field = stage.find("message-input").unwrap();
    stage.press(&field, "Enter").await;
}

fn texts(stage: &Stage) -> Vec<String> {
    stage
        .all("message-text")
        .iter()
        .map(|text| text.text_content().unwrap())
        .collect()
}

#[wasm_bindgen_test]
async fn whoever_is_signed_in_is_in_their_rooms() {
    let stage = stage().await;
    assert_eq!(stage.wishes.borrow()[0], Wish::Join(topic()));
    // Where there is no room for them beside the messages, they are a press away.
    if stage.find("member").is_none() {
        stage.click("members-toggle").await;
    }
    assert_eq!(stage.attributes("member", "data-user"), ["ann", "bob"]);
    assert_eq!(stage.attributes("room", "data-room"), ["lobby"]);
}

#[wasm_bindgen_test]
async fn without_a_token_one_is_asked_to_sign_in_and_nothing_is_joined() {
    let stage = Stage::show(|| html! { <View /> }).await;
    assert!(stage.wishes.borrow().is_empty());
    stage.click("rooms-sign-in").await;
    assert_eq!(stage.opened.borrow().len(), 1);
}

#[wasm_bindgen_test]
async fn words_are_shown_as_words_other_json_as_code_and_ones_own_are_marked() {
    let stage = stage().await;
    say(&stage, 1, "bob", r#"{"text":"hi"}"#);
    say(&stage, 2, "bob", r#"{"text":"there"}"#);
    say(&stage, 3, "ann", r#"{"value":1.50}"#);
    stage.settle().await;
    assert_eq!(texts(&stage), ["hi", "there"]);
    assert!(stage.text("message-code").contains("1.50"));
    assert_eq!(stage.attributes("message", "data-from"), ["bob", "bob", "ann"]);
    assert_eq!(stage.attributes("message", "data-own"), ["", "", "true"]);
}

#[wasm_bindgen_test]
async fn what_one_says_is_pending_until_it_is_there_and_stands_once() {
    let stage = stage().await;
    write(&stage, "hello").await;
    assert_eq!(stage.attributes("message", "data-state"), ["pending"]);
    let (id, ask) = asked(&stage);
    let Ask::Publish(publish) = ask else { panic!() };
    assert_eq!(publish.data.as_str(), r#"{"text":"hello"}"#);
    assert!(publish.idempotency_key.is_some());
    let position = Position {
        epoch: Epoch::from_random(1),
        offset: Offset(7),
    };
    let ack = Ack {
        position: Some(position),
        command_id: None,
    };
    stage.store.handle_answer(id, Ok(Reply::Ack(ack)));
    say(&stage, 7, "ann", r#"{"text":"hello"}"#);
    stage.settle().await;
    assert_eq!(stage.attributes("message", "data-state"), [""]);
    assert_eq!(texts(&stage), ["hello"]);
}

#[wasm_bindgen_test]
async fn what_failed_can_be_sent_again_under_the_same_key() {
    let stage = stage().await;
    write(&stage, "hello").await;
    let (id, first) = asked(&stage);
    stage.store.handle_answer(id, Err(AskError::TimedOut));
    stage.settle().await;
    assert_eq!(stage.attributes("message", "data-state"), ["failed"]);
    stage.click("message-retry").await;
    assert_eq!(stage.attributes("message", "data-state"), ["pending"]);
    assert_eq!(asked(&stage).1, first);
}

#[wasm_bindgen_test]
async fn enter_sends_all_that_was_typed_even_before_it_is_drawn() {
    let stage = stage().await;
    stage.store.type_in(&lobby(), "every letter", now());
    let field = stage.find("message-input").unwrap();
    stage.press(&field, "Enter").await;
    let Ask::Publish(publish) = asked(&stage).1 else {
        panic!()
    };
    assert_eq!(publish.data.as_str(), r#"{"text":"every letter"}"#);
}

#[wasm_bindgen_test]
async fn typing_is_shown_and_told() {
    let stage = stage().await;
    let update = PresenceUpdate {
        typing: vec![UserId::parse("bob").unwrap()],
        ..PresenceUpdate::default()
    };
    stage.store.handle_presence(&topic(), &update, now());
    stage.settle().await;
    assert_eq!(stage.text("typing"), "bob is typing");
    stage.fill("message-input", "h").await;
    stage.fill("message-input", "he").await;
    let told = |wish: &&Wish| {
        matches!(
            wish,
            Wish::Ask {
                ask: Ask::Typing(_),
                ..
            }
        )
    };
    assert_eq!(
        stage.wishes.borrow().iter().filter(told).count(),
        1,
        "not with every letter"
    );
}

#[wasm_bindgen_test]
async fn a_gap_is_named_where_it_is() {
    let stage = stage().await;
    say(&stage, 1, "bob", r#"{"text":"before"}"#);
    stage.store.handle_break(&topic());
    stage.settle().await;
    assert!(stage.text("room-gap").contains("Looking for messages"));
}

#[wasm_bindgen_test]
async fn a_room_that_one_may_not_enter_says_why() {
    let stage = stage().await;
    let refusal = Refusal::new(ErrorCode::Forbidden, "this room is for operators");
    stage.store.handle_join_refused(&topic(), refusal);
    stage.settle().await;
    let text = stage.text("panel-room");
    assert!(
        text.contains("You may not be in this room") && text.contains("for operators"),
        "{text}"
    );
}
