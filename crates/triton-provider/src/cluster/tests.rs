//! The journal's ConfigMap, against an API server that keeps one object.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use kube_client::client::Body as KubeBody;
use serde_json::{Value, json};

use super::*;

/// The object, and how often it was written.
#[derive(Default)]
struct Server {
    object: Option<Value>,
    version: u64,
}

// === impl Server ===

impl Server {
    /// As API servers keep ConfigMaps: a write that names no version replaces whatever is there.
    fn answer(&mut self, method: &Method, mut body: Value) -> (StatusCode, Value) {
        let there =
            self.object.as_ref().map(|object| object["metadata"]["resourceVersion"].clone());
        let named = body["metadata"].get("resourceVersion").cloned();
        match (method, there) {
            (&Method::GET, Some(_)) => (StatusCode::OK, self.object.clone().unwrap()),
            (&Method::GET | &Method::PUT, None) => refusal(StatusCode::NOT_FOUND),
            (&Method::POST, Some(_)) => refusal(StatusCode::CONFLICT),
            (&Method::PUT, there) if named.is_some() && named != there => {
                refusal(StatusCode::CONFLICT)
            }
            _ => {
                self.version += 1;
                body["metadata"]["resourceVersion"] = json!(self.version.to_string());
                self.object = Some(body.clone());
                (StatusCode::OK, body)
            }
        }
    }
}

fn refusal(code: StatusCode) -> (StatusCode, Value) {
    let message = code.canonical_reason().unwrap_or_default();
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code.as_u16(),
        "message": message, "reason": message.replace(' ', ""),
    });
    (code, status)
}

/// A cluster whose API server is this one.
fn cluster(server: &Arc<Mutex<Server>>) -> KubeCluster {
    let server = Arc::clone(server);
    let service = tower::service_fn(move |request: Request<KubeBody>| {
        let server = Arc::clone(&server);
        async move {
            let method = request.method().clone();
            let body = request.into_body().collect_bytes().await.unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, answer) = server.lock().unwrap().answer(&method, body);
            let response = Response::builder().status(status);
            Ok::<_, Infallible>(response.body(Body::from(answer.to_string())).unwrap())
        }
    });
    KubeCluster::new(Client::new(service, "default"), "kube-system", "node")
}

#[track_caller]
fn check_conflict(saved: Result<String, ClusterError>) {
    assert!(matches!(saved, Err(ClusterError::Conflict)), "{saved:?}");
}

#[tokio::test]
async fn of_two_who_read_the_same_journal_only_the_first_can_write_it() {
    let server = Arc::default();
    let (one, other) = (cluster(&server), cluster(&server));
    assert_eq!(one.load_journal().await.unwrap(), Stored::default(), "there is none yet");
    let version = one.save_journal(None, "first".to_owned()).await.unwrap();
    check_conflict(other.save_journal(None, "other".to_owned()).await);
    let read = other.load_journal().await.unwrap();
    assert_eq!(read, Stored { version: Some(version), text: Some("first".to_owned()) });
    one.save_journal(read.version.clone(), "second".to_owned()).await.unwrap();
    check_conflict(other.save_journal(read.version, "other".to_owned()).await);
    assert_eq!(one.load_journal().await.unwrap().text.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_journal_that_was_deleted_is_not_written_over() {
    let server = Arc::default();
    let one = cluster(&server);
    let version = one.save_journal(None, "first".to_owned()).await.unwrap();
    server.lock().unwrap().object = None;
    check_conflict(one.save_journal(Some(version), "second".to_owned()).await);
    assert_eq!(one.load_journal().await.unwrap(), Stored::default());
}
