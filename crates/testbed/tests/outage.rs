//! A cloud that does not answer makes the node not Ready, and costs no instance.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use serde_json::json;
use testbed::wait::{Seen, until};
use testbed::{Scene, StackOptions, deployment};

const LIMIT: Duration = Duration::from_secs(120);

async fn until_node(scene: &Scene, what: &str, wanted: &str) -> String {
    until(what, LIMIT, || async {
        let (status, message) = scene.node_ready().await?;
        Ok(if status == wanted {
            Seen::Done(message)
        } else {
            Seen::NotYet(format!("Ready={status}: {message}"))
        })
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_outage_of_the_cloud_costs_no_instance() {
    let scene = Scene::start("outage", &StackOptions::default()).await.unwrap();
    scene.apply(&deployment("web", 3).to_string()).await.unwrap();
    let before = scene.until_ready("app=web", 3).await.unwrap();

    scene.fate().set_fault("outage", &json!({})).await.unwrap();
    let message = until_node(&scene, "the node to be not Ready", "False").await;
    assert!(!message.is_empty(), "the condition says why");
    scene.fate().clear_fault("outage").await.unwrap();
    until_node(&scene, "the node to be Ready again", "True").await;

    let after = scene.until_ready("app=web", 3).await.unwrap();
    let uids = |pods: &[k8s_openapi::api::core::v1::Pod]| {
        let mut uids: Vec<_> = pods.iter().map(|pod| pod.metadata.uid.clone()).collect();
        uids.sort();
        uids
    };
    assert_eq!(uids(&after), uids(&before));
    assert_eq!(scene.fate().instances().await.unwrap().len(), 3, "nothing was made or destroyed");
    scene.no_secret_got_out().await.unwrap();
}
