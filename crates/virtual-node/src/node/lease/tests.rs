//! Renewals on paused time.

use std::convert::Infallible;
use std::sync::Mutex;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use kube_client::client::Body as KubeBody;
use serde_json::{Value, json};

use super::*;

/// An API server with one lease, whose answers to writes follow a script: `.` takes it, `c` is a conflict, `x` fails.
#[derive(Default)]
struct Server {
    lease: Mutex<Option<Value>>,
    script: Mutex<String>,
    writes: Mutex<Vec<Instant>>,
}

impl Server {
    fn client(self: &Arc<Self>) -> Client {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let server = Arc::clone(&server);
            async move {
                let method = request.method().as_str().to_owned();
                let body = request.into_body().collect_bytes().await.unwrap_or_default();
                let (status, answer) =
                    server.answer(&method, serde_json::from_slice(&body).unwrap_or_default());
                let body = Body::from(answer.to_string());
                Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &str, body: Value) -> (StatusCode, Value) {
        let refuse = |code: StatusCode| {
            (
                code,
                // Clients tell an object that is not there by the reason.
                json!({ "status": "Failure", "code": code.as_u16(), "message": "as scripted",
                    "reason": code.canonical_reason().unwrap_or_default().replace(' ', "") }),
            )
        };
        let mut lease = self.lease.lock().unwrap();
        if method == "GET" {
            return lease
                .clone()
                .map_or(refuse(StatusCode::NOT_FOUND), |lease| (StatusCode::OK, lease));
        }
        self.writes.lock().unwrap().push(Instant::now());
        let mut script = self.script.lock().unwrap();
        let next = if script.is_empty() { '.' } else { script.remove(0) };
        match next {
            'c' => refuse(StatusCode::CONFLICT),
            'x' => refuse(StatusCode::INTERNAL_SERVER_ERROR),
            _ => {
                let held = lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
                assert_eq!(
                    held,
                    body["metadata"].get("resourceVersion").cloned(),
                    "a write is optimistic"
                );
                let version = self.writes.lock().unwrap().len().to_string();
                let mut taken = body;
                taken["metadata"]["resourceVersion"] = json!(version);
                *lease = Some(taken.clone());
                (StatusCode::OK, taken)
            }
        }
    }

    /// Runs renewals against the script until `writes` writes came; their times since the first.
    async fn run(script: &str, writes: usize) -> Vec<Duration> {
        let server = Arc::new(Self { script: Mutex::new(script.to_owned()), ..Self::default() });
        let renewal = Renewal::new(server.client(), "vk", Heartbeat::default(), Arc::default());
        let (_uid, receiver) = watch::channel(Some("u1".to_owned()));
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(renewal.run(receiver, shutdown.clone()));
        while server.writes.lock().unwrap().len() < writes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        shutdown.cancel();
        running.await.unwrap();
        let times = server.writes.lock().unwrap().clone();
        times.iter().take(writes).map(|at| *at - times[0]).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_every_ten_seconds() {
    let times = Server::run("", 4).await;
    for (n, at) in (0_u32..).zip(&times) {
        let whole = Duration::from_secs(10) * n;
        assert!(
            *at >= whole && *at <= whole.mul_f64(1.0 + JITTER) + Duration::from_millis(20),
            "{times:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_read_again_and_renewed_at_once() {
    let times = Server::run(".c.", 3).await;
    assert!(times[2] - times[1] < Duration::from_secs(1), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn five_failures_end_one_renewal_but_not_the_renewing() {
    let times = Server::run(".xxxxx.", 7).await;
    assert!(times[5] - times[1] < Duration::from_secs(2), "five tries are one renewal: {times:?}");
    assert!(times[6] - times[5] >= Duration::from_secs(10), "then it rests: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn no_lease_is_made_for_a_node_without_uid() {
    let server = Arc::new(Server::default());
    let renewal = Renewal::new(server.client(), "vk", Heartbeat::default(), Arc::default());
    let (uid, receiver) = watch::channel(None);
    let running = tokio::spawn(renewal.run(receiver, CancellationToken::new()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(server.writes.lock().unwrap().is_empty());
    drop(uid);
    running.await.unwrap();
}

#[test]
fn a_renewal_keeps_the_version_and_moves_the_time() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut first = renewed(None, "vk", Some("u1"), Duration::from_secs(40), at(1));
    assert_eq!(first.spec.as_ref().unwrap().lease_duration_seconds, Some(40));
    assert_eq!(first.spec.as_ref().unwrap().holder_identity.as_deref(), Some("vk"));
    first.metadata.resource_version = Some("5".to_owned());

    let second = renewed(Some(&first), "vk", Some("u2"), Duration::from_secs(40), at(2));
    assert_eq!(second.metadata.resource_version.as_deref(), Some("5"));
    assert_eq!(second.spec.unwrap().renew_time, Some(MicroTime(at(2))));
    assert_eq!(second.metadata.owner_references.unwrap()[0].uid, "u2", "the Node was made anew");
}

#[test]
fn the_pause_is_never_shorter_than_the_interval() {
    let interval = Duration::from_secs(10);
    assert_eq!(pause(interval, 0.0), interval);
    assert_eq!(pause(interval, 1.0), Duration::from_millis(10_400));
    assert_eq!(pause(interval, 7.0), Duration::from_millis(10_400));
}
