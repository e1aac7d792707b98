//! The control plane alone is a real one, and ends without a trace.
#![cfg(feature = "cluster")]

use testbed::{Cluster, Release, Scratch};

#[tokio::test]
async fn a_control_plane_runs_controllers_and_ends_without_a_trace() {
    let scratch = Scratch::create("control-plane").await.unwrap();
    let cluster = Cluster::start(scratch.path(), Release::chosen().unwrap()).await.unwrap();
    let version = cluster.kubectl().json(&["version"]).await.unwrap();
    let wanted = format!("v{}", Release::chosen().unwrap().version);
    assert_eq!(version["serverVersion"]["gitVersion"], wanted.as_str());
    assert_eq!(version["clientVersion"]["gitVersion"], wanted.as_str());

    // A Deployment becomes a ReplicaSet becomes a Pod: the controllers work.
    let create = ["create", "deployment", "web", "--image=nothing"];
    cluster.kubectl().run(&create).await.unwrap();
    let pod = ["wait", "--for=create", "pod", "-l", "app=web", "--timeout=60s"];
    cluster.kubectl().run(&pod).await.unwrap();
    // The scheduler looked at it: there is no node.
    let wait =
        ["wait", "--for=condition=PodScheduled=False", "pod", "-l", "app=web", "--timeout=60s"];
    cluster.kubectl().run(&wait).await.unwrap();

    let programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let dir = scratch.path().to_owned();
    for program in programs {
        assert!(testbed::recorded(&dir, program).is_some(), "{program} does not run");
    }
    drop(cluster);
    for program in programs {
        assert_eq!(testbed::recorded(&dir, program), None, "{program} still runs");
    }
}
