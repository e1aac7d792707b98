//! The client against the simulator, which was written from the manual and knows none of the client's types.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{KEY, builder};
use tokio::net::TcpListener;
use triton_cloudapi::Client;
use triton_cloudapi::client::RateLimit;
use triton_cloudapi::firewall_rules::{CreateFirewallRule, UpdateFirewallRule};
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{
    CreateInstance, Instance, InstanceState, ListInstances, Presence,
};
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_cloudapi::tags::{TagValue, Tags};
use triton_signature::PrivateKey;
use triton_sim::{Delays, Fault, FaultKind, Sim, SimBuilder};

fn sim() -> SimBuilder {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let key = key.public_key().to_openssh();
    Sim::builder().account("acme").key(key).delays(Delays::none()).listen(false)
}

/// A client that reaches the simulator without a socket.
fn client(sim: &Sim) -> Client {
    builder("http://simulator").build_with_service(sim.router()).unwrap()
}

async fn create(client: &Client, name: &str) -> CreateInstance {
    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    let image = images.iter().find(|image| image.kind == "lx-dataset").unwrap();
    let packages = client.list_packages(&ListPackages::default()).await.unwrap().items;
    let package = packages.iter().min_by_key(|package| package.memory_mib).unwrap();
    let networks = client.list_networks(&ListNetworks::default()).await.unwrap().items;
    CreateInstance {
        name: name.to_owned(),
        package: package.id.to_string(),
        image: image.id.to_string(),
        networks: Some(vec![networks[0].id.into()]),
        metadata: BTreeMap::from([("user-script".to_owned(), "#!/bin/sh\n".to_owned())]),
        tags: Tags::from([
            ("role".to_owned(), "web".into()),
            ("n".to_owned(), TagValue::Number(3.into())),
        ]),
        ..CreateInstance::default()
    }
}

