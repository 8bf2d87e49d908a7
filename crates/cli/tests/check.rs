//! `nexus check`: each step says how it is, and the exit code says whether all is well.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::{Done, Nexus};
use nexus_client::script::{Connection, Page, Script, bare_http};
use nexus_protocol::{
    Authenticated, ErrorCode, Payload, Publication, Push, Refusal, Reply, Request, Timestamp, UserId,
};

const PAGES: &[Page] = &[
    Page {
        path: "/health",
        status: "200 OK",
        kind: "application/json",
        body: r#"{"status":"healthy","websocket":{"clients":3,"subscriptions":4}}"#,
    },
    Page {
        path: "/health/ready",
        status: "200 OK",
        kind: "application/json",
        body: "{}",
    },
    Page {
        path: "/",
        status: "200 OK",
        kind: "text/html; charset=utf-8",
        body: r#"<!doctype html><script>import init from "/nexus-web-0.js"</script>"#,
    },
];

#[tokio::test]
async fn a_server_that_does_everything_passes() {
    let (done, ()) = check(PAGES, &["--token", "good"], async |mut connection: Connection| {
        connection.greet().await;
        serve(&mut connection, true).await;
    })
    .await;
    assert_eq!(done.code, 0, "{}", done.stdout);
    for step in [
        "ok    reachable",
        "ok    health       healthy, 3 clients",
        "ok    ready",
        "ok    dashboard    served",
        "ok    websocket    nexus.v1.json agreed",
        "ok    clock",
        "ok    sign-in      as ann",
        "ok    prices       subscribed",
        "ok    publication",
        "ok    freshness    live",
        "ok    round trip",
        "all is well",
    ] {
        assert!(done.stdout.contains(step), "{step:?} in {}", done.stdout);
    }
    assert!(!done.stdout.contains('\u{1b}'), "no colours outside a terminal");
}

#[tokio::test]
async fn where_nothing_listens_it_says_what_to_start() {
    // Taken and let go, so that nobody is there.
    let url = Script::listen().await.url();
    let done = Nexus::run(&["check", "--server", url.as_str()]).done().await;
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("fail  reachable    nothing answers at"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("`nexus-server`"), "{}", done.stdout);
    assert!(done.stdout.contains("does not work, 1 failed"), "{}", done.stdout);
}

#[tokio::test]
async fn another_server_is_found_out() {
    let url = bare_http("404 Not Found").await;
    let done = Nexus::run(&["check", "--server", url.as_str(), "--within", "2s"])
        .done()
        .await;
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("fail  health       /health answers 404"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("fail  websocket"), "{}", done.stdout);
}

#[tokio::test]
async fn a_wrong_token_fails_the_sign_in() {
    let (done, ()) = check(PAGES, &["--token", "bad"], async |mut connection: Connection| {
        connection.greet().await;
        serve(&mut connection, true).await;
    })
    .await;
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("fail  sign-in"), "{}", done.stdout);
    assert!(done.stdout.contains("nexus token"), "{}", done.stdout);
}

#[tokio::test]
async fn a_server_without_exchange_and_page_works_but_is_remarked_upon() {
    let (done, ()) = check(&PAGES[..2], &[], async |mut connection: Connection| {
        connection.greet().await;
        serve(&mut connection, false).await;
    })
    .await;
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.contains("warn  dashboard"), "{}", done.stdout);
    assert!(done.stdout.contains("skip  sign-in"), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("warn  prices       no exchange is configured"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("works, 2 to look at"), "{}", done.stdout);
}

#[tokio::test]
async fn a_page_that_is_not_the_dashboard_is_told_from_it() {
    const NOTICE: &[Page] = &[page(
        "<p>This server was started without the dashboard. Build it with",
    )];
    const FOREIGN: &[Page] = &[page("<h1>Welcome to nginx!</h1>")];
    for (pages, said) in [
        (
            NOTICE,
            "warn  dashboard    none: the server was started without it",
        ),
        (
            FOREIGN,
            "warn  dashboard    / is a page, and not the dashboard of Nexus",
        ),
    ] {
        let script = Script::with_pages(pages).await;
        let server = script.url();
        let nexus = Nexus::run(&["check", "--server", server.as_str()]);
        script
            .accept()
            .await
            .close(4029, "too many new connections; wait a minute")
            .await;
        let done = nexus.done().await;
        assert!(done.stdout.contains(said), "{said:?} in {}", done.stdout);
        let websocket =
            "fail  websocket    the server lets one address open only so many connections a minute";
        assert!(done.stdout.contains(websocket), "{}", done.stdout);
        assert!(!done.stdout.contains("proxy"), "{}", done.stdout);
    }
}

// --- helpers --------------------------------------------------------------------------------------------------------

/// What stands at `/`.
const fn page(body: &'static str) -> Page {
    Page {
        path: "/",
        status: "200 OK",
        kind: "text/html",
        body,
    }
}

/// Runs `nexus check` against a server with these pages, whose one connection does this.
async fn check<T>(
    pages: &'static [Page],
    args: &[&str],
    serve: impl AsyncFnOnce(Connection) -> T,
) -> (Done, T) {
    let script = Script::with_pages(pages).await;
    let server = script.url();
    let nexus = Nexus::run(&[&["check", "--server", server.as_str()], args].concat());
    tokio::join!(nexus.done(), async { serve(script.accept().await).await })
}

/// Answers whatever is asked until the client closes.
async fn serve(connection: &mut Connection, has_exchange: bool) {
    while let Some((id, request)) = connection.next_request().await {
        let reply = match request {
            Request::Auth(auth) if auth.token == "good" => Reply::Authenticated(Authenticated {
                messages_per_minute: None,
                user: UserId::parse("ann").unwrap(),
                expires_at: Timestamp::MAX,
            }),
            Request::Auth(_) => Reply::Error(Refusal::new(ErrorCode::AuthFailed, "the token is wrong")),
            Request::Subscribe(_) if !has_exchange => {
                Reply::Error(Refusal::new(ErrorCode::UpstreamDown, "no exchange is configured"))
            }
            Request::Subscribe(subscribe) => {
                connection.subscribed(&id, &subscribe.topic, 3, None).await;
                let mut publication = Publication {
                    topic: subscribe.topic,
                    offset: nexus_protocol::Offset(3),
                    snapshot: true,
                    conflated: 0,
                    timestamp: Timestamp::default(),
                    from: None,
                    payload: Payload::Prices(Default::default()),
                };
                publication.timestamp = Timestamp::from(std::time::SystemTime::now());
                connection.push(&Push::Publication(publication)).await;
                continue;
            }
            Request::Ping => Reply::Pong,
            other => panic!("{other:?}"),
        };
        connection.reply(&id, &reply).await;
    }
}
