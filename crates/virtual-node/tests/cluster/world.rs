//! A control plane, a node with a scripted provider, and ways to look at both.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube_client::api::{ListParams, PostParams};
use kube_client::{Api, Client, Config};
use serde_json::json;
use testbed::wait::{Seen, seen_if, until};
use testbed::{Cluster, Identity, Release, Scratch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use virtual_node::{
    Auth, ClientCa, HttpConfig, NodeConfig, Pokes, Serving, StartError, VirtualNode, pokes,
};

use crate::scripted::Scripted;

/// Longest a change may take to be seen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The node under test.
/// The annotation that lets orphans go.
pub(crate) const RELEASE: &str = "example.com/let-go";

pub(crate) const NODE: &str = "virtual";

/// Everything; ends when dropped.
pub(crate) struct World {
    pub(crate) provider: Arc<Scripted>,
    pub(crate) pokes: Pokes,
    pub(crate) first_lease: Mutex<Option<String>>,
    address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), StartError>>,
    pub(crate) cluster: Cluster,
    _scratch: Scratch,
}

impl World {
    pub(crate) async fn start() -> Self {
        // Shown when the test fails; RUST_LOG says how much.
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .init();
        let scratch = Scratch::create("virtual-node").await.unwrap();
        let cluster = Cluster::start(scratch.path(), Release::chosen().unwrap()).await.unwrap();
        let kubectl = cluster.kubectl();
        kubectl.run_with(&["apply", "-f", "-"], include_str!("../../rbac.yaml")).await.unwrap();
        let bind = |args: &str| args.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for args in [
            bind(
                "create clusterrolebinding virtual-node --clusterrole=virtual-node --user=vk-triton",
            ),
            bind(
                "create rolebinding virtual-node -n kube-node-lease --role=virtual-node --user=vk-triton",
            ),
            bind(
                "create rolebinding virtual-node -n kube-system --role=virtual-node --user=vk-triton",
            ),
        ] {
            kubectl.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
        }
        let kubeconfig = cluster.node_kubeconfig().unwrap();
        let (client, heartbeat) = (
            testbed::client(&kubeconfig).await.unwrap(),
            testbed::client(&kubeconfig).await.unwrap(),
        );

        let address = SocketAddr::from(([127, 0, 0, 1], testbed::free_port().unwrap()));
        let mut config = NodeConfig::new(NODE, "scripted");
        for (resource, amount) in [("cpu", "64"), ("memory", "256Gi"), ("pods", "100")] {
            config.capacity.insert(resource.to_owned(), amount.to_owned());
        }
        config.internal_ips = vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
        config.kubelet_port = Some(address.port());
        config.system.kubelet_version = "v1.37.0-test-0.1.0".to_owned();
        config.heartbeat.ping = Duration::from_millis(200);
        config.heartbeat.ping_trouble = Duration::from_millis(200);
        config.heartbeat.renew = Duration::from_millis(500);
        config.orphans.first_interval = Duration::from_millis(300);
        config.orphans.first_rounds = u32::MAX;
        config.orphan_release = Some(RELEASE.to_owned());

        let provider = Arc::new(Scripted::default());
        let (pokes, poked) = pokes();
        let shutdown = CancellationToken::new();
        let auth = Auth::Delegated { client_ca: ClientCa::ConfigMap };
        let node = VirtualNode::builder(client, Arc::clone(&provider), poked)
            .heartbeat_client(heartbeat)
            .config(config)
            .http(HttpConfig { address, serving: Serving::SelfSigned, auth })
            .build();
        let running = tokio::spawn(node.run(shutdown.clone()));
        Self {
            provider,
            pokes,
            first_lease: Mutex::default(),
            address,
            shutdown,
            running,
            cluster,
            _scratch: scratch,
        }
    }