async fn present(client: &Client, instance: &Instance) -> Instance {
    match client.find_instance(instance.id).await.unwrap() {
        Presence::Present(instance) => *instance,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_life_of_an_instance() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    let create = create(&client, "web-0").await;
    let instance = client.create_instance(&create).await.unwrap();
    let id = instance.id;
    let found = present(&client, &instance).await;
    assert_eq!((found.name.as_str(), &found.state), ("web-0", &InstanceState::Running));
    assert_eq!(found.tags, create.tags);
    assert_eq!(found.metadata["user-script"], "#!/bin/sh\n");
    let networks: Vec<_> = found.networks.iter().copied().map(Into::into).collect();
    assert_eq!(Some(networks), create.networks);
    assert!(found.primary_ip.is_some() && found.created.is_some() && !found.nics.is_empty());
    assert_eq!(client.get_package(&found.package).await.unwrap().id.to_string(), create.package);
    assert_eq!(client.get_image(found.image.unwrap()).await.unwrap().id.to_string(), create.image);
    client.get_network(found.networks[0]).await.unwrap();

    let by_tag = |value: &str| ListInstances::default().with_tag("role", value);
    assert_eq!(client.list_instances(&by_tag("web")).await.unwrap().items.len(), 1);
    assert!(client.list_instances(&by_tag("db")).await.unwrap().is_empty());

    client.stop_instance(id).await.unwrap();
    assert_eq!(present(&client, &instance).await.state, InstanceState::Stopped);
    client.start_instance(id).await.unwrap();
    client.reboot_instance(id).await.unwrap();
    assert_eq!(present(&client, &instance).await.state, InstanceState::Running);
    client.rename_instance(id, "web-1").await.unwrap();
    client.enable_firewall(id).await.unwrap();
    let found = present(&client, &instance).await;
    assert_eq!((found.name.as_str(), found.firewall_enabled), ("web-1", true));
    client.disable_firewall(id).await.unwrap();
    assert!(
        client.list_instance_audit(id).await.unwrap().items.iter().any(|entry| entry.is_success())
    );

    client.enable_deletion_protection(id).await.unwrap();
    let refused = client.delete_instance(id).await.unwrap_err();
    assert_eq!(refused.api().unwrap().code, triton_cloudapi::ErrorCode::CannotDestroyMachine);
    client.disable_deletion_protection(id).await.unwrap();
    client.delete_instance(id).await.unwrap();
    client.delete_instance(id).await.unwrap();
    let Presence::Destroyed(instance) = client.find_instance(id).await.unwrap() else {
        panic!("still there")
    };
    assert_eq!((instance.id, &instance.state), (id, &InstanceState::Deleted));
    assert!(client.list_all_instances(&ListInstances::default()).await.unwrap().is_empty());
    let with_tombstones = ListInstances::default().with_tombstones();
    assert_eq!(client.list_all_instances(&with_tombstones).await.unwrap().len(), 1);
    let nobody = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    assert_eq!(client.find_instance(nobody).await.unwrap(), Presence::NotFound);
}

#[tokio::test(start_paused = true)]
async fn tags_and_metadata_are_added_replaced_and_deleted() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    let create = create(&client, "web-0").await;
    let id = client.create_instance(&create).await.unwrap().id;
    let tags = Tags::from([("a/b".to_owned(), "c".into()), ("yes".to_owned(), true.into())]);
    let all = client.add_instance_tags(id, &tags).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(client.list_instance_tags(id).await.unwrap(), all);
    client.delete_instance_tag(id, "a/b").await.unwrap();
    client.delete_instance_tag(id, "a/b").await.unwrap();
    assert_eq!(client.list_instance_tags(id).await.unwrap().len(), 3);
    let only = Tags::from([("only".to_owned(), "one".into())]);
    assert_eq!(client.replace_instance_tags(id, &only).await.unwrap(), only);
    assert_eq!(client.list_instance_tags(id).await.unwrap(), only);
    let metadata = BTreeMap::from([("a:b".to_owned(), "c".to_owned())]);
    client.add_instance_metadata(id, &metadata).await.unwrap();
    assert_eq!(client.list_instance_metadata(id).await.unwrap()["a:b"], "c");
    client.delete_instance_metadata(id, "a:b").await.unwrap();
    assert!(!client.list_instance_metadata(id).await.unwrap().contains_key("a:b"));
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_firewall_rule() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    let create_instance = create(&client, "web-0").await;
    let instance = client.create_instance(&create_instance).await.unwrap();
    let create = CreateFirewallRule {
        rule: "FROM any TO tag \"role\" = \"web\" ALLOW tcp PORT 443".to_owned(),
        enabled: false,
        description: Some("k8s/default/web".to_owned()),
        ..CreateFirewallRule::default()
    };
    let rule = client.create_firewall_rule(&create).await.unwrap();
    assert_eq!((rule.enabled, rule.description.as_deref()), (false, Some("k8s/default/web")));
    assert!(client.enable_firewall_rule(rule.id).await.unwrap().enabled);
    assert!(!client.disable_firewall_rule(rule.id).await.unwrap().enabled);
    let update = UpdateFirewallRule {
        rule: Some(create.rule.replace("443", "80")),
        ..UpdateFirewallRule::default()
    };
    assert!(client.update_firewall_rule(rule.id, &update).await.unwrap().rule.contains("80"));
    assert!(
        client.list_firewall_rules().await.unwrap().items.iter().any(|other| other.id == rule.id)
    );
    assert!(
        client
            .list_instance_firewall_rules(instance.id)
            .await
            .unwrap()
            .items
            .iter()
            .any(|other| other.id == rule.id)
    );
    assert_eq!(
        client.list_firewall_rule_instances(rule.id).await.unwrap().items[0].id,
        instance.id
    );
    client.delete_firewall_rule(rule.id).await.unwrap();
    client.delete_firewall_rule(rule.id).await.unwrap();
    assert!(client.get_firewall_rule(rule.id).await.unwrap_err().is_not_found());
    let nonsense =
        CreateFirewallRule { rule: "LET everybody IN".to_owned(), ..CreateFirewallRule::default() };
    assert_eq!(
        client.create_firewall_rule(&nonsense).await.unwrap_err().api().unwrap().status,
        422
    );
}

