//! The dashboard's files.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{World, settings};

const SCRIPT: &str = "\nimport init from '/app-0123456789abcdef.js';\nawait init();\n";
const APP: &str = "/app-0123456789abcdef.js";
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

fn write(dir: &Path, name: &str, content: &str) {
    std::fs::write(dir.join(name), content).unwrap();
}

async fn world(dir: &Path) -> World {
    write(
        dir,
        "index.html",
        &format!("<!doctype html><script type=\"module\">{SCRIPT}</script><body>"),
    );
    write(dir, "app-0123456789abcdef.js", "plain");
    write(dir, "app-0123456789abcdef.js.br", "as brotli");
    write(dir, "app-0123456789abcdef.js.gz", "as gzip");
    write(dir, "app-0123456789abcdef_bg.wasm", "wasm");
    write(dir, "favicon.svg", "<svg/>");
    World::start(settings().with("web_dir", dir.display())).await
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn packed_files_are_served_to_who_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    for (accepts, encoding, content) in [
        ("br, gzip", Some("br"), "as brotli"),
        ("gzip", Some("gzip"), "as gzip"),
        ("identity", None, "plain"),
    ] {
        let (status, headers, body) = world.get(APP, &[("accept-encoding", accepts)]).await;
        assert_eq!(status, 200);
        assert_eq!(
            headers
                .get("content-encoding")
                .map(|value| value.to_str().unwrap()),
            encoding
        );
        assert_eq!(headers["content-type"], "text/javascript");
        assert_eq!(text(body), content);
    }
    let (_, headers, _) = world.get("/app-0123456789abcdef_bg.wasm", &[]).await;
    assert_eq!(headers["content-type"], "application/wasm");
}

#[tokio::test]
async fn hashed_names_are_kept_for_ever_and_the_page_is_asked_for_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    for (path, cache) in [
        (APP, "public, max-age=31536000, immutable"),
        ("/favicon.svg", "no-cache"),
        ("/", "no-cache"),
        ("/index.html", "no-cache"),
        ("/markets/BTC", "no-cache"),
    ] {
        let (status, headers, _) = world.get(path, &[HTML]).await;
        assert_eq!(
            (status, headers["cache-control"].to_str().unwrap()),
            (200, cache),
            "{path}"
        );
    }
}

#[tokio::test]
async fn any_page_s_path_is_the_page_and_a_missing_file_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    for (path, header, status) in [
        ("/markets/BTC", HTML, 200),
        ("/settings", HTML, 200),
        ("/markets/BTC", ("accept", "application/json"), 404),
        ("/missing-0123456789abcdef.js", HTML, 404),
        ("/v1/nothing", HTML, 404),
    ] {
        let (found, _, body) = world.get(path, &[header]).await;
        assert_eq!(found, status, "{path}: {}", text(body));
    }
}

#[tokio::test]
async fn nothing_outside_the_directory_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("dist");
    std::fs::create_dir(&inner).unwrap();
    write(dir.path(), "secret.txt", "the secret");
    let world = world(&inner).await;
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/x/../../secret.txt",
        "//../secret.txt",
    ] {
        // Past the HTTP client, which would resolve the dots itself.
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("the secret"), "{path}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_be_careful_and_the_page_s_own_script_runs() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let (_, headers, _) = world.get("/", &[HTML]).await;
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let policy = headers["content-security-policy"].to_str().unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SCRIPT.as_bytes());
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
    assert!(
        policy.contains(&format!("script-src 'self' 'wasm-unsafe-eval' 'sha256-{hash}';")),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    // A page that changes brings its new script with it.
    write(dir.path(), "index.html", "<script>other()</script>");
    let (_, headers, _) = world.get("/", &[HTML]).await;
    assert!(
        !headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains(&hash)
    );
}

#[tokio::test]
async fn without_the_dashboard_the_page_says_how_to_get_it() {
    let world = World::start(settings()).await;
    let (status, _, body) = world.get("/", &[HTML]).await;
    assert_eq!(status, 200);
    assert!(text(body).contains("--web-dir"));
    assert_eq!(world.get("/anything", &[HTML]).await.0, 404);
}
