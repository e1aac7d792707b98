use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};

use super::*;
use crate::client::ConnectionProblem;
use crate::error::ApiError;
use crate::request::Answer;

type Script = Vec<Result<Verdict<u32>, Error>>;

fn api(status: u16) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    Error::Api(ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: b"" }))
}

/// A wait over these looks, the last of which repeats no more.
fn wait(script: Script) -> Wait<u32> {
    let mut script = script.into_iter();
    Wait::new("it", move || {
        let looked = script.next().expect("no more looks than written down");
        async move { looked }
    })
}

fn not_yet(count: usize) -> Script {
    (0..count).map(|round| Ok(Verdict::NotYet(format!("look {round}")))).collect()
}

#[tokio::test(start_paused = true)]
async fn looks_slow_down_and_end_with_what_was_waited_for() {
    let start = Instant::now();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let mut script = not_yet(3);
    script.push(Ok(Verdict::Done(7)));
    let wait = wait(script).on_progress(move |progress| {
        telling.lock().unwrap().push((progress.looks, progress.seen.clone()));
    });
    assert_eq!(wait.await.unwrap(), 7);
    // 1 s, 1.2 s, 1.44 s.
    assert_eq!(start.elapsed().as_millis(), 3640);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(told[2], (3, "look 2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_kept_to_the_moment_and_says_what_was_seen() {
    let start = Instant::now();
    let error = wait(not_yet(9)).within(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(error.to_string(), "it: not within 5 s (last seen: look 4)");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_does_not_outlast_the_deadline() {
    let start = Instant::now();
    let wait: Wait<u32> = Wait::new("it", std::future::pending);
    let error = wait.within(Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, WaitError::Deadline { .. }), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn failures_that_pass_are_looked_through_and_others_end_the_wait() {
    let problem = ConnectionProblem::Broken;
    let broken = Error::Transport { sent: true, problem, source: "x".into() };
    let script =
        vec![Err(broken), Err(api(503)), Err(api(500)), Err(api(429)), Ok(Verdict::Done(1))];
    assert_eq!(wait(script).await.unwrap(), 1);
    for status in [401, 403, 404, 409] {
        let error = wait(vec![Err(api(status))]).await.unwrap_err();
        assert!(matches!(error, WaitError::Call(_)), "{status}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_will_be_ends_the_wait_at_once() {
    let start = Instant::now();
    let error = wait(vec![Ok(Verdict::Never("it has failed".to_owned()))]).await.unwrap_err();
    assert_eq!(error.to_string(), "it: it has failed");
    let error = wait(vec![Ok(Verdict::Gone)]).await.unwrap_err();
    assert!(matches!(error, WaitError::Gone { .. }), "{error}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}
