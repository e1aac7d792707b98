//! One call to one API server. What an earlier answer has told, a later call can use.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube_client::Client;
use kube_client::client::Body;
use serde_json::Value;

/// How long a watch is listened to for each event that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) method: Method,
    /// Path and query; `{NAME.uid}`, `{NAME.version}` and `{NAME.first}` stand for what was told of the object last,
    /// or at first.
    pub(crate) target: String,
    /// Content type of a patch.
    pub(crate) patch: Option<&'static str>,
    /// Only metadata is asked for.
    pub(crate) is_metadata: bool,
    /// As text, with the same placeholders.
    pub(crate) body: String,
    /// Of a watch: how many events are waited for.
    pub(crate) events: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    /// Of a watch: its events.
    pub(crate) events: Vec<Value>,
    /// Whether the object that it shows has another version than when it was last shown.
    pub(crate) has_moved: bool,
}

/// An API server, and what it has told.
pub(crate) struct Server {
    name: &'static str,
    client: Client,
    told: BTreeMap<String, String>,
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.target, self.body)
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn new(name: &'static str, client: Client) -> Self {
        Self { name, client, told: BTreeMap::new() }
    }

    pub(crate) async fn ask(&mut self, step: &Step) -> Answer {
        let target = self.fill(&step.target);
        let body = self.fill(&step.body);
        let accept = if step.is_metadata {
            let list = if step.target.contains("/pods/") { "" } else { "List" };
            &format!("application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1")
        } else {
            "application/json"
        };
        let request = Request::builder()
            .method(step.method.clone())
            .uri(&target)
            .header("accept", accept)
            .header("content-type", step.patch.unwrap_or("application/json"))
            .body(Body::from(body.into_bytes()))
            .unwrap();
        let answer = self.client.send(request).await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {step}: {error}", self.name));
        let code = answer.status().as_u16();
        if step.events > 0 {
            let events = read_events(answer.into_body(), step.events).await;
            return Answer { code, body: Value::Null, events, has_moved: false };
        }
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        let has_moved = self.learn(&body);
        Answer { code, body, events: Vec::new(), has_moved }
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (key, value) in &self.told {
            text = text.replace(&format!("{{{key}}}"), value);
        }
        text
    }

    /// Remembers identity and version of what is shown, and how a list goes on.
    fn learn(&mut self, body: &Value) -> bool {
        let read =
            |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        if let Some(version) =
            read("/metadata/resourceVersion").filter(|_| body.get("items").is_some())
        {
            self.told.insert("list.version".to_owned(), version);
            let next = read("/metadata/continue").unwrap_or_default();
            self.told.insert("list.next".to_owned(), next);
            return false;
        }
        let Some((name, version)) = read("/metadata/name").zip(read("/metadata/resourceVersion"))
        else {
            return false;
        };
        self.told.insert(format!("{name}.uid"), read("/metadata/uid").unwrap_or_default());
        self.told.entry(format!("{name}.first")).or_insert_with(|| version.clone());
        let before = self.told.insert(format!("{name}.version"), version.clone());
        before.is_some_and(|before| before != version)
    }
}

/// So many events of a watch, or those that come in good time.
async fn read_events(body: Body, wanted: usize) -> Vec<Value> {
    let mut pieces = body.into_data_stream();
    let (mut text, mut events) = (Vec::new(), Vec::new());
    while events.len() < wanted {
        let piece = tokio::time::timeout(PATIENCE, pieces.next()).await;
        let Ok(Some(Ok(piece))) = piece else { break };
        text.extend_from_slice(&piece);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            events.push(serde_json::from_slice(&line).unwrap());
        }
    }
    events
}
