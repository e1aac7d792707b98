//! Whole nodes on paused time, against an API server with one Node, one Lease and a list of pods.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use k8s_openapi::api::core::v1::Pod;
use kube_client::client::Body as KubeBody;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::config::WORKERS;
use crate::pokes::pokes;
use crate::provider::{Held, ProviderError, Report, Stop, StopRequest};

/// Renewals are ten seconds apart and a jitter of 4 %; beside it a moment, as timers are of whole milliseconds.
const ON_TIME: Duration = Duration::from_millis(10_410);

/// Never answers, whatever it is asked.
#[derive(Default)]
struct Hung {
    syncs: AtomicUsize,
    pings: AtomicUsize,
}

impl Provider for Hung {
    async fn sync(&self, _: Arc<Pod>) -> Result<Report, ProviderError> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn stop(&self, _: StopRequest) -> Result<Stop, ProviderError> {
        std::future::pending().await
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        std::future::pending().await
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        self.pings.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

/// Says yes, and knows no pods.
struct Well;

impl Pulse for Well {
    async fn ping(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

#[derive(Default)]
struct Server {
    pods: usize,
    node: Mutex<Option<Value>>,
    lease: Mutex<Option<Value>>,
    renewals: Mutex<Vec<Instant>>,
    /// What was asked for: `nodes`, `leases`, `pods`, `events`.
    asked: Mutex<BTreeSet<&'static str>>,
}

impl Server {
    fn client(self: &Arc<Self>) -> Client {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let server = Arc::clone(&server);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                Ok::<_, Infallible>(server.answer(parts.method.as_str(), &parts.uri, body))
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &str, uri: &http::Uri, body: Value) -> Response<Body> {
        let path = uri.path();
        if path.starts_with("/api/v1/nodes") {
            self.asked.lock().unwrap().insert("nodes");
            return self.nodes(method, path, body);
        }
        if path.contains("/leases") {
            self.asked.lock().unwrap().insert("leases");
            let mut lease = self.lease.lock().unwrap();
            if method != "GET" {
                self.renewals.lock().unwrap().push(Instant::now());
                *lease = Some(body);
            }
            return found(lease.clone());
        }
        if path.ends_with("/events") {
            self.asked.lock().unwrap().insert("events");
            return found(Some(body));
        }
        self.asked.lock().unwrap().insert("pods");
        if uri.query().unwrap_or_default().contains("watch=true") {
            let never = futures::stream::pending::<Result<axum::body::Bytes, Infallible>>();
            return Response::new(Body::from_stream(never));
        }
        let pod = |n: usize| {
            json!({
                "metadata": { "namespace": "default", "name": format!("p{n}"), "uid": n.to_string(), "resourceVersion": "1" },
                "spec": { "containers": [{ "name": "c" }] },
            })
        };
        let pods: Vec<Value> = (0..self.pods).map(pod).collect();
        found(Some(json!({ "metadata": { "resourceVersion": "1" }, "items": pods })))
    }

    fn nodes(&self, method: &str, path: &str, body: Value) -> Response<Body> {
        let mut node = self.node.lock().unwrap();
        match (method, &mut *node) {
            ("POST", None) => {
                let mut made = body;
                made["metadata"]["uid"] = json!("u1");
                *node = Some(made);
            }
            ("PATCH", Some(node)) => {
                let part = if path.ends_with("/status") { "status" } else { "spec" };
                for (field, value) in body[part].as_object().into_iter().flatten() {
                    node[part][field] = value.clone();
                }
            }
            _ => {}
        }
        let mut told = node.clone();
        // The order to replace a list is no element of it.
        if let Some(addresses) =
            told.as_mut().and_then(|node| node["status"]["addresses"].as_array_mut())
        {
            addresses.retain(|address| address.get("$patch").is_none());
        }
        found(told)
    }

    fn condition(&self, type_: &str) -> Option<String> {
        let node = self.node.lock().unwrap().clone()?;
        let conditions = node["status"]["conditions"].as_array()?.clone();
        let found = conditions.into_iter().find(|condition| condition["type"] == type_)?;
        found["status"].as_str().map(ToOwned::to_owned)
    }

    fn allocatable(&self, resource: &str) -> Option<String> {
        let node = self.node.lock().unwrap().clone()?;
        node["status"]["allocatable"][resource].as_str().map(ToOwned::to_owned)
    }

    fn asked(&self) -> Vec<&'static str> {
        self.asked.lock().unwrap().iter().copied().collect()
    }
}

fn found(value: Option<Value>) -> Response<Body> {
    let missing = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": "NotFound", "message": "not there", "code": 404 });
    let code = if value.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let body = Body::from(value.unwrap_or(missing).to_string());
    Response::builder().status(code).body(body).unwrap()
}

fn config() -> NodeConfig {
    let mut config = NodeConfig::new("vk", "test");
    config.capacity.insert("pods".to_owned(), "10".to_owned());
    config
}

/// Lets a node run for so long, then ends it.
async fn run_for(
    time: Duration,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), StartError>>,
) {
    tokio::time::sleep(time).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_a_thousand_pods_whose_provider_hangs_in_every_call_the_lease_is_renewed_on_time() {
    let server = Arc::new(Server { pods: 1000, ..Server::default() });
    let provider = Arc::new(Hung::default());
    let (_pokes, poked) = pokes();
    let shutdown = CancellationToken::new();
    let node = VirtualNode::builder(server.client(), Arc::clone(&provider), poked)
        .config(config())
        .build();
    let running = tokio::spawn(node.run(shutdown.clone()));
    run_for(Duration::from_secs(30 * 60), shutdown, running).await;

    assert!(provider.syncs.load(Ordering::SeqCst) >= WORKERS, "every worker hung");
    assert!(provider.pings.load(Ordering::SeqCst) > 100, "pings are given up");
    let renewals = server.renewals.lock().unwrap().clone();
    assert!(renewals.len() >= 30 * 60 / 11, "{}", renewals.len());
    let late = renewals.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(late <= ON_TIME, "the longest pause was {late:?}");
    assert_eq!(server.condition("Ready").as_deref(), Some("True"));
    assert_eq!(server.condition("ProviderReachable").as_deref(), Some("False"));
}

#[tokio::test(start_paused = true)]
async fn the_node_says_what_it_can_hold_as_that_changes() {
    let server = Arc::new(Server::default());
    let (_pokes, poked) = pokes();
    let shutdown = CancellationToken::new();
    let capacity = watch::Sender::new(config().capacity());
    let node = VirtualNode::builder(server.client(), Arc::new(Well), poked)
        .config(config())
        .capacity(capacity.subscribe())
        .build();
    let running = tokio::spawn(node.run_node_only(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.allocatable("pods").as_deref(), Some("10"));

    capacity.send_modify(|capacity| {
        capacity.total.insert("pods".to_owned(), "12".to_owned());
        capacity.allocatable.insert("pods".to_owned(), "7".to_owned());
    });
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(server.allocatable("pods").as_deref(), Some("7"));

    // Who told it may go; what was told last stays.
    drop(capacity);
    run_for(Duration::from_secs(10 * 60), shutdown, running).await;
    assert_eq!(server.allocatable("pods").as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn a_node_is_kept_without_its_pods() {
    let server = Arc::new(Server { pods: 3, ..Server::default() });
    let (_pokes, poked) = pokes();
    let shutdown = CancellationToken::new();
    let node =
        VirtualNode::builder(server.client(), Arc::new(Well), poked).config(config()).build();
    let running = tokio::spawn(node.run_node_only(shutdown.clone()));
    run_for(Duration::from_secs(60), shutdown, running).await;
    assert_eq!(server.condition("Ready").as_deref(), Some("True"));
    assert_eq!(server.asked(), ["leases", "nodes"]);
}

#[tokio::test(start_paused = true)]
async fn pods_are_run_without_keeping_their_node() {
    let server = Arc::new(Server { pods: 3, ..Server::default() });
    let provider = Arc::new(Hung::default());
    let (_pokes, poked) = pokes();
    let shutdown = CancellationToken::new();
    let node = VirtualNode::builder(server.client(), Arc::clone(&provider), poked)
        .config(config())
        .build();
    let running = tokio::spawn(node.run_pods_only(shutdown.clone()));
    run_for(Duration::from_secs(60), shutdown, running).await;
    assert_eq!(provider.syncs.load(Ordering::SeqCst), 3);
    assert_eq!(provider.pings.load(Ordering::SeqCst), 0);
    assert_eq!(server.asked(), ["pods"]);
}
