//! The loop on paused time, against an API server that knows one list of pods.

use std::convert::Infallible;
use std::sync::Mutex;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::config::NodeConfig;
use crate::events::recorder;
use crate::pokes::{Pokes, pokes};
use crate::provider::{PodKey, ProviderError, ProviderErrorKind, Report, Stop, StopRequest};
use crate::status::Publisher;

/// Notes when it was asked for which pod.
#[derive(Default)]
struct Asked {
    syncs: Mutex<Vec<(String, Instant)>>,
    stops: Mutex<Vec<String>>,
}

impl Asked {
    fn syncs_of(&self, name: &str) -> Vec<Instant> {
        self.syncs
            .lock()
            .unwrap()
            .iter()
            .filter(|(asked, _)| asked == name)
            .map(|(_, at)| *at)
            .collect()
    }

    async fn wait_for_syncs(&self, name: &str, count: usize) -> Vec<Instant> {
        loop {
            let syncs = self.syncs_of(name);
            if syncs.len() >= count {
                return syncs;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Provider for Asked {
    async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
        let key = PodKey::of(&pod).unwrap();
        self.syncs.lock().unwrap().push((key.name.clone(), Instant::now()));
        match key.name.as_str() {
            "fails" => Err(ProviderError::new(ProviderErrorKind::Unavailable, "Down", "no answer")),
            "panics" => panic!("a bug in the provider"),
            "hangs" => std::future::pending().await,
            "going" => {
                let status =
                    PodStatus { phase: Some("Running".to_owned()), ..PodStatus::default() };
                Ok(Report { status: Some(status), ..Report::default() })
            }
            "again" => Ok(Report { again: Some(Duration::from_secs(30)), ..Report::default() }),
            _ => Ok(Report::default()),
        }
    }

    async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
        let name = request.key.name;
        self.stops.lock().unwrap().push(name.clone());
        match name.as_str() {
            "lingers" => {
                let again = Some(Duration::from_secs(1));
                Ok(Stop::Going(Report { again, ..Report::default() }))
            }
            "stuck" => Err(ProviderError::new(ProviderErrorKind::Busy, "Busy", "not now")),
            _ => Ok(Stop::Gone(Report::default())),
        }
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        Ok(Vec::new())
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

fn pod(name: &str) -> Value {
    let containers = if name == "odd" { json!(7) } else { json!([]) };
    let mut metadata =
        json!({ "namespace": "default", "name": name, "uid": name, "resourceVersion": "1" });
    if ["lingers", "stuck", "held", "leaves"].contains(&name) {
        metadata["deletionTimestamp"] = json!("2026-01-01T00:00:30Z");
        metadata["deletionGracePeriodSeconds"] = json!(30);
    }
    if name == "held" {
        metadata["finalizers"] = json!(["example.com/reads-the-last-status"]);
    }
    json!({
        "metadata": metadata,
        "spec": { "containers": containers },
        "status": { "phase": if name == "ended" { "Succeeded" } else { "Pending" } },
    })
}

/// The names of the pods that were removed.
type Removed = Arc<Mutex<Vec<String>>>;

/// Lists these pods, then watches for ever, and lets pods be removed; refuses everything else.
fn api(names: &'static [&'static str], removed: &Removed) -> Client {
    let removed = Arc::clone(removed);
    let answer = move |request: Request<kube_client::client::Body>| {
        let (method, path) = (request.method().as_str(), request.uri().path());
        if let ("DELETE", Some((_, name))) = (method, path.rsplit_once('/')) {
            removed.lock().unwrap().push(name.to_owned());
        }
        answer(names, request)
    };
    Client::new(tower::service_fn(answer), "default")
}

async fn answer(
    names: &'static [&'static str],
    request: Request<kube_client::client::Body>,
) -> Result<Response<Body>, Infallible> {
    let watch = request.uri().query().unwrap_or_default().contains("watch=true");
    let (status, body) = match (request.method().as_str(), request.uri().path(), watch) {
        ("GET", "/api/v1/pods", true) => {
            let never = futures::stream::pending::<Result<axum::body::Bytes, Infallible>>();
            (StatusCode::OK, Body::from_stream(never))
        }
        ("GET", "/api/v1/pods", false) => {
            let pods: Vec<Value> = names.iter().map(|name| pod(name)).collect();
            (
                StatusCode::OK,
                Body::from(
                    json!({ "metadata": { "resourceVersion": "1" }, "items": pods }).to_string(),
                ),
            )
        }
        // Somebody asked for its deletion a moment before this write.
        ("PATCH", "/api/v1/namespaces/default/pods/going/status", false) => {
            let metadata = json!({
                "namespace": "default", "name": "going", "uid": "going", "resourceVersion": "3",
                "deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30,
            });
            (StatusCode::OK, Body::from(json!({ "metadata": metadata }).to_string()))
        }
        ("GET", "/api/v1/namespaces/default/pods/hidden", false) => {
            (StatusCode::OK, Body::from(pod("hidden").to_string()))
        }
        ("GET", "/api/v1/namespaces/default/pods/anew", false) => {
            let metadata = json!({ "namespace": "default", "name": "anew", "uid": "another" });
            (StatusCode::OK, Body::from(json!({ "metadata": metadata }).to_string()))
        }
        ("GET", "/api/v1/namespaces/default/pods/unknown", false) => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure",
                    "reason": "InternalError", "message": "no answer of etcd", "code": 500 });
            (StatusCode::INTERNAL_SERVER_ERROR, Body::from(status.to_string()))
        }
        ("GET", _, false) => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure",
                    "reason": "NotFound", "message": "no such pod", "code": 404 });
            (StatusCode::NOT_FOUND, Body::from(status.to_string()))
        }
        _ => (StatusCode::FORBIDDEN, Body::from("{}")),
    };
    Ok(Response::builder().status(status).body(body).unwrap())
}

