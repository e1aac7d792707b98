//! The search against an API server that answers what a test says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Mutex;

use axum::body::Body;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube_client::client::Body as KubeBody;
use serde_json::{Value, json};

use super::*;
use crate::events::recorder;
use crate::provider::{PodKey, Report, Stop, StopRequest};

const RELEASE: &str = "example.com/let-go";

/// What the API server knows, and what was done to it.
#[derive(Default)]
struct Server {
    /// Pages of the list of pods; a number is an error of that status.
    pages: Vec<Value>,
    /// Pods by name; a number is an error of that status.
    pods: HashMap<String, Value>,
    /// The annotation on the Node.
    release: Option<String>,
    /// What came, as `METHOD path`.
    journal: Vec<String>,
    /// What the Node was last changed by.
    patch: Value,
}

/// Holds what it is told to, and notes in the server's journal when it was asked.
struct Holder(Vec<Held>, Arc<Mutex<Server>>);

impl Provider for Holder {
    async fn sync(&self, _: Arc<Pod>) -> Result<Report, ProviderError> {
        Ok(Report::default())
    }

    async fn stop(&self, _: StopRequest) -> Result<Stop, ProviderError> {
        Ok(Stop::Gone(Report::default()))
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        self.1.lock().unwrap().journal.push("LIST what is held".to_owned());
        Ok(self.0.clone())
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// A search, and what it has found.
struct Stage {
    search: Search<Holder>,
    rounds: Rounds,
    found: mpsc::Receiver<Held>,
    server: Arc<Mutex<Server>>,
}

fn held(n: usize) -> Held {
    let key = PodKey { namespace: "default".into(), name: format!("p{n}"), uid: format!("u{n}") };
    Held { key, since: Some(Timestamp::UNIX_EPOCH), describe: format!("thing {n}") }
}

fn pod(n: usize) -> Value {
    json!({ "metadata": { "namespace": "default", "name": format!("p{n}"), "uid": format!("u{n}") } })
}

/// One page of pods; `more` is the token of the next one.
fn page(pods: &[Value], more: &str) -> Value {
    json!({ "kind": "PartialObjectMetadataList", "metadata": { "continue": more }, "items": pods })
}

fn answer(server: &mut Server, request: &Request<KubeBody>) -> (u16, Value) {
    let (method, path) = (request.method(), request.uri().path());
    server.journal.push(format!("{method} {path}"));
    let refused = |code: u64| {
        let reason = if code == 404 { "NotFound" } else { "Other" };
        let status = json!({
            "kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": reason,
        });
        (u16::try_from(code).unwrap(), status)
    };
    if let Some(name) = path.strip_prefix("/api/v1/namespaces/default/pods/") {
        let pod = server.pods.get(name).cloned().unwrap_or(json!(404));
        return pod.as_u64().map_or((200, pod), refused);
    }
    match (method, path) {
        (&Method::GET, "/api/v1/pods") => {
            let second =
                request.uri().query().is_some_and(|query| query.contains("continue=second"));
            let page = server.pages[usize::from(second)].clone();
            page.as_u64().map_or((200, page), refused)
        }
        (&Method::PATCH, "/api/v1/nodes/vk") => {
            server.release = None;
            (200, json!({ "metadata": { "name": "vk" } }))
        }
        _ => {
            let annotations = server.release.as_ref().map(|value| json!({ RELEASE: value }));
            (
                200,
                json!({ "metadata": { "name": "vk", "resourceVersion": "7", "annotations": annotations } }),
            )
        }
    }
}

// === impl Stage ===

impl Stage {
    fn set(held: Vec<Held>, server: Server) -> Self {
        let server = Arc::new(Mutex::new(server));
        let here = Arc::clone(&server);
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let (status, body) = answer(&mut here.lock().unwrap(), &request);
            let response = Response::builder().status(status).body(Body::from(body.to_string()));
            let (here, is_patch) = (Arc::clone(&here), request.method() == Method::PATCH);
            async move {
                if is_patch {
                    let patch = request.into_body().collect_bytes().await.unwrap();
                    here.lock().unwrap().patch = serde_json::from_slice(&patch).unwrap();
                }
                Ok::<_, Infallible>(response.unwrap())
            }
        });
        let client = Client::new(service, "default");
        let metrics = Arc::new(Metrics::default());
        let (events, _) = recorder(client.clone(), "test", "vk", Arc::clone(&metrics));
        let mut config = NodeConfig::new("vk", "test");
        config.orphan_release = Some(RELEASE.to_owned());
        let (sender, found) = mpsc::channel(64);
        let search = Search {
            client,
            config: Arc::new(config),
            provider: Arc::new(Holder(held, Arc::clone(&server))),
            store: Arc::default(),
            found: sender,
            events,
            metrics,
            conditions: ExtraConditions::default(),
        };
        Self { search, rounds: Rounds::default(), found, server }
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.search.round(&mut self.rounds).await
    }

