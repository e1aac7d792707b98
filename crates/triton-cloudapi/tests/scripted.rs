//! The client against answers written down beforehand, on paused time.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::builder;
use http_body_util::{BodyExt as _, Full};
use tower::service_fn;
use triton_cloudapi::client::{
    BoxError, Client, ClientBuilder, Deadlines, Error, HttpRequest, RateLimit, RequestOutcome,
    RetryBudget, RetryPolicy, Throttle,
};
use triton_cloudapi::instances::{self, CreateInstance, ListInstances, Presence};

const ID: &str = "00000000-0000-4000-8000-000000000001";

/// What the server does with one request.
#[derive(Clone, Debug)]
enum Act {
    Answer(u16, &'static str),
    AnswerWith(u16, &'static str, &'static str, &'static str),
    Refuse,
    Reset,
    Hang,
}

/// What came: method, target, headers, body.
type Seen = Arc<Mutex<Vec<http::Request<Bytes>>>>;

fn client(builder: ClientBuilder, script: &[Act]) -> (Client, Seen) {
    let script = Arc::new(Mutex::new(VecDeque::from(script.to_vec())));
    let seen = Seen::default();
    let journal = Arc::clone(&seen);
    let service = service_fn(move |request: HttpRequest| {
        let act = script.lock().unwrap().pop_front().expect("no more requests than written down");
        let journal = Arc::clone(&journal);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            journal.lock().unwrap().push(http::Request::from_parts(parts, body));
            answer(act).await
        }
    });
    (builder.build_with_service(service).unwrap(), seen)
}

async fn answer(act: Act) -> Result<http::Response<Full<Bytes>>, BoxError> {
    let response = |status, body: &'static str| {
        http::Response::builder().status(status).body(Full::from(body)).unwrap()
    };
    match act {
        Act::Answer(status, body) => Ok(response(status, body)),
        Act::AnswerWith(status, name, value, body) => {
            let mut response = response(status, body);
            response.headers_mut().insert(name, value.parse().unwrap());
            Ok(response)
        }
        Act::Refuse => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
        Act::Reset => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        Act::Hang => std::future::pending().await,
    }
}

fn scripted(script: &[Act]) -> (Client, Seen) {
    client(builder("https://cloud.example.com"), script)
}

fn instance() -> &'static str {
    r#"{"id":"00000000-0000-4000-8000-000000000001","name":"web","state":"running","tags":{}}"#
}

