//! Streams, waits and names, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{KEY, builder};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;
use triton_cloudapi::client::wait::actions;
use triton_cloudapi::client::{Client, Error, RateLimit, ResolveError, WaitError};
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{self, CreateInstance, Instance, InstanceState, ListInstances};
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_signature::PrivateKey;
use triton_sim::{Delays, Sim};

/// How often each call was made.
type Counts = Arc<Mutex<BTreeMap<&'static str, usize>>>;

fn sim(delays: Delays) -> (Sim, Client, Counts) {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let builder = Sim::builder().account("acme").key(key).delays(delays).listen(false);
    let sim = builder.throttle(None).build().unwrap();
    let counts = Counts::default();
    let counting = Arc::clone(&counts);
    let client = common::builder("http://simulator")
        .with_rate_limit(RateLimit { per_second: 1000.0, burst: 1000 })
        .with_on_request(Arc::new(move |record| {
            *counting.lock().unwrap().entry(record.endpoint).or_default() += 1;
        }))
        .build_with_service(sim.router())
        .unwrap();
    (sim, client, counts)
}

async fn create(client: &Client, name: &str) -> Instance {
    let image = client.resolve_image(&image_name(client).await).await.unwrap();
    let package = &client.list_packages(&ListPackages::default()).await.unwrap().items[0];
    let create = CreateInstance {
        name: name.to_owned(),
        package: package.id.to_string(),
        image: image.id.to_string(),
        ..CreateInstance::default()
    };
    client.create_instance(&create).await.unwrap()
}