#[tokio::test(start_paused = true)]
async fn the_account_its_keys_and_the_ping_are_read() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    assert_eq!(client.get_account().await.unwrap().login, "acme");
    let keys = client.list_keys().await.unwrap().items;
    assert!(client.key_id().to_string().ends_with(&keys[0].fingerprint));
    assert!(!client.list_datacenters().await.unwrap().is_empty());
    assert_eq!(client.ping().await.unwrap().ping, "pong");
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_told_apart() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    let create = create(&client, "web-0").await;
    client.create_instance(&create).await.unwrap();
    let error = client.create_instance(&create).await.unwrap_err();
    assert!(error.api().unwrap().is_duplicate_name(), "{error}");
    assert!(!error.is_ambiguous());
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_ambiguous_and_found_by_its_tag() {
    let sim = sim().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = sim.serve(listener).unwrap();
    let over_tcp = builder(&url).build().unwrap();
    let in_process = client(&sim);
    for (round, client) in [over_tcp, in_process].into_iter().enumerate() {
        let mut create = create(&client, &format!("web-{round}")).await;
        create.tags.insert("k8s_uid".to_owned(), format!("uid-{round}").into());
        for (kind, name) in [
            (FaultKind::CreateAnswerLostAfterCommit, "lost"),
            (FaultKind::Create500AfterCommit, "500"),
        ] {
            sim.fault(kind, Fault::default().times(1));
            create.name = format!("web-{round}-{name}");
            let error = client.create_instance(&create).await.unwrap_err();
            assert!(error.is_ambiguous(), "{error:?}");
        }
        let by_uid = ListInstances::default().with_tag("k8s_uid", format!("uid-{round}"));
        assert_eq!(client.list_all_instances(&by_uid).await.unwrap().len(), 2, "once each");
    }
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_from_a_refusal_and_ends() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    sim.outage(true);
    let error = client.list_all_instances(&ListInstances::default()).await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_auth(), "{error:?}");
    sim.outage(false);
    assert!(client.list_all_instances(&ListInstances::default()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_clock_is_years_off_is_followed() {
    let sim = sim().started_at("2020-02-02T02:02:02Z".parse().unwrap()).build().unwrap();
    let client = client(&sim);
    let create = create(&client, "web-0").await;
    client.create_instance(&create).await.unwrap();
    assert_eq!(sim.instances().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_account_does_not_have_is_no_use_trying_again() {
    let sim = Sim::builder().account("acme").listen(false).build().unwrap();
    let client = client(&sim);
    let error = client.get_account().await.unwrap_err();
    assert!(error.is_auth(), "{error:?}");
    assert_eq!(sim.journal().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_servers_rate_limit_is_never_met() {
    let sim = sim().build().unwrap();
    let client = client(&sim);
    for _ in 0..100 {
        client.list_instances(&ListInstances::default()).await.unwrap();
    }
    assert_eq!(sim.journal().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_read_to_its_end() {
    let sim = sim().throttle(None).build().unwrap();
    let fast = RateLimit { per_second: 1000.0, burst: 1000 };
    let client =
        builder("http://simulator").with_rate_limit(fast).build_with_service(sim.router()).unwrap();
    let mut create = create(&client, "").await;
    for index in 0..35 {
        create.name = format!("web-{index}");
        client.create_instance(&create).await.unwrap();
    }
    let pages_of_ten = ListInstances { limit: Some(10), ..ListInstances::default() };
    let all = client.list_all_instances(&pages_of_ten).await.unwrap();
    let mut names: Vec<_> = all.iter().map(|instance| instance.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((all.len(), names.len()), (35, 35));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.list_all_instances(&ListInstances::default()).await.unwrap().len(), 35);
}
