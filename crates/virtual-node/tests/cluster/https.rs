//! Who gets into the HTTPS port.

use http::StatusCode;
use k8s_openapi::api::core::v1::Pod;

use crate::world::World;

pub(crate) async fn strangers_do_not_get_in(world: &World) {
    let kubelet_client = world
        .cluster
        .pki()
        .client("kubelet-client", "kube-apiserver", &["system:masters"])
        .unwrap();
    let master = world.kubelet(Some(&kubelet_client));
    let stranger = world.kubelet(None);
    let nobody = world.kubelet(Some(&world.cluster.pki().client("nobody", "nobody", &[]).unwrap()));

    assert_eq!(crate::world::status(&stranger, "/healthz").await, StatusCode::OK);
    for path in ["/pods", "/runningpods/", "/exec/a/b/c", "/metrics", "/nonsense", "/"] {
        assert_eq!(crate::world::status(&stranger, path).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(crate::world::status(&nobody, path).await, StatusCode::FORBIDDEN, "{path}");
    }
    let pods = crate::world::text(&master, "/pods").await;
    let pods: k8s_openapi::List<Pod> = serde_json::from_str(&pods).unwrap();
    assert!(pods.items.iter().any(|pod| pod.metadata.name.as_deref() == Some("runs")));
    assert!(pods.items.iter().all(|pod| pod.metadata.managed_fields.is_none()));
    for path in [
        "/exec/a/b/c",
        "/attach/a/b/c",
        "/portForward/a/b",
        "/run/a/b/c",
        "/containerLogs/a/b/c",
        "/metrics/resource",
    ] {
        assert_eq!(
            crate::world::status(&master, path).await,
            StatusCode::NOT_IMPLEMENTED,
            "{path}"
        );
    }
    assert_eq!(crate::world::status(&master, "/nonsense").await, StatusCode::NOT_FOUND);

    // Tokens: one that nobody gave out, and one of a service account that may read metrics.
    assert_eq!(
        crate::world::status(&world.kubelet_with_token("made-up"), "/pods").await,
        StatusCode::UNAUTHORIZED
    );
    let kubectl = world.cluster.kubectl();
    for args in [
        vec!["create", "serviceaccount", "reader"],
        vec!["create", "clusterrole", "reader", "--verb=get", "--resource=nodes/metrics"],
        vec![
            "create",
            "clusterrolebinding",
            "reader",
            "--clusterrole=reader",
            "--serviceaccount=default:reader",
        ],
    ] {
        kubectl.run(&args).await.unwrap();
    }
    let token = kubectl.run(&["create", "token", "reader"]).await.unwrap();
    let reader = world.kubelet_with_token(token.trim());
    assert_eq!(
        crate::world::status(&reader, "/metrics/resource").await,
        StatusCode::NOT_IMPLEMENTED
    );
    assert_eq!(crate::world::status(&reader, "/pods").await, StatusCode::FORBIDDEN);
}
