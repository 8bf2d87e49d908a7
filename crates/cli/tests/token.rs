//! `nexus token`: what it prints is a token that the holder of the secret can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus::{Done, Nexus};
use serde_json::Value;

const SECRET: &str = "a secret for tests, of 32 bytes and more";

#[tokio::test]
async fn the_token_alone_is_printed_and_says_what_was_asked() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["token", "--sub", "ann", "--role", "operator", "--ttl", "90s"];
    let done = token(&args, &[("NEXUS_JWT_SECRET", SECRET)], dir.path()).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert_eq!(done.stdout.lines().count(), 1);

    let claims = claims(&done.stdout, SECRET.as_bytes());
    assert_eq!(
        (&claims["sub"], &claims["role"]),
        (&"ann".into(), &"operator".into())
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (begins, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!(begins.abs_diff(now) < 60);
    assert_eq!(ends - begins, 90);
    assert!(
        !dir.path().join("nexus-data").exists(),
        "a given secret makes no file"
    );
}

#[tokio::test]
async fn without_a_given_secret_the_data_directory_keeps_one() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let variables = [("NEXUS_DATA_DIR", data_dir.to_str().unwrap())];
    let first = token(&["token", "--sub", "ann"], &variables, dir.path()).await;
    let secret = std::fs::read_to_string(data_dir.join("jwt-secret")).unwrap();
    let again = token(&["token", "--sub", "bob"], &variables, dir.path()).await;

    for (token, name) in [(first.stdout, "ann"), (again.stdout, "bob")] {
        let claims = claims(&token, secret.trim().as_bytes());
        assert_eq!(
            (&claims["sub"], &claims["role"]),
            (&name.into(), &"viewer".into())
        );
    }
}

#[tokio::test]
async fn a_token_for_one_subscription_names_its_topic_and_no_role() {
    let dir = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (
            &["--sub", "ann", "--channel", "room:board"][..],
            r#"{"channel":"room:board","sub":"ann"}"#,
        ),
        (
            &[
                "--anonymous",
                "--channel",
                "trades",
                "--params",
                r#"{"symbol":"BTC"}"#,
            ],
            r#"{"anonymous":true,"channel":"trades","params":{"symbol":"BTC"}}"#,
        ),
    ] {
        let args = [&["token"], args].concat();
        let done = token(&args, &[("NEXUS_JWT_SECRET", SECRET)], dir.path()).await;
        assert_eq!(done.code, 0, "{}", done.stderr);
        let Value::Object(mut claims) = claims(&done.stdout, SECRET.as_bytes()) else {
            panic!("claims are an object");
        };
        assert!(claims.remove("iat").is_some() && claims.remove("exp").is_some());
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(Value::Object(claims), expected);
    }
    for (args, said) in [
        (&["--anonymous"][..], "--channel"),
        (&["--role", "device"], "--sub"),
        (&["--sub", "ann", "--channel", "trades"], "symbol"),
        (
            &["--sub", "ann", "--role", "admin", "--channel", "events"],
            "--role",
        ),
    ] {
        let args = [&["token"], args].concat();
        let done = token(&args, &[("NEXUS_JWT_SECRET", SECRET)], dir.path()).await;
        assert_eq!(done.code, 2, "{args:?}");
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
}

#[tokio::test]
async fn further_claims_go_over_the_options() {
    let dir = tempfile::tempdir().unwrap();
    let more = r#"{"channels":["room:*"],"sub":"carol"}"#;
    let args = ["token", "--sub", "ann", "--role", "admin", "--claims", more];
    let done = token(&args, &[("NEXUS_JWT_SECRET", SECRET)], dir.path()).await;
    let claims = claims(&done.stdout, SECRET.as_bytes());
    assert_eq!(claims["channels"], serde_json::json!(["room:*"]));
    assert_eq!(claims["sub"], "carol");
}

#[tokio::test]
async fn what_cannot_be_signed_is_said_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for (args, variables, code, says) in [
        (
            &["token", "--sub", "ann"][..],
            ("NEXUS_JWT_SECRET", "short"),
            1,
            "at least 32 bytes",
        ),
        (
            &["token", "--sub", "ann", "--data-dir", "file/below"],
            ("A", ""),
            1,
            "cannot make the secret",
        ),
        (&["token"], ("A", ""), 2, "--sub"),
        (&["token", "--sub", "two words"], ("A", ""), 2, "user id"),
        (
            &["token", "--sub", "ann", "--role", "king"],
            ("A", ""),
            2,
            "viewer",
        ),
        (
            &["token", "--sub", "ann", "--claims", "[]"],
            ("A", ""),
            2,
            "JSON object",
        ),
    ] {
        let done = token(args, &[variables], dir.path()).await;
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{args:?}");
        assert!(done.stderr.contains(says), "{args:?} {}", done.stderr);
    }
}

async fn token(args: &[&str], variables: &[(&str, &str)], dir: &Path) -> Done {
    Nexus::run_with(args, variables, dir).done().await
}

fn claims(token: &str, secret: &[u8]) -> Value {
    let key = DecodingKey::from_secret(secret);
    let validation = Validation::new(Algorithm::HS256);
    jsonwebtoken::decode(token.trim(), &key, &validation)
        .unwrap()
        .claims
}
