//! The datacenter's time, when it stands still until it is told.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Delays, Fault, FaultKind, ThrottleLimits};

use crate::caller::{Caller, control, quiet};

#[tokio::test(start_paused = true)]
async fn jobs_throttle_and_faults_wait_for_a_virtual_clock() {
    let limits = ThrottleLimits { burst: 4.0, rate_per_second: 1.0 };
    let delays = Delays { provision: Duration::from_secs(60), ..Delays::none() };
    let builder = quiet().delays(delays).throttle(Some(limits)).virtual_clock(true);
    let caller = Caller::of(builder);
    let target = format!("/my/machines/{}", caller.create(&json!({})).await);
    // The wall's clock goes on: nobody's signature is too old, and nothing happens.
    tokio::time::advance(Duration::from_secs(200)).await;
    assert_eq!(caller.get(&target).await.body["state"], "provisioning");
    caller.sim.fault(FaultKind::Outage, Fault::default().at(Duration::from_secs(60)).times(1));
    let (status, clock) = control(&caller, "POST", "clock/advance", r#"{"ms": 59999}"#).await;
    assert_eq!((status, &clock["virtual"]), (200, &json!(true)));
    assert_eq!(caller.get(&target).await.body["state"], "provisioning");
    assert_eq!(control(&caller, "POST", "clock/advance", r#"{"ms": 1}"#).await.0, 200);
    assert_eq!(caller.get(&target).await.status, 503);
    let statuses = [200, 200, 200, 429];
    for status in statuses {
        assert_eq!(caller.get(&target).await.status, status);
    }
    assert_eq!(caller.sim.instances()[0].transitions.len(), 2);
    assert!(caller.sim.advance(Duration::from_secs(1)));
    assert_eq!(caller.get(&target).await.body["state"], "running");
}

#[tokio::test]
async fn a_clock_that_runs_by_itself_cannot_be_advanced() {
    let caller = Caller::new();
    let (status, told) = control(&caller, "POST", "clock/advance", r#"{"ms": 1}"#).await;
    assert_eq!(status, 409);
    assert!(told["message"].as_str().unwrap().contains("--virtual-clock"), "{told}");
    assert_eq!(control(&caller, "GET", "clock", "").await.1["virtual"], false);
}