struct Running {
    provider: Arc<Asked>,
    store: Arc<RwLock<Store>>,
    pokes: Pokes,
    orphans: mpsc::Sender<Held>,
    removed: Removed,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

fn run(names: &'static [&'static str], workers: usize) -> Running {
    let removed = Removed::default();
    let client = api(names, &removed);
    run_with(client, removed, workers)
}

fn run_with(client: Client, removed: Removed, workers: usize) -> Running {
    let metrics = Arc::new(Metrics::default());
    let config = Arc::new(NodeConfig::new("node", "asked"));
    let provider = Arc::new(Asked::default());
    let (events, _writer) = recorder(client.clone(), "test", "node", Arc::clone(&metrics));
    let passes = Passes {
        provider: Arc::clone(&provider),
        publisher: Publisher::new(client.clone(), Arc::clone(&config), Arc::clone(&metrics)),
        events,
        config,
        metrics: Arc::clone(&metrics),
    };
    let store = Arc::new(RwLock::new(Store::default()));
    let dispatcher = Dispatcher::new(Arc::clone(&store), Arc::new(passes), workers, metrics);
    let (pokes, poked) = pokes();
    let (orphans, found) = mpsc::channel(1);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let task =
        tokio::spawn(async move { dispatcher.run(client, "node", poked, found, token).await });
    Running { provider, store, pokes, orphans, removed, shutdown, task }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fails_is_asked_about_with_growing_pauses_for_ever() {
    let running = run(&["fails"], 4);
    let syncs = running.provider.wait_for_syncs("fails", 14).await;
    for (n, pair) in syncs.windows(2).enumerate() {
        let pause = pair[1] - pair[0];
        let longest = backoff::pause(u32::try_from(n).unwrap() + 1, 0.0);
        // A timer of tokio may be a millisecond late.
        let slack = Duration::from_millis(2);
        assert!(
            pause <= longest + slack && pause >= longest.mul_f64(0.8),
            "pause {n} was {pause:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_poke_cuts_the_pause_short() {
    let running = run(&["fails"], 4);
    let before = *running.provider.wait_for_syncs("fails", 9).await.last().unwrap();
    running.pokes.poke("fails");
    running.pokes.poke("nobody");
    let after = running.provider.wait_for_syncs("fails", 10).await[9];
    assert!(after - before < Duration::from_secs(60), "the pause would have been 200 s at least");
}

#[tokio::test(start_paused = true)]
async fn a_pass_comes_again_when_the_provider_says() {
    let running = run(&["again"], 4);
    let syncs = running.provider.wait_for_syncs("again", 3).await;
    for pair in syncs.windows(2) {
        let pause = pair[1] - pair[0];
        assert!(pause >= Duration::from_secs(30) && pause < Duration::from_secs(31), "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_hang_hold_up_nobody_else() {
    let running = run(&["panics", "hangs", "fine", "again"], 2);
    running.provider.wait_for_syncs("panics", 3).await;
    running.provider.wait_for_syncs("again", 3).await;
    assert_eq!(running.provider.syncs_of("fine").len(), 1);
    assert_eq!(running.provider.syncs_of("hangs").len(), 1, "never two at once");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_be_read_holds_up_nobody_and_is_stopped_when_it_is_gone() {
    let running = run(&["odd", "again"], 1);
    running.provider.wait_for_syncs("again", 3).await;
    assert!(running.provider.stops.lock().unwrap().is_empty(), "nothing is concluded from it");
    let gone = serde_json::from_value(pod("odd")).unwrap();
    running.store.write().unwrap().observe(watcher::Event::Delete(gone));
    running.pokes.poke("odd");
    while running.store.read().unwrap().get("odd").is_some() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*running.provider.stops.lock().unwrap(), ["odd"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_a_list_did_not_show_is_stopped_only_if_a_live_read_finds_it_gone() {
    let names = &["hidden", "unknown", "anew", "gone"];
    let running = run(names, 4);
    for name in names {
        running.provider.wait_for_syncs(name, 1).await;
    }
    // From a cache that lags, or is empty.
    running.store.write().unwrap().observe(watcher::Event::Init);
    running.store.write().unwrap().observe(watcher::Event::InitDone);
    for name in names {
        running.pokes.poke(name);
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    let mut stopped = running.provider.stops.lock().unwrap().clone();
    stopped.sort();
    assert_eq!(stopped, ["anew", "gone"], "one is there, and one could not be asked for");
    assert!(running.store.read().unwrap().get("hidden").is_some(), "and is looked at again");
}

#[tokio::test(start_paused = true)]
async fn a_pod_object_stays_until_nothing_is_left_and_its_last_status_is_written() {
    // One is on its way out, one cannot be stopped, and one has a last status, which this server refuses.
    let names = &["lingers", "stuck", "held", "leaves"];
    let running = run(names, 4);
    tokio::time::sleep(Duration::from_secs(60)).await;
    for name in names {
        assert!(running.provider.stops.lock().unwrap().iter().any(|stop| stop == name), "{name}");
    }
    let removed = running.removed.lock().unwrap().clone();
    assert!(removed.iter().all(|name| name == "leaves") && !removed.is_empty(), "{removed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_stopped_and_forgotten() {
    let running = run(&["fine"], 2);
    running.provider.wait_for_syncs("fine", 1).await;
    for name in ["old", "fine"] {
        let key = PodKey { namespace: "default".into(), name: name.into(), uid: name.into() };
        running.orphans.send(Held { key, since: None, describe: String::new() }).await.unwrap();
    }
    while running.store.read().unwrap().get("old").is_some()
        || running.provider.stops.lock().unwrap().is_empty()
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        *running.provider.stops.lock().unwrap(),
        ["old"],
        "what has a live pod is no orphan"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ended_pod_is_stopped_again_when_the_provider_has_seen_something_of_it() {
    let running = run(&["ended"], 2);
    let has_stopped = async |times: usize| {
        while running.provider.stops.lock().unwrap().len() < times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    has_stopped(1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(running.provider.stops.lock().unwrap().len(), 1, "nothing was left of it");
    running.pokes.poke("ended");
    has_stopped(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_is_not_asked_for_again_however_that_is_told() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let answer = move |request: Request<kube_client::client::Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_watch = query.contains("watch=true");
        let lists = {
            let mut asked = asked.lock().unwrap();
            asked.push(query);
            asked.iter().filter(|query| !query.contains("watch=true")).count()
        };
        async move {
            // Each list is of a later version, and the first two of them are too old when they are watched from.
            let (status, body) = match (is_watch, lists) {
                (true, 1 | 2) => {
                    let gone = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure",
                        "reason": "Expired", "message": "too old resource version", "code": 410 });
                    (StatusCode::GONE, Body::from(gone.to_string()))
                }
                (true, _) => {
                    let never = futures::stream::pending::<Result<axum::body::Bytes, Infallible>>();
                    (StatusCode::OK, Body::from_stream(never))
                }
                (false, _) => {
                    let version = json!({ "resourceVersion": lists.to_string() });
                    let pods = json!({ "metadata": version, "items": [pod("fine")] });
                    (StatusCode::OK, Body::from(pods.to_string()))
                }
            };
            Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
        }
    };
    let client = Client::new(tower::service_fn(answer), "default");
    let running = run_with(client, Removed::default(), 2);
    running.provider.wait_for_syncs("fine", 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = seen.lock().unwrap().clone();
    let watches: Vec<&String> = asked.iter().filter(|query| query.contains("watch=true")).collect();
    for (watch, version) in watches.iter().zip(1..) {
        assert!(watch.contains(&format!("resourceVersion={version}")), "{asked:?}");
    }
    assert_eq!((asked.len(), watches.len()), (6, 3), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_when_told_even_if_a_pass_hangs() {
    let running = run(&["hangs"], 2);
    running.provider.wait_for_syncs("hangs", 1).await;
    running.shutdown.cancel();
    running.task.await.unwrap();
    assert!(running.provider.stops.lock().unwrap().is_empty(), "pods keep running");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_only_the_answer_to_a_write_shows_is_not_missed() {
    let running = run(&["going"], 4);
    running.provider.wait_for_syncs("going", 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The API server of this test does not let it go, so it may be asked for again.
    let first = running.provider.stops.lock().unwrap().first().cloned();
    assert_eq!(first.as_deref(), Some("going"));
    running.shutdown.cancel();
    running.task.await.unwrap();
}