    /// The names of what was found so far.
    fn found(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Ok(held) = self.found.try_recv() {
            names.push(held.key.name);
        }
        names.sort();
        names
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }
}

// azure-aci's sweep logged that it could not list the pods, and went on with what it had.
#[tokio::test]
async fn a_list_of_pods_that_fails_or_breaks_off_ends_the_round() {
    for pages in [
        vec![json!(500)],
        vec![json!(403)],
        vec![page(&[], "second"), json!(410)],
        vec![page(&[pod(1)], "second"), json!(500)],
    ] {
        let mut stage = Stage::set(vec![held(0), held(1)], Server { pages, ..Server::default() });
        for _ in 0..4 {
            assert!(matches!(stage.round().await, Err(RoundError::Pods(_))));
        }
        assert_eq!(stage.found(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_pod_on_the_second_page_is_live() {
    let pages = vec![page(&[pod(9)], "second"), page(&[pod(0)], "")];
    let mut stage = Stage::set(vec![held(0), held(1)], Server { pages, ..Server::default() });
    for _ in 0..2 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found(), ["p1"]);
}

/// Else a pod that comes in between, and what is made for it, would look like an orphan.
#[tokio::test]
async fn what_is_held_is_listed_before_the_pods_that_want_it() {
    let pages = vec![page(&[pod(0)], "")];
    let mut stage = Stage::set(vec![held(0)], Server { pages, ..Server::default() });
    stage.round().await.unwrap();
    let journal = stage.server().journal.clone();
    assert_eq!(journal[..2], ["LIST what is held", "GET /api/v1/pods"]);
}

#[tokio::test]
async fn the_pod_is_read_once_more_before_anything_is_stopped() {
    // The list misses one that the read does not; one cannot be read; one is another of the same name.
    let mut another = pod(3);
    another["metadata"]["uid"] = json!("another");
    let pods = [("p0", pod(0)), ("p2", json!(500)), ("p3", another)];
    let pods = pods.map(|(name, pod)| (name.to_owned(), pod)).into();
    let mut stage = Stage::set(
        (0..4).map(held).collect(),
        Server { pages: vec![page(&[], "")], pods, ..Server::default() },
    );
    for _ in 0..2 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found(), ["p1", "p3"]);
}

/// Twenty orphans, with the release that the Node carries.
fn braked(release: Option<&str>) -> Stage {
    let release = release.map(str::to_owned);
    let server = Server { pages: vec![page(&[pod(99)], "")], release, ..Server::default() };
    Stage::set((0..20).map(held).collect(), server)
}

#[tokio::test]
async fn a_release_is_taken_off_before_it_takes_effect_and_is_good_for_once() {
    let mut stage = braked(Some("3"));
    for _ in 0..2 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found().len(), 3);
    let journal = stage.server().journal.clone();
    let taken = journal.iter().position(|line| line == "PATCH /api/v1/nodes/vk").unwrap();
    let read = journal.iter().position(|line| line.contains("/pods/p")).unwrap();
    assert!(taken < read, "{journal:#?}");
    let patch = stage.server().patch.clone();
    assert_eq!(patch["metadata"]["resourceVersion"], "7", "the Node as it was read: {patch}");
    for _ in 0..3 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found(), Vec::<String>::new(), "the scripted provider holds them still");
}

#[tokio::test]
async fn without_a_release_or_with_nonsense_nothing_goes() {
    for release in [None, Some("all"), Some("default/other")] {
        let mut stage = braked(release);
        for _ in 0..4 {
            stage.round().await.unwrap();
        }
        assert_eq!(stage.found(), Vec::<String>::new(), "{release:?}");
        assert_eq!(stage.server().release.as_deref(), release, "it stays to be mended");
    }
}

#[tokio::test]
async fn a_released_orphan_whose_pod_is_there_after_all_stays() {
    let mut stage = braked(Some("default/p0,default/p1"));
    stage.server().pods.insert("p0".to_owned(), pod(0));
    for _ in 0..2 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found(), ["p1"]);
}

#[tokio::test]
async fn a_release_without_an_orphan_is_taken_off() {
    let release = Some("20".to_owned());
    let mut stage = Stage::set(
        vec![held(0)],
        Server { pages: vec![page(&[pod(0)], "")], release, ..Server::default() },
    );
    stage.round().await.unwrap();
    assert_eq!(stage.server().release, None);
}

#[tokio::test]
async fn a_release_at_the_start_is_for_so_many_in_the_life_of_the_process() {
    let mut stage = braked(None);
    stage.rounds.released = 4;
    for _ in 0..4 {
        stage.round().await.unwrap();
    }
    assert_eq!(stage.found().len(), 4);
}
