//! A node whose pods run nowhere: each is Running as soon as it is seen. `KUBECONFIG=… cargo run --example mock_provider NAME`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, Pod,
    PodCondition, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio_util::sync::CancellationToken;
use virtual_node::{
    Held, NodeConfig, PodEvent, PodKey, Provider, ProviderError, ProviderErrorKind, Report, Stop,
    StopRequest, VirtualNode, pokes,
};

/// Remembers which pods it pretends to run.
#[derive(Default)]
struct Mock {
    running: Mutex<BTreeMap<PodKey, Timestamp>>,
    started: Time0,
}

/// When the process began: the mock's only clock.
struct Time0(Timestamp);

// === impl Mock ===

impl Provider for Mock {
    async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
        let Some(key) = PodKey::of(&pod) else {
            return Err(ProviderError::new(
                ProviderErrorKind::Invalid,
                "NoName",
                "a pod needs a name",
            ));
        };
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let statuses: Vec<ContainerStatus> = containers
            .map(|container| ContainerStatus {
                name: container.name.clone(),
                image: container.image.clone().unwrap_or_default(),
                container_id: Some(format!("mock://{}/{}", key.uid, container.name)),
                ready: true,
                started: Some(true),
                state: Some(ContainerState {
                    running: Some(ContainerStateRunning { started_at: Some(Time(self.started.0)) }),
                    ..ContainerState::default()
                }),
                ..ContainerStatus::default()
            })
            .collect();
        let is_new = self.running().insert(key, self.started.0).is_none();
        let events = if is_new {
            vec![PodEvent::normal("Started", "The mock says it runs")]
        } else {
            Vec::new()
        };
        Ok(Report { status: Some(status("Running", "True", statuses)), events, again: None })
    }

    async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
        self.running().remove(&request.key);
        let published = request.pod.as_ref().and_then(|pod| pod.status.clone()).unwrap_or_default();
        let mut statuses = published.container_statuses.unwrap_or_default();
        for container in &mut statuses {
            container.ready = false;
            container.started = Some(false);
            let terminated =
                ContainerStateTerminated { reason: Some("Completed".into()), ..Default::default() };
            container.state =
                Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() });
        }
        let status = status("Succeeded", "False", statuses);
        Ok(Stop::Gone(Report { status: Some(status), ..Report::default() }))
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        let held = |(key, since): (&PodKey, &Timestamp)| Held {
            key: key.clone(),
            since: Some(*since),
            describe: "a mock".to_owned(),
        };
        Ok(self.running().iter().map(held).collect())
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

impl Mock {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<PodKey, Timestamp>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Time0 {
    #[expect(clippy::disallowed_methods, reason = "an example has no clock.rs")]
    fn default() -> Self {
        Self(Timestamp::now())
    }
}

fn status(phase: &str, ready: &str, statuses: Vec<ContainerStatus>) -> PodStatus {
    let condition = |type_: &str, status: &str| PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        ..PodCondition::default()
    };
    PodStatus {
        phase: Some(phase.to_owned()),
        pod_ip: Some("192.0.2.10".to_owned()),
        conditions: Some(vec![
            condition("Initialized", "True"),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ]),
        container_statuses: Some(statuses),
        ..PodStatus::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "mock".to_owned());
    let client = kube_client::Client::try_default().await?;
    let mut config = NodeConfig::new(name, "mock");
    for (resource, amount) in
        [("cpu", "100"), ("memory", "1Ti"), ("pods", "1000"), ("ephemeral-storage", "1Ti")]
    {
        config.capacity.insert(resource.to_owned(), amount.to_owned());
    }
    config.internal_ips = vec![[127, 0, 0, 1].into()];
    config.system.kubelet_version = format!("v1.37.0-mock-{}", env!("CARGO_PKG_VERSION"));
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    let (_pokes, poked) = pokes();
    VirtualNode::builder(client, Arc::new(Mock::default()), poked)
        .config(config)
        .build()
        .run(shutdown)
        .await?;
    Ok(())
}
