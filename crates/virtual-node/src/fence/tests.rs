use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, Pod};
use kube_client::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube_client::client::Body as KubeBody;
use kube_client::{Client, Error};
use serde_json::json;
use tower::Layer;

use super::*;

/// What came, as `METHOD path`.
type Seen = Arc<Mutex<Vec<String>>>;

fn until(seconds: u64) -> Until {
    let span = Duration::from_secs(seconds);
    Until { monotonic: Instant::now() + span, wall: crate::clock::now() + span }
}

/// A client whose requests go to a service that takes everything.
fn client(fence: &Fence) -> (Client, Seen) {
    let seen = Seen::default();
    let journal = Arc::clone(&seen);
    let service = tower::service_fn(move |request: Request<KubeBody>| {
        let line = format!("{} {}", request.method(), request.uri().path());
        journal.lock().unwrap().push(line);
        async { Ok::<_, Infallible>(Response::new(Body::from("{\"metadata\":{},\"items\":[]}"))) }
    });
    (Client::new(FenceLayer::new(fence).layer(service), "default"), seen)
}

/// Every kind of change that a node makes.
async fn change_everything(client: &Client) -> Vec<Result<(), Error>> {
    let (post, patch) = (PostParams::default(), PatchParams::default());
    let change = Patch::Merge(json!({}));
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let nodes: Api<Node> = Api::all(client.clone());
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    vec![
        pods.patch_status("p", &patch, &change).await.map(drop),
        pods.delete("p", &DeleteParams::default()).await.map(drop),
        nodes.create(&post, &Node::default()).await.map(drop),
        nodes.patch("n", &patch, &change).await.map(drop),
        nodes.patch_status("n", &patch, &change).await.map(drop),
        leases.create(&post, &Lease::default()).await.map(drop),
        leases.replace("n", &post, &Lease::default()).await.map(drop),
        events.create(&post, &Event::default()).await.map(drop),
        events.patch("e", &patch, &change).await.map(drop),
        maps.create(&post, &ConfigMap::default()).await.map(drop),
        maps.replace("vk-triton-n", &post, &ConfigMap::default()).await.map(drop),
    ]
}

#[tokio::test(start_paused = true)]
async fn behind_a_closed_fence_no_change_of_any_kind_is_sent() {
    let fence = Fence::closed();
    let (client, seen) = client(&fence);
    let outcomes = change_everything(&client).await;
    for outcome in &outcomes {
        let Err(Error::Service(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.is::<Fenced>(), "{error:?}");
    }
    assert!(seen.lock().unwrap().is_empty(), "{seen:?}");
    assert_eq!(fence.refusals(), outcomes.len() as u64);

    fence.open_until(until(10));
    let sent = change_everything(&client).await.len();
    assert_eq!(seen.lock().unwrap().len(), sent, "and all of them are sent through an open one");
}

#[tokio::test(start_paused = true)]
async fn reads_and_reviews_need_no_right() {
    let fence = Fence::closed();
    let (client, seen) = client(&fence);
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.list(&ListParams::default()).await.unwrap();
    for path in kube::REVIEWS {
        let request = Request::post(path).body(KubeBody::empty()).unwrap();
        client.send(request).await.unwrap();
    }
    assert_eq!(seen.lock().unwrap().len(), 3);
    assert_eq!(fence.refusals(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fence_closes_by_itself_and_is_asked_for_every_request() {
    let fence = Fence::closed();
    let (client, seen) = client(&fence);
    let nodes: Api<Node> = Api::all(client);
    fence.open_until(until(10));
    nodes.create(&PostParams::default(), &Node::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    nodes.create(&PostParams::default(), &Node::default()).await.unwrap_err();
    fence.open_until(until(10));
    nodes.create(&PostParams::default(), &Node::default()).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_was_shut_stays_shut() {
    let fence = Fence::closed();
    let clone = fence.clone();
    fence.open_until(until(10));
    assert_eq!(clone.check(), Ok(()));
    clone.shut();
    fence.open_until(until(10));
    assert_eq!(fence.check(), Err(Fenced));
}

#[tokio::test(start_paused = true)]
async fn a_fence_without_competitors_never_closes() {
    let fence = Fence::open_for_ever();
    tokio::time::sleep(Duration::from_secs(1_000_000)).await;
    fence.shut();
    assert_eq!(fence.check(), Ok(()));
}

/// A machine that slept: its monotonic clock did not move, its wall clock did.
#[tokio::test(start_paused = true)]
async fn either_clock_closes_a_fence() {
    let (now, wall) = (Instant::now(), Timestamp::UNIX_EPOCH);
    let second = Duration::from_secs(1);
    let open = State::Open(Until { monotonic: now + second * 10, wall: wall + second * 10 });
    #[track_caller]
    fn check(state: State, now: Instant, wall: Timestamp, is_open: bool) {
        assert_eq!(state.is_open(now, wall), is_open);
    }
    check(open, now + second * 9, wall + second * 9, true);
    check(open, now + second * 10, wall, false);
    check(open, now, wall + second * 10, false);
    check(open, now, wall - second * 10_000, true);
    check(State::Closed, now, wall, false);
    check(State::Shut, now, wall, false);
}

#[test]
fn only_reads_and_the_reviews_themselves_are_no_changes() {
    #[track_caller]
    fn check(method: Method, path: &str, is_change: bool) {
        assert_eq!(kube::is_change(&method, path), is_change, "{method} {path}");
    }
    check(Method::GET, "/api/v1/nodes", false);
    check(Method::HEAD, "/api/v1/nodes", false);
    check(Method::POST, "/apis/authentication.k8s.io/v1/tokenreviews", false);
    check(Method::POST, "/apis/authorization.k8s.io/v1/subjectaccessreviews", false);
    check(Method::POST, "/api/v1/namespaces/tokenreviews/pods", true);
    check(Method::DELETE, "/apis/authentication.k8s.io/v1/tokenreviews", true);
    check(Method::PUT, "/api/v1/nodes/n", true);
    check(Method::PATCH, "/api/v1/nodes/n/status", true);
    check(Method::OPTIONS, "/api/v1/nodes/n", true);
}

#[test]
fn a_client_behind_the_fence_repeats_nothing_and_is_not_long_in_connecting() {
    for given in [None, Some(Duration::from_secs(30)), Some(Duration::from_secs(1))] {
        let mut config = kube_client::Config::new("http://127.0.0.1".parse().unwrap());
        config.connect_timeout = given;
        let config = kube::without_delays(config);
        assert!(!config.default_retry);
        assert_eq!(
            config.connect_timeout,
            given.map_or(Some(CONNECT_LIMIT), |given| Some(given.min(CONNECT_LIMIT)))
        );
    }
}

/// kube-client repeats what was answered with 429, 503 or 504, for minutes, below any layer: no fence would be asked.
#[tokio::test]
async fn a_change_that_is_turned_away_is_not_repeated_behind_the_fences_back() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let router = axum::Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        http::StatusCode::SERVICE_UNAVAILABLE
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let config = kube_client::Config::new(url.parse().unwrap());
    let nodes: Api<Node> = Api::all(fenced_client(config, &Fence::open_for_ever()).unwrap());
    nodes.create(&PostParams::default(), &Node::default()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    serving.abort();
}
