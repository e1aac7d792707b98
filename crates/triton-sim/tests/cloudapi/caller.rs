//! Somebody with a key who calls the simulator.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use triton_signature::http::{KeyId, sign};
use triton_signature::{PrivateKey, Signer};
use triton_sim::{Delays, Sim, SimBuilder};

/// Made for this test with ssh-keygen; it opens nothing.
const PRIVATE: &str = include_str!("key");
pub(crate) const PUBLIC: &str = include_str!("key.pub");

pub(crate) const PACKAGE: &str = "b87c2a29-6b6a-6d19-ea65-aa81e680002c";
pub(crate) const IMAGE: &str = "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b";

/// A simulator in process, and account `jill` at its door.
pub(crate) struct Caller {
    pub(crate) sim: Sim,
    pub(crate) signer: Signer,
    pub(crate) key_id: KeyId,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
}

/// A simulator without delays, throttle or sockets, and one account.
pub(crate) fn quiet() -> SimBuilder {
    Sim::builder().account("jill").key(PUBLIC).delays(Delays::none()).throttle(None).listen(false)
}

/// A call of the control API: its status and JSON.
pub(crate) async fn control(caller: &Caller, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("/--sim/{path}"));
    let reply = caller.send(request.body(Body::from(body.to_owned())).unwrap()).await;
    (reply.status, reply.body)
}

impl Caller {
    pub(crate) fn of(builder: SimBuilder) -> Self {
        let signer = Signer::Key(PrivateKey::from_text(PRIVATE, None).unwrap());
        let key_id = KeyId::new("jill", signer.public_key().md5_fingerprint());
        Self { sim: builder.build().unwrap(), signer, key_id }
    }

    pub(crate) fn new() -> Self {
        Self::of(quiet())
    }

    /// A signed request; the caller's clock is the simulator's plus `skew_seconds`.
    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        skew_seconds: i64,
    ) -> http::request::Builder {
        let skew = Duration::from_secs(skew_seconds.unsigned_abs());
        let now = SystemTime::from(self.sim.now());
        let date = httpdate::fmt_http_date(if skew_seconds < 0 { now - skew } else { now + skew });
        let authorization = sign(&self.signer, &self.key_id, method, target, &date).await.unwrap();
        let request = Request::builder().method(method).uri(target);
        request.header("date", date).header("authorization", authorization.to_string())
    }

    /// Sends whatever it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        self.try_send(request).await.unwrap()
    }

    /// Sends whatever it is; `None` when the answer broke off.
    pub(crate) async fn try_send(&self, request: Request<Body>) -> Option<Reply> {
        let response = self.sim.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body, bytes })
    }

    /// GET, when the answer may break off.
    pub(crate) async fn try_get(&self, target: &str) -> Option<Reply> {
        let request = self.request("GET", target, 0).await;
        self.try_send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        let request = self.request("GET", target, 0).await;
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, target: &str) -> Reply {
        let request = self.request("DELETE", target, 0).await;
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// POST or PUT with JSON.
    pub(crate) async fn send_json(&self, method: &str, target: &str, body: &Value) -> Reply {
        let request =
            self.request(method, target, 0).await.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Reply {
        self.send_json("POST", target, body).await
    }

    /// Creates an instance with these parameters beside package and image; returns its id.
    pub(crate) async fn create(&self, more: &Value) -> String {
        let reply = self.try_create(more).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_create(&self, more: &Value) -> Reply {
        let mut body = json!({ "package": PACKAGE, "image": IMAGE });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/my/machines", &body).await
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