#[tokio::test(start_paused = true)]
async fn a_request_has_all_that_the_server_wants_of_it() {
    let (client, seen) = scripted(&[Act::Answer(200, "[]"), Act::Answer(202, "")]);
    client.list_instances(&ListInstances::default().with_tag("a", "b")).await.unwrap();
    client.stop_instance(ID.parse().unwrap()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].uri(), "https://cloud.example.com/acme/machines?tag.a=b");
    let header = |index: usize, name| {
        seen[index].headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header(0, "accept-version").as_deref(), Some("~9||~8"));
    assert_eq!(header(0, "accept").as_deref(), Some("application/json"));
    assert!(header(0, "authorization").unwrap().contains("headers=\"date\""));
    assert!(httpdate::parse_http_date(&header(0, "date").unwrap()).is_ok());
    assert_eq!(header(0, "content-length"), None);
    assert_eq!(
        (seen[1].method().as_str(), header(1, "content-length").as_deref()),
        ("POST", Some("0"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_not_signed() {
    let ping = r#"{"ping":"pong","cloudapi":{"versions":["9.0.0"]}}"#;
    let (client, seen) =
        scripted(&[Act::AnswerWith(200, "triton-datacenter-name", "east-1", ping)]);
    let pong = client.ping().await.unwrap();
    assert_eq!((pong.datacenter.as_deref(), pong.cloudapi.versions.len()), (Some("east-1"), 1));
    assert_eq!(seen.lock().unwrap()[0].uri(), "https://cloud.example.com/--ping");
    assert!(!seen.lock().unwrap()[0].headers().contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_until_it_works() {
    let html = "<html>bad gateway</html>";
    let (client, seen) =
        scripted(&[Act::Refuse, Act::Reset, Act::Answer(502, html), Act::Answer(200, instance())]);
    let found = client.find_instance(ID.parse().unwrap()).await.unwrap();
    assert!(matches!(found, Presence::Present(_)));
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn attempts_have_an_end_and_the_last_error_is_told() {
    let (client, seen) =
        scripted(&vec![Act::Answer(503, r#"{"code":"ServiceUnavailable","message":"x"}"#); 4]);
    let error = client.find_instance(ID.parse().unwrap()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[track_caller]
fn check_create(error: &Error, seen: &Seen, is_ambiguous: bool) {
    assert_eq!(seen.lock().unwrap().len(), 1, "a create is sent once");
    assert_eq!(error.is_ambiguous(), is_ambiguous, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_create_is_never_sent_twice_and_its_error_says_whether_to_look() {
    for (act, is_ambiguous) in [
        (Act::Reset, true),
        (Act::Hang, true),
        (Act::Answer(503, ""), true),
        (Act::Answer(500, "{}"), true),
        (Act::Answer(409, "{}"), false),
        (Act::Answer(507, "{}"), false),
        (Act::Answer(201, "{\"id\":\"0000"), true),
    ] {
        let (client, seen) = scripted(&[act]);
        let error = client.create_instance(&CreateInstance::default()).await.unwrap_err();
        check_create(&error, &seen, is_ambiguous);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_never_got_there_or_was_turned_away_by_the_rate_limit_is_sent_again() {
    let (client, seen) =
        scripted(&[Act::Refuse, Act::Answer(429, "{}"), Act::Answer(201, instance())]);
    client.create_instance(&CreateInstance::default()).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 3);
    let turned_away = Act::Answer(429, "{}");
    let (client, seen) = scripted(&[turned_away, Act::Refuse, Act::Refuse, Act::Refuse]);
    let error = client.create_instance(&CreateInstance::default()).await.unwrap_err();
    assert!(!error.is_ambiguous(), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_made_ready_is_sent_once_whatever_comes() {
    for act in [Act::Refuse, Act::Answer(429, "{}")] {
        let (client, seen) = scripted(&[act]);
        let create = instances::create(&CreateInstance::default()).unwrap();
        let ready = client.make_ready(create).await.unwrap();
        let error = client.send_ready(ready).await.unwrap_err();
        assert!(!error.is_ambiguous(), "{error:?}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_sent_is_not_forgotten_by_one_that_was_not() {
    let (client, seen) = scripted(&[Act::Reset, Act::Refuse, Act::Refuse, Act::Refuse]);
    let error = client.delete_instance(ID.parse().unwrap()).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn retries_have_a_budget_that_all_clones_share() {
    let budget = RetryBudget { burst: 5, per_call: 0.0, per_second: 0.0 };
    let builder = builder("https://cloud.example.com").with_retry_budget(budget);
    let (client, seen) = client(builder, &vec![Act::Answer(503, "{}"); 25]);
    for _ in 0..20 {
        client.clone().find_instance(ID.parse().unwrap()).await.unwrap_err();
    }
    assert_eq!(seen.lock().unwrap().len(), 25);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_at_a_read_that_hangs_leaves_time_for_another() {
    let (client, seen) = scripted(&[Act::Hang, Act::Answer(200, instance())]);
    client.find_instance(ID.parse().unwrap()).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_one_request_id_that_the_server_is_told() {
    let (client, seen) =
        scripted(&[Act::Reset, Act::Answer(200, instance()), Act::Answer(200, instance())]);
    for _ in 0..2 {
        client.find_instance(ID.parse().unwrap()).await.unwrap();
    }
    let id = |index: usize| seen.lock().unwrap()[index].headers()["x-request-id"].clone();
    assert_eq!(id(0), id(1));
    assert_ne!(id(1), id(2));
}

#[tokio::test(start_paused = true)]
async fn one_deadline_is_around_all_attempts() {
    let deadlines = Deadlines {
        once: Duration::from_secs(3),
        read: Duration::from_secs(2),
        ..Deadlines::default()
    };
    let builder = builder("https://cloud.example.com").with_deadlines(deadlines);
    let (client, _) = client(builder, &[Act::Reset, Act::Hang, Act::Hang]);
    let start = tokio::time::Instant::now();
    let error = client.find_instance(ID.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { sent: true, .. }), "{error:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    client.create_instance(&CreateInstance::default()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_server_in_maintenance_is_not_asked_again() {
    let (client, seen) = scripted(&[Act::AnswerWith(
        503,
        "retry-after",
        "3600",
        r#"{"code":"ServiceUnavailableError"}"#,
    )]);
    client.delete_instance(ID.parse().unwrap()).await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_corrected_once_even_for_a_create() {
    let skew = r#"{"code":"InvalidHeader","message":"clock skew of 5000s was greater than 300s"}"#;
    let act = Act::AnswerWith(400, "date", "Sat, 11 Jun 2011 23:56:29 GMT", skew);
    let clock = Arc::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    let builder = || builder("https://cloud.example.com").with_clock(clock.clone());
    let (fixed, seen) = client(builder(), &[act.clone(), Act::Answer(201, instance())]);
    fixed.create_instance(&CreateInstance::default()).await.unwrap();
    let date =
        |index: usize| seen.lock().unwrap()[index].headers()["date"].to_str().unwrap().to_owned();
    assert_eq!(date(0), "Sun, 09 Sep 2001 01:46:40 GMT");
    assert_eq!(date(1), "Sat, 11 Jun 2011 23:56:29 GMT");
    let authorization =
        |index: usize| seen.lock().unwrap()[index].headers()["authorization"].clone();
    assert_ne!(authorization(0), authorization(1));
    let (broken, seen) = client(builder(), &[act.clone(), act]);
    let error = broken.find_instance(ID.parse().unwrap()).await.unwrap_err();
    assert!(error.api().unwrap().is_clock_skew());
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_learned_from_any_answer() {
    let act = Act::AnswerWith(200, "date", "Sat, 11 Jun 2011 23:56:29 GMT", "[]");
    for off in [600, -600] {
        let server = httpdate::parse_http_date("Sat, 11 Jun 2011 23:56:29 GMT").unwrap();
        let ours = if off > 0 {
            server + Duration::from_secs(600)
        } else {
            server - Duration::from_secs(600)
        };
        let builder = builder("https://cloud.example.com").with_clock(Arc::new(move || ours));
        let (client, seen) = client(builder, &[act.clone(), act.clone()]);
        for _ in 0..2 {
            client.list_instances(&ListInstances::default()).await.unwrap();
        }
        let date = |index: usize| seen.lock().unwrap()[index].headers()["date"].clone();
        assert_ne!(date(0), "Sat, 11 Jun 2011 23:56:29 GMT");
        assert_eq!(date(1), "Sat, 11 Jun 2011 23:56:29 GMT");
        assert_eq!(client.server_time(), server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_changes_instead_of_sending_them() {
    let builder = builder("https://cloud.example.com").with_dry_run(true);
    let (client, seen) = client(builder, &[Act::Answer(200, "[]")]);
    client.list_instances(&ListInstances::default()).await.unwrap();
    let metadata = [("user-script".to_owned(), "canary-5f1c".to_owned())].into();
    let create = CreateInstance { name: "web".to_owned(), metadata, ..CreateInstance::default() };
    let error = client.create_instance(&create).await.unwrap_err();
    let Error::DryRun(explanation) = &error else { panic!("{error:?}") };
    assert_eq!(explanation.url, "https://cloud.example.com/acme/machines");
    let text = error.to_string();
    assert!(text.contains("POST https://cloud.example.com/acme/machines"), "{text}");
    assert!(text.contains("\"name\": \"web\"") && text.contains("keyId=\"/acme/keys/"), "{text}");
    assert!(!format!("{text} {error:?}").contains("canary-5f1c"));
    let request = instances::create(&create).unwrap();
    assert!(matches!(client.make_ready(request).await, Err(Error::DryRun(_))));
    let request = instances::create(&create).unwrap();
    assert!(client.explain_with_secrets(&request).unwrap().to_string().contains("canary-5f1c"));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_an_error_and_not_followed() {
    let (client, seen) = scripted(&[Act::AnswerWith(
        302,
        "location",
        "https://evil.example.com/x?token=canary-5f1c",
        r#"{"code":"ResourceMoved"}"#,
    )]);
    let error = client.find_instance(ID.parse().unwrap()).await.unwrap_err();
    assert_eq!(error.api().unwrap().status, 302);
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert!(error.to_string().contains("https://evil.example.com/x,"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn being_gone_is_what_a_delete_wants() {
    let (client, _) =
        scripted(&[Act::Answer(204, ""), Act::Answer(410, "\"id\""), Act::Answer(404, "{}")]);
    for _ in 0..3 {
        client.delete_instance(ID.parse().unwrap()).await.unwrap();
    }
    let (client, _) = scripted(&[Act::Answer(
        409,
        r#"{"code":"CannotDestroyMachineError","message":"protected"}"#,
    )]);
    client.delete_instance(ID.parse().unwrap()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_list_with_an_unreadable_instance_is_not_taken_for_complete() {
    let list = r#"[{"id":"00000000-0000-4000-8000-000000000001","tags":{}},{"id":"00000000-0000-4000-8000-000000000002","tags":7}]"#;
    let (client, _) = scripted(&[Act::Answer(200, list), Act::Answer(200, list)]);
    let page = client.list_instances(&ListInstances::default()).await.unwrap();
    assert_eq!((page.items.len(), page.odd.len()), (1, 1));
    let error = client.list_all_instances(&ListInstances::default()).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_gap_between_two_pages_is_closed_by_going_back_a_page() {
    let first = r#"[{"id":"00000000-0000-4000-8000-000000000001","tags":{}},{"id":"00000000-0000-4000-8000-000000000002","tags":{}}]"#;
    let other = r#"[{"id":"00000000-0000-4000-8000-000000000003","tags":{}}]"#;
    let list = ListInstances { limit: Some(2), ..ListInstances::default() };
    let (client, seen) =
        scripted(&[Act::Answer(200, first), Act::Answer(200, other), Act::Answer(200, other)]);
    let all = client.list_all_instances(&list).await.unwrap();
    assert_eq!(all.len(), 3);
    let offsets: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|request| request.uri().query().unwrap().to_owned())
        .collect();
    assert_eq!(offsets, ["limit=2&offset=0", "limit=2&offset=1", "limit=2&offset=0"]);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_told_of() {
    let records = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&records);
    let builder = builder("https://cloud.example.com")
        .with_retry(RetryPolicy { attempts_max: 3, ..RetryPolicy::default() })
        .with_on_request(Arc::new(move |record| {
            hook.lock().unwrap().push((record.endpoint, record.attempt, record.outcome));
        }));
    let (client, _) = client(builder, &[Act::Reset, Act::Answer(429, ""), Act::Answer(200, "[]")]);
    client.list_instances(&ListInstances::default()).await.unwrap();
    let expected = [
        ("ListMachines", 1, RequestOutcome::Error("transport")),
        ("ListMachines", 2, RequestOutcome::Status(429)),
        ("ListMachines", 3, RequestOutcome::Status(200)),
    ];
    assert_eq!(*records.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn clones_share_one_rate_limit() {
    let (client, _) = scripted(&vec![Act::Answer(200, "[]"); 50]);
    let start = tokio::time::Instant::now();
    for _ in 0..25 {
        let clone = client.clone();
        clone.list_instances(&ListInstances::default()).await.unwrap();
        client.list_instances(&ListInstances::default()).await.unwrap();
    }
    // 30 at once, and 20 more at ten a second.
    let passed = start.elapsed();
    assert!(passed >= Duration::from_secs(2) && passed < Duration::from_millis(2100), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn clients_that_share_a_throttle_keep_to_one_rate_limit_one_after_the_other() {
    let throttle = Throttle::new(RateLimit { per_second: 10.0, burst: 30 });
    let start = tokio::time::Instant::now();
    for _ in 0..2 {
        let builder = builder("https://cloud.example.com").with_throttle(Arc::clone(&throttle));
        let (client, _) = client(builder, &vec![Act::Answer(200, "[]"); 30]);
        for _ in 0..30 {
            client.list_instances(&ListInstances::default()).await.unwrap();
        }
    }
    let passed = start.elapsed();
    assert!(passed >= Duration::from_secs(3) && passed < Duration::from_millis(3100), "{passed:?}");
}

#[tokio::test]
async fn a_client_can_be_shared_with_tasks_and_shows_no_secret() {
    fn assert_send<T: Send + Sync>(value: T) -> T {
        value
    }
    let (client, _) = scripted(&[]);
    let client = assert_send(client);
    let text = format!("{client:?}");
    assert!(text.contains("acme") && !text.contains("MC4CAQ"), "{text}");
    assert_eq!((client.account(), client.url().host()), ("acme", Some("cloud.example.com")));
    assert!(client.key_id().to_string().starts_with("/acme/keys/"));
    drop(assert_send_future(Client::from_env()));
}

fn assert_send_future<F: Future + Send>(future: F) -> F {
    future
}
