//! The Activity view: bars that move, texts that type themselves, a feed that can be held.

use nexus_protocol::{Json, Offset, Payload, Publication, Timestamp, Topic};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Element;
use yew::html;

use super::stage::{Stage, now};
use super::visit::Visit;
use crate::state::feed::Stage::Followed;
use crate::state::place::Activity;
use crate::views::ActivityView;

async fn view() -> Stage {
    let stage = Stage::show(|| html! { <Visit<Activity>><ActivityView /></Visit<Activity>> }).await;
    for topic in [Topic::Tasks, Topic::Ai, Topic::Events] {
        stage.store.handle_stage(&topic, Followed);
    }
    stage.settle().await;
    stage
}

fn say(stage: &Stage, topic: Topic, offset: u64, text: &str, snapshot: bool) {
    let publication = Publication {
        topic,
        offset: Offset(offset),
        snapshot,
        conflated: 0,
        timestamp: Timestamp::from_millis(now()),
        from: None,
        payload: Payload::Json(Json::parse(text).unwrap()),
    };
    stage.store.handle_publication(&publication, now());
}

#[wasm_bindgen_test]
async fn a_task_moves_its_bar_and_folds_when_it_has_ended() {
    let stage = view().await;
    say(
        &stage,
        Topic::Tasks,
        1,
        r#"{"task_id":"t","title":"Import","progress":0.25}"#,
        false,
    );
    stage.calm().await;
    assert_eq!(stage.attributes("task-progress", "data-percent"), ["25"]);
    assert_eq!(stage.attributes("task-progress", "aria-valuenow"), ["25"]);
    say(
        &stage,
        Topic::Tasks,
        2,
        r#"{"task_id":"t","progress":0.5,"message":"half"}"#,
        false,
    );
    stage.calm().await;
    assert_eq!(stage.attributes("task-progress", "data-percent"), ["50"]);
    assert!(stage.text("task").contains("Import") && stage.text("task").contains("half"));
    say(
        &stage,
        Topic::Tasks,
        3,
        r#"{"task_id":"t","state":"done"}"#,
        false,
    );
    stage.calm().await;
    assert_eq!(stage.attributes("task", "data-state"), ["done"]);
    assert!(stage.find("task-progress").is_none());
}

#[wasm_bindgen_test]
async fn tasks_are_filtered_by_state_and_text() {
    let stage = view().await;
    for (offset, state) in [(1, "running"), (2, "done"), (3, "failed")] {
        let text = format!(r#"{{"task_id":"{state}-1","state":"{state}"}}"#);
        say(&stage, Topic::Tasks, offset, &text, false);
    }
    stage.calm().await;
    assert_eq!(stage.all("task").len(), 3);
    stage.click("tasks-failed").await;
    assert_eq!(stage.attributes("task", "data-task"), ["failed-1"]);
    stage.click("tasks-all").await;
    stage.fill("tasks-search", "runn").await;
    assert_eq!(stage.attributes("task", "data-task"), ["running-1"]);
}

#[wasm_bindgen_test]
async fn a_text_types_itself_and_is_complete_for_who_comes_late() {
    let stage = view().await;
    say(
        &stage,
        Topic::Ai,
        5,
        r#"{"stream_id":"s","title":"Answer","index":2,"text":"It is the "}"#,
        true,
    );
    say(
        &stage,
        Topic::Ai,
        6,
        r#"{"stream_id":"s","index":3,"chunk":"valve"}"#,
        false,
    );
    stage.settle().await;
    assert_eq!(stage.text("stream-text"), "It is the valve");
    assert_eq!(stage.attributes("stream", "data-state"), ["writing"]);
    say(
        &stage,
        Topic::Ai,
        7,
        r#"{"stream_id":"s","index":4,"chunk":".","done":true}"#,
        false,
    );
    stage.settle().await;
    assert_eq!(stage.text("stream-text"), "It is the valve.");
    assert_eq!(stage.attributes("stream", "data-state"), ["done"]);
}

#[wasm_bindgen_test]
async fn who_has_scrolled_up_in_a_text_stays_there() {
    let stage = view().await;
    let long = "word ".repeat(2_000);
    say(
        &stage,
        Topic::Ai,
        1,
        &format!(r#"{{"stream_id":"s","index":0,"chunk":"{long}"}}"#),
        false,
    );
    stage.settle().await;
    let body: Element = stage.select(".stream-body").unwrap().unchecked_into();
    assert!(body.scroll_top() > 0, "who reads along is taken along");
    body.set_scroll_top(10);
    super::stage::frame().await;
    super::stage::frame().await;
    say(
        &stage,
        Topic::Ai,
        2,
        r#"{"stream_id":"s","index":1,"chunk":"more "}"#,
        false,
    );
    stage.settle().await;
    assert_eq!(body.scroll_top(), 10);
}

#[wasm_bindgen_test]
async fn a_pause_holds_the_events_and_counts_them() {
    let stage = view().await;
    say(
        &stage,
        Topic::Events,
        1,
        r#"{"kind":"deploy","message":"v2"}"#,
        false,
    );
    stage.calm().await;
    stage.hotkey(" ").await;
    for offset in 2..5 {
        say(
            &stage,
            Topic::Events,
            offset,
            r#"{"kind":"alarm","level":"error"}"#,
            false,
        );
    }
    stage.calm().await;
    assert_eq!(stage.attributes("event", "data-kind"), ["deploy"]);
    assert_eq!(stage.attributes("events-resume", "data-held"), ["3"]);
    stage.click("events-resume").await;
    assert_eq!(
        stage.attributes("event", "data-kind"),
        ["alarm", "alarm", "alarm", "deploy"]
    );
    assert_eq!(stage.attributes("event", "data-tone")[0], "bad");
    stage.fill("events-search", "v2").await;
    assert_eq!(stage.all("event").len(), 1);
}
