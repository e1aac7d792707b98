//! Pods at rest cost the cloud nothing each.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube_client::Api;
use testbed::wait::{Seen, until};
use testbed::{Scene, SimulatorOptions, StackOptions, deployment};

/// Heartbeats, one each 10 s, that a rest is measured over.
const HEARTBEATS: usize = 3;
/// Requests that may fall into one rest and not into another of the same length.
const SLACK: u64 = 5;
const LIMIT: Duration = Duration::from_secs(120);

/// Requests the cloud got while the node's heart beat a few times.
async fn requests_at_rest(scene: &Scene) -> u64 {
    let leases: Api<Lease> = Api::namespaced(scene.stack.client(), "kube-node-lease");
    let beat = || async {
        let lease = leases.get("vk-triton").await?;
        anyhow::Ok(lease.spec.and_then(|spec| spec.renew_time).map(|time| format!("{time:?}")))
    };
    let next_beat = || async {
        let last = beat().await.unwrap();
        until("a heartbeat", LIMIT, || async {
            let now = beat().await?;
            Ok(if now == last { Seen::NotYet("none yet".to_owned()) } else { Seen::Done(()) })
        })
        .await
        .unwrap();
    };
    next_beat().await;
    scene.fate().reset_counts().await.unwrap();
    for _ in 0..HEARTBEATS {
        next_beat().await;
    }
    scene.fate().counts().await.unwrap().values().sum()
}

#[tokio::test]
async fn requests_at_rest_do_not_grow_with_pods() {
    let simulator = SimulatorOptions {
        provision_delay: Duration::ZERO,
        throttle: false,
        ..SimulatorOptions::default()
    };
    let scene =
        Scene::start("idle", &StackOptions { simulator, ..StackOptions::default() }).await.unwrap();
    scene.apply(&deployment("web", 10).to_string()).await.unwrap();
    scene.until_ready("app=web", 10).await.unwrap();
    let with_ten = requests_at_rest(&scene).await;

    scene.kubectl().run(&["scale", "--replicas=100", "deployment", "web"]).await.unwrap();
    scene.until_ready("app=web", 100).await.unwrap();
    let with_hundred = requests_at_rest(&scene).await;
    assert!(
        with_hundred <= with_ten + SLACK,
        "{with_ten} requests at rest with 10 pods, {with_hundred} with 100"
    );
    scene.no_secret_got_out().await.unwrap();
}
