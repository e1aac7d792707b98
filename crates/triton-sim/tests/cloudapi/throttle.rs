//! Request rates.

use std::time::Duration;

use axum::body::Body;
use triton_sim::ThrottleLimits;

use crate::caller::{Caller, quiet};

#[tokio::test(start_paused = true)]
async fn a_burst_ends_in_429_without_advice_and_other_groups_go_on() {
    let caller = Caller::of(quiet().throttle(Some(ThrottleLimits::default())));
    for _ in 0..30 {
        assert_eq!(caller.get("/my/machines").await.status, 200);
    }
    let refused = caller.get("/my/machines").await;
    refused.expect(429, "TooManyRequestsError");
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(caller.get("/my/packages").await.status, 200);
    // What is not signed is not counted, and what is not there is refused before it is counted.
    let unsigned = http::Request::get("/my/machines").body(Body::empty()).unwrap();
    caller.send(unsigned).await.expect(401, "InvalidCredentials");
    let missing = "/my/machines/0b0b0b0b-0000-4000-8000-000000000000";
    caller.get(missing).await.expect(404, "ResourceNotFound");
    tokio::time::advance(Duration::from_millis(100)).await;
    assert_eq!(caller.get("/my/machines").await.status, 200);
    caller.get("/my/machines").await.expect(429, "TooManyRequestsError");
}