    /// Stops the node; its Node object stays.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(Api::<Node>::all(self.cluster.client()).get_opt(NODE).await.unwrap().is_some());
    }

    pub(crate) fn admin(&self) -> Client {
        self.cluster.client()
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.admin())
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.admin(), "default")
    }

    pub(crate) async fn create_pod(&self, name: &str, behave: &str) -> Pod {
        let pod = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": { "behave": behave } },
            "spec": {
                "containers": [{ "name": "c", "image": "x" }, { "name": "d", "image": "y" }],
                "nodeSelector": { "type": "virtual-kubelet" },
                "tolerations": [{ "key": "virtual-kubelet.io/provider", "operator": "Exists" }],
            },
        }))
        .unwrap();
        self.pods().create(&PostParams::default(), &pod).await.unwrap()
    }

    pub(crate) async fn wait_for_pod(&self, pod: &Pod, holds: impl Fn(&Pod) -> bool) -> Pod {
        let name = pod.metadata.name.clone().unwrap();
        until(&format!("pod {name}"), LIMIT, || async {
            let pod = self.pods().get(&name).await?;
            if holds(&pod) {
                Ok(Seen::Done(pod))
            } else {
                Ok(Seen::NotYet(format!("{:?}", pod.status)))
            }
        })
        .await
        .unwrap()
    }

    pub(crate) async fn wait_until_gone(&self, name: &str) {
        until(&format!("pod {name} to be gone"), LIMIT, || async {
            let pod = self.pods().get_opt(name).await?;
            seen_if(
                pod.is_none(),
                format!("{:?}", pod.map(|pod| (pod.metadata.deletion_timestamp, pod.status))),
            )
        })
        .await
        .unwrap();
    }

    pub(crate) async fn wait_until_not_held(&self, pod: &Pod) {
        let uid = pod.metadata.uid.clone().unwrap();
        until("the provider to let go", LIMIT, || async {
            seen_if(!self.provider.holds(&uid), "still held")
        })
        .await
        .unwrap();
    }

    pub(crate) async fn wait_for_event(&self, pod: &Pod, reason: &str) -> Event {
        let events: Api<Event> = Api::namespaced(self.admin(), "default");
        let uid = pod.metadata.uid.clone().unwrap();
        let about =
            ListParams::default().fields(&format!("involvedObject.uid={uid},reason={reason}"));
        until(&format!("event {reason}"), LIMIT, || async {
            let event = events.list(&about).await?.items.pop();
            Ok(event.map_or(Seen::NotYet("none".to_owned()), Seen::Done))
        })
        .await
        .unwrap()
    }

    pub(crate) async fn wait_for_ready(&self, status: &str) -> Node {
        until(&format!("Ready={status}"), LIMIT, || async {
            let Some(node) = self.nodes().get_opt(NODE).await? else {
                return Ok(Seen::NotYet("no node".to_owned()));
            };
            let ready = testbed::ready_condition(&node);
            let holds = ready.as_ref().is_some_and(|(now, _)| now == status);
            if holds { Ok(Seen::Done(node)) } else { Ok(Seen::NotYet(format!("{ready:?}"))) }
        })
        .await
        .unwrap()
    }

    /// A client of the node's HTTPS API.
    pub(crate) fn kubelet(&self, identity: Option<&Identity>) -> Client {
        let mut config = self.kubelet_config();
        if let Some(identity) = identity {
            config.auth_info.client_certificate =
                Some(identity.cert.to_string_lossy().into_owned());
            config.auth_info.client_key = Some(identity.key.to_string_lossy().into_owned());
        }
        Client::try_from(config).unwrap()
    }

    pub(crate) fn kubelet_with_token(&self, token: &str) -> Client {
        let mut config = self.kubelet_config();
        config.auth_info.token = Some(token.to_owned().into());
        Client::try_from(config).unwrap()
    }

    fn kubelet_config(&self) -> Config {
        let mut config = Config::new(format!("https://{}", self.address).parse().unwrap());
        config.accept_invalid_certs = true;
        config
    }
}

pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == type_)
        .map(|condition| condition.status.as_str())
}

pub(crate) async fn status(kubelet: &Client, path: &str) -> StatusCode {
    let request = http::Request::get(path).body(kube_client::client::Body::empty()).unwrap();
    kubelet.send(request).await.unwrap().status()
}

pub(crate) async fn text(kubelet: &Client, path: &str) -> String {
    kubelet.request_text(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}