async fn image_name(client: &Client) -> String {
    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    images.iter().find(|image| image.kind == "lx-dataset").unwrap().name.clone()
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_every_instance_once() {
    let (_sim, client, counts) = sim(Delays::none());
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(create(&client, &format!("web-{number}")).await.id);
    }
    let list = ListInstances { limit: Some(3), ..ListInstances::default() };
    let streamed: Vec<Instance> = client.stream_instances(&list).try_collect().await.unwrap();
    let mut ids: Vec<_> = streamed.iter().map(|instance| instance.id).collect();
    ids.sort();
    made.sort();
    assert_eq!(ids, made);
    // 3, and then 2 new ones with each page, which overlap by one: 3 + 2 + 2, and the short last one.
    assert_eq!(counts.lock().unwrap()["ListMachines"], 4);
    // Nothing is asked for that nobody wants.
    let mut stream = client.stream_instances(&list);
    stream.try_next().await.unwrap().unwrap();
    assert!(!stream.has_changed());
    drop(stream);
    assert_eq!(counts.lock().unwrap()["ListMachines"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_when_the_list_changed_under_it() {
    let (_sim, client, _) = sim(Delays::none());
    for number in 0..6 {
        create(&client, &format!("web-{number}")).await;
    }
    let list = ListInstances { limit: Some(4), ..ListInstances::default() };
    let mut stream = client.stream_instances(&list);
    let mut first = Vec::new();
    for _ in 0..4 {
        first.push(stream.try_next().await.unwrap().unwrap().id);
    }
    for id in &first {
        client.delete_instance(*id).await.unwrap();
    }
    let rest: Result<Vec<Instance>, Error> = stream.try_collect().await;
    assert!(matches!(rest, Err(Error::Incomplete { .. })), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_a_network_are_streamed() {
    let (_sim, client, _) = sim(Delays::none());
    let networks = client.list_networks(&ListNetworks::default()).await.unwrap().items;
    let network = networks.iter().find(|network| network.fabric);
    let Some(network) = network.or(networks.first()) else { panic!("no network") };
    let list = triton_cloudapi::network_ips::ListNetworkIps { limit: Some(2), offset: None };
    let stream = client.stream_network_ips(network.id, &list);
    let ips: Vec<_> = stream.try_collect().await.unwrap();
    let mut unique: Vec<_> = ips.iter().map(|ip| ip.ip).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ips.len());
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_waited_for_from_its_creation_to_its_end() {
    let delays = Delays { provision: Duration::from_secs(20), ..Delays::none() };
    let (_sim, client, counts) = sim(delays);
    let id = create(&client, "web").await.id;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = Arc::clone(&seen);
    let instance = client
        .wait_for_instance(id)
        .until_state(InstanceState::Running)
        .on_progress(move |progress| seeing.lock().unwrap().push(progress.seen.clone()))
        .await
        .unwrap();
    assert_eq!(instance.state, InstanceState::Running);
    assert!(seen.lock().unwrap().iter().all(|seen| seen == "provisioning"));
    assert!(counts.lock().unwrap()["GetMachine"] < 15);

    client.rename_instance(id, "db").await.unwrap();
    let named = client.wait_for_instance(id).until("named db", |instance| instance.name == "db");
    assert_eq!(named.await.unwrap().id, id);

    client.delete_instance(id).await.unwrap();
    client.wait_for_instance(id).until_gone().await.unwrap();
    let error = client.wait_for_instance(id).until_state(InstanceState::Running).await;
    assert!(matches!(error, Err(WaitError::Gone { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_share_one_list() {
    let delays = Delays { provision: Duration::from_secs(30), ..Delays::none() };
    let (_sim, client, counts) = sim(delays);
    let mut ids = Vec::new();
    for number in 0..50 {
        ids.push(create(&client, &format!("web-{number}")).await.id);
    }
    let start = Instant::now();
    let waits = ids
        .iter()
        .map(|id| client.wait_for_instance(*id).until_state(InstanceState::Running).into_future());
    for running in join_all(waits).await {
        assert_eq!(running.unwrap().state, InstanceState::Running);
    }
    let counts = counts.lock().unwrap();
    let looks = start.elapsed().as_secs() as usize;
    assert!(counts["ListMachines"] <= looks, "{counts:?} in {looks} s");
    assert!(counts.get("GetMachine").copied().unwrap_or_default() <= 6, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_audit_tells_whether_an_action_was_carried_out() {
    let (_sim, client, _) = sim(Delays::none());
    let id = create(&client, "web").await.id;
    let stop = || instances::stop(id).unwrap();
    let entry = client.send_and_confirm(stop(), id, actions::STOP).await.unwrap();
    assert_eq!((entry.action.as_str(), entry.is_success()), ("stop", true));
    // Accepted again, and carried out not at all.
    let error = client.send_and_confirm(stop(), id, actions::STOP).await.unwrap_err();
    assert!(matches!(error, WaitError::Never { .. }), "{error:?}");
    let start = instances::start(id).unwrap();
    client.send_and_confirm(start, id, actions::START).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn names_are_found_and_what_is_not_there_is_told_with_its_neighbours() {
    let (_sim, client, _) = sim(Delays::none());
    let name = image_name(&client).await;
    let image = client.resolve_image(&name).await.unwrap();
    let version = format!("{name}@{}", image.version);
    assert_eq!(client.resolve_image(&version).await.unwrap().id, image.id);
    let short = &image.id.to_string()[..8];
    assert_eq!(client.resolve_image(short).await.unwrap().id, image.id);
    assert_eq!(client.resolve_image(&image.id.to_string()).await.unwrap().id, image.id);
    let misspelt = format!("{name}x");
    let error = client.resolve_image(&misspelt).await.unwrap_err();
    let Error::Resolve(ResolveError::NotFound { nearest, .. }) = &error else { panic!("{error}") };
    assert!(nearest.iter().any(|near| near.starts_with(&name)), "{error}");

    let package = client.list_packages(&ListPackages::default()).await.unwrap().items.remove(0);
    assert_eq!(client.resolve_package(&package.name).await.unwrap().name, package.name);
    assert_eq!(client.resolve_package(&package.id.to_string()).await.unwrap().id, package.id);
    let networks = client.list_networks(&ListNetworks::default()).await.unwrap().items;
    assert_eq!(client.resolve_network(&networks[0].name).await.unwrap().id, networks[0].id);
    let nobody = "00000000-0000-4000-8000-000000000001";
    assert!(matches!(client.resolve_network(nobody).await, Err(Error::Resolve(_))));

    let instance = create(&client, "web-0").await;
    assert_eq!(client.resolve_instance("web-0").await.unwrap().id, instance.id);
    // The server's own filter takes prefixes.
    assert!(matches!(client.resolve_instance("web-").await, Err(Error::Resolve(_))));
}

#[tokio::test]
async fn builders_of_waits_can_go_to_another_task() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let wait = client.wait_for_instance(id).until_gone().within(Duration::ZERO);
    let error = tokio::spawn(wait.into_future()).await.unwrap().unwrap_err();
    assert!(matches!(error, WaitError::Deadline { .. }), "{error:?}");
}
