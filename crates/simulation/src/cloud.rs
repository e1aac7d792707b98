//! The datacenter: the simulator in process, with things in it that are none of our business.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use triton_cloudapi::client::{Client, Config, KeySource};
use triton_cloudapi::firewall_rules::CreateFirewallRule;
use triton_cloudapi::instances::CreateInstance;
use triton_signature::PrivateKey;
use triton_sim::{Delays, Sim};
use uuid::Uuid;

use crate::life::{KEY, NODE};

/// The login that the node uses.
pub(crate) const ACCOUNT: &str = "acme";

/// When a run begins: as good as any other moment, and the same for all runs.
const BEGINS: i64 = 1_800_000_000;

/// A datacenter that answers at once and takes a little time for its work.
pub(crate) fn datacenter(seed: u64) -> anyhow::Result<Sim> {
    let key = PrivateKey::from_text(KEY, None)?.public_key().to_openssh();
    let millis = Duration::from_millis;
    let delays = Delays {
        create: millis(200),
        provision: millis(2000),
        start: millis(1000),
        stop: millis(1000),
        reboot: millis(1000),
        delete: millis(1000),
        job: millis(300),
        jitter: millis(500),
        ..Delays::none()
    };
    let sim = Sim::builder().account(ACCOUNT).key(key).delays(delays).seed(seed).throttle(None);
    let begins = Timestamp::from_second(BEGINS)?;
    Ok(sim.listen(false).started_at(begins).build()?)
}

/// Somebody else with the account's key, on whose way nothing is done.
pub(crate) fn admin(sim: &Sim) -> anyhow::Result<Client> {
    let key = PrivateKey::from_text(KEY, None)?;
    let source = KeySource::Text(KEY.into(), None);
    let config = Config::new("http://simulator".parse()?, ACCOUNT, source);
    let clock = sim.clone();
    let client = Client::builder(config, key)
        .with_clock(std::sync::Arc::new(move || clock.now().into()))
        .with_chance(std::sync::Arc::new(|| 0.5));
    Ok(client.build_with_service(sim.router())?)
}

/// Puts instances and a rule there that are not ours, however much they look like it, and returns what they are.
pub(crate) async fn strangers(admin: &Client) -> anyhow::Result<Strangers> {
    let images = admin.list_images(&Default::default()).await?.items;
    let image = images.iter().find(|image| image.name == "ubuntu-16.04").context("no image")?;
    let tags = [
        vec![],
        vec![("k8s_cluster", "another-cluster"), ("k8s_nodename", NODE), ("k8s_uid", "u1")],
        vec![("k8s_nodename", NODE), ("k8s_namespace", "default"), ("k8s_podname", "a-0")],
    ];
    let mut instances = Vec::new();
    for (number, tags) in tags.into_iter().enumerate() {
        let create = CreateInstance {
            name: format!("a-{number}"),
            package: "g4-highcpu-1G".to_owned(),
            image: image.id.to_string(),
            tags: tags
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
                .collect(),
            ..CreateInstance::default()
        };
        instances.push(admin.create_instance(&create).await?.id.0);
    }
    let rule = CreateFirewallRule {
        rule: "FROM any TO tag \"k8s_fwgroup\" = \"web\" ALLOW tcp PORT 22".to_owned(),
        enabled: true,
        log: false,
        description: Some("by hand".to_owned()),
    };
    let rule = admin.create_firewall_rule(&rule).await?.id.to_string();
    Ok(Strangers { instances, rule })
}

/// What is none of our business.
#[derive(Clone, Debug)]
pub(crate) struct Strangers {
    pub(crate) instances: Vec<Uuid>,
    pub(crate) rule: String,
}
