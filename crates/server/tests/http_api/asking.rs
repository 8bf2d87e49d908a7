//! How these tests ask.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{DEADLINE, World, token};

/// Someone who asks over HTTP.
pub(crate) struct Asker<'a> {
    world: &'a World,
    http: reqwest::Client,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(world: &'a World, sub: &str, role: &str) -> Self {
        Asker::with_token(world, Some(token(sub, role, Duration::from_secs(1000))))
    }

    pub(crate) fn with_token(world: &'a World, token: Option<String>) -> Self {
        Asker {
            world,
            http: reqwest::Client::new(),
            token,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("http://{}{path}", self.world.address));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// A POST that must be done.
    pub(crate) async fn does(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert!((200..300).contains(&answer.status), "{path} {body}: {answer:?}");
        answer.body
    }

    /// A GET that must be answered.
    pub(crate) async fn sees(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = timeout(DEADLINE, request.send()).await.unwrap().unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

impl Answer {
    /// A problem document with this status and code.
    pub(crate) fn is_refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(self.body["detail"].as_str().unwrap().len() > 10, "{self:?}");
        assert!(
            self.body["title"].is_string() && self.body["type"].is_string(),
            "{self:?}"
        );
    }
}
