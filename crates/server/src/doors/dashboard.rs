//! The dashboard's files: packed ones where the browser takes them, hashed names cached for ever, and the page itself
//! for every path that a person may have typed or bookmarked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use crate::gateway::Gateway;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// Paths of the server itself: what is not there under them is not a page either.
const NOT_PAGES: [&str; 5] = ["/v1/", "/health", "/metrics", "/ws", "/socket.io"];

const NO_DASHBOARD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Nexus</title>
<h1>Nexus is running</h1>
<p>This server was started without the dashboard. Build it with <code>cargo xtask web</code> and start the server with
<code>--web-dir dist</code>, or let <code>cargo xtask demo</code> do both.</p>
<p>How the server is: <a href=\"/health\">/health</a>. What it speaks: <code>docs/PROTOCOL.md</code>.</p>
</html>
";

/// Serves a file, the page, or the sentence that there is neither.
pub async fn dashboard(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are served here\n",
        )
            .into_response();
    }
    let path = request.uri().path().to_owned();
    let is_root = path == "/" || path == "/index.html";
    let Some(web_dir) = &gateway.web_dir else {
        return if is_root {
            page(NO_DASHBOARD.to_owned())
        } else {
            not_found()
        };
    };
    if is_root {
        return index(web_dir).await;
    }
    let wants_page = takes_html(&request) && is_page_path(&path);
    let response = file(web_dir, request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return if wants_page {
            index(web_dir).await
        } else {
            not_found()
        };
    }
    with_cache(response, &path)
}

/// Headers that make a browser careful, on every answer.
pub async fn careful(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn file(web_dir: &Path, request: Request) -> Response {
    let files = ServeDir::new(web_dir)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    match files.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// The page is read each time: it is small, and a new build then needs no restart.
async fn index(web_dir: &Path) -> Response {
    let path: PathBuf = web_dir.join("index.html");
    match tokio::fs::read_to_string(&path).await {
        Ok(html) => page(html),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the dashboard's page cannot be read");
            (
                StatusCode::NOT_FOUND,
                "the dashboard is not there; build it with `cargo xtask web`\n",
            )
                .into_response()
        }
    }
}

fn page(html: String) -> Response {
    let policy = HeaderValue::from_str(&policy(&html));
    let mut response = Html(html).into_response();
    response.headers_mut().insert(CACHE_CONTROL, ASK_EACH_TIME);
    if let Ok(policy) = policy {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

fn with_cache(mut response: Response, path: &str) -> Response {
    let value = if is_hashed(path) { FOR_EVER } else { ASK_EACH_TIME };
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    // Browsers refuse to compile WebAssembly of another type while it arrives.
    if path.ends_with(".wasm") {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/wasm"));
    }
    response
}

fn takes_html(request: &Request) -> bool {
    let accepts = request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok());
    accepts
        .flat_map(|accept| accept.split(','))
        .any(|kind| kind.trim_start().starts_with("text/html"))
}

/// A path without a file's ending, and not one of the server's own.
fn is_page_path(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    !last.contains('.') && !NOT_PAGES.iter().any(|own| path.starts_with(own))
}

/// Whether a file's name has the hash of its content, so that it never changes: `nexus-web-2c7c25b9dfd6f816_bg.wasm`.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut words = name.split(['-', '_', '.']);
    words.any(|word| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What the page may do. The one script that trunk writes into the page is allowed by its hash, and no other.
fn policy(html: &str) -> String {
    let hashes: String = inline_scripts(html)
        .map(|script| {
            format!(
                " 'sha256-{}'",
                BASE64_STANDARD.encode(digest(&SHA256, script.as_bytes()))
            )
        })
        .collect();
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{hashes}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// What stands between script tags that name no file.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (tag, body) = rest.split_once('>')?;
        let (script, _) = body.split_once("</script")?;
        (!tag.contains("src=")).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_others() {
        for (path, expected) in [
            ("/nexus-web-2c7c25b9dfd6f816.js", true),
            ("/nexus-web-2c7c25b9dfd6f816_bg.wasm", true),
            ("/gateway-0123456789abcdef.css", true),
            ("/favicon.svg", false),
            ("/nexus-web.js", false),
            ("/snippets/x-0123456789abcdef/inline0.js", false),
        ] {
            assert_eq!(is_hashed(path), expected, "{path}");
        }
    }

    #[test]
    fn pages_are_told_from_files_and_from_the_server_s_own_paths() {
        for (path, expected) in [
            ("/markets/BTC", true),
            ("/settings", true),
            ("/missing.js", false),
            ("/v1/nothing", false),
            ("/health/nothing", false),
        ] {
            assert_eq!(is_page_path(path), expected, "{path}");
        }
    }

    #[test]
    fn the_policy_allows_the_script_that_is_in_the_page_and_no_other() {
        let html = "<script type=\"module\">let a=1;</script><script src=\"/x.js\"></script>";
        // printf 'let a=1;' | openssl dgst -sha256 -binary | base64
        let policy = policy(html);
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-"),
            "{policy}"
        );
        assert_eq!(policy.matches("sha256-").count(), 1);
        assert!(!super::policy("<p>none</p>").contains("sha256-"));
    }
}
