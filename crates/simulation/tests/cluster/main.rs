//! The API server in memory against the real one: the same calls to both, and the same answers.
//!
//! What a run shows is worth what its API server is. Left out of the comparison is only what differs between any two
//! clusters (UIDs, versions, times) and what the real one fills in by default, of which there is a list.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[cfg(test)]
mod answer;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod script;

use simulation::Tickets;
use simulation::apiserver::{ApiServer, Resource};
use testbed::{Cluster, Release, Scratch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_api_servers_answer_the_same() {
    let scratch = Scratch::create("apiserver").await.unwrap();
    let cluster = Cluster::start(scratch.path(), Release::chosen().unwrap()).await.unwrap();
    let mut real = calls::Server::new("the real one", cluster.client());
    let mut imitated = calls::Server::new("the one in memory", in_memory());

    let mut differences = Vec::new();
    for (number, step) in script::steps().into_iter().enumerate() {
        let (is, ought) = (imitated.ask(&step).await, real.ask(&step).await);
        for difference in answer::differences(&is, &ought) {
            differences.push(format!("step {number}, {step}: {difference}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// An API server in memory with the namespaces that each cluster has.
fn in_memory() -> kube_client::Client {
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let server = ApiServer::new(1, std::sync::Arc::new(move || at), Tickets::default());
    for name in ["kube-system", "default", "kube-node-lease"] {
        let namespace = serde_json::json!({ "metadata": { "name": name } });
        server.create(Resource::Namespaces, "", namespace).unwrap();
    }
    kube_client::Client::new(server.service(), "default")
}
