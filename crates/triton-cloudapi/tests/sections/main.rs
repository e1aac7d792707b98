//! Sections of the manual, one life each, against the simulator, which was written from the manual and knows none of the
//! client's types.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod belongings;
#[path = "../common/mod.rs"]
mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::{KEY, builder};
use triton_cloudapi::InstanceId;
use triton_cloudapi::account::{Contact, UpdateAccount};
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::fabrics::{
    CreateFabricNetwork, CreateFabricVlan, UpdateFabricNetwork, UpdateFabricVlan,
};
use triton_cloudapi::images::{CreateImage, ListImages, UpdateImage};
use triton_cloudapi::instances::{
    self, CreateInstance, Instance, InstanceState, ListInstances, Presence,
};
use triton_cloudapi::keys::CreateKey;
use triton_cloudapi::network_ips::ListNetworkIps;
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_cloudapi::policies::{CreatePolicy, UpdatePolicy};
use triton_cloudapi::role_tags::Taggable;
use triton_cloudapi::roles::{CreateRole, PolicyRef, RoleMember, UpdateRole};
use triton_cloudapi::tags::Tags;
use triton_cloudapi::users::{CreateUser, UpdateUser};
use triton_signature::PrivateKey;
use triton_sim::{Delays, Sim};

/// Another key, made for this test; it opens nothing.
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop";

/// An image of the account's in another datacenter.
const ELSEWHERE: &str = "00000000-0000-4000-8000-0000000000e1";

pub(crate) fn client() -> Client {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let sim = Sim::builder()
        .account("acme")
        .key(key)
        .delays(Delays::none())
        .throttle(None)
        .listen(false)
        .datacenter("us-east-1", "https://us-east-1.example.com")
        .image_elsewhere("us-east-1", ELSEWHERE.parse().unwrap(), "mine", "1.0.0")
        .service("cmon", "https://cmon.example.com:9163")
        .build()
        .unwrap();
    builder("http://simulator").build_with_service(sim.router()).unwrap()
}

#[track_caller]
pub(crate) fn status<T>(result: Result<T, Error>) -> Option<u16> {
    result.map(|_| ()).unwrap_err().api().map(|error| error.status)
}

#[tokio::test(start_paused = true)]
async fn an_account_says_who_it_is() {
    let client = client();
    let contact = Contact { company_name: Some("Acme".to_owned()), ..Contact::default() };
    let update = UpdateAccount { contact, triton_cns_enabled: Some(true), ..Default::default() };
    client.update_account(&update).await.unwrap();
    let account = client.get_account().await.unwrap();
    assert_eq!(account.login, "acme");
    assert_eq!(account.contact.company_name.as_deref(), Some("Acme"));
    assert!(account.triton_cns_enabled && account.created.is_some());
    client.get_provisioning_limits().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn datacenters_and_services_are_somewhere() {
    let client = client();
    let pong = client.ping().await.unwrap();
    assert!(pong.datacenter.is_some() && pong.server.unwrap().has_changefeed());
    assert_eq!(
        client.list_datacenters().await.unwrap()["us-east-1"],
        "https://us-east-1.example.com"
    );
    assert_eq!(client.get_datacenter("us-east-1").await.unwrap(), "https://us-east-1.example.com");
    assert_eq!(status(client.get_datacenter("mars").await), Some(404));
    assert_eq!(client.list_services().await.unwrap()["cmon"], "https://cmon.example.com:9163");
    // No portal gave this token.
    assert_eq!(status(client.list_foreign_datacenters(&"{}".into()).await), Some(401));
}

#[tokio::test(start_paused = true)]
async fn keys_come_and_go() {
    let client = client();
    let create =
        CreateKey { name: Some("lap top".to_owned()), key: OTHER_KEY.into(), ..Default::default() };
    let key = client.create_key(&create).await.unwrap();
    assert_eq!(key.name, "lap top");
    assert_eq!(client.get_key("lap top").await.unwrap(), key);
    assert_eq!(client.get_fresh_key(&key.fingerprint).await.unwrap(), key);
    assert!(client.list_keys().await.unwrap().items.contains(&key));
    client.delete_key(&key.fingerprint).await.unwrap();
    client.delete_key("lap top").await.unwrap();
    assert_eq!(status(client.get_key("lap top").await), Some(404));
}

#[tokio::test(start_paused = true)]
async fn access_keys_come_and_go() {
    let client = client();
    let key = client.create_access_key().await.unwrap();
    assert!(!key.secret.as_ref().unwrap().expose().is_empty());
    assert_eq!(client.get_access_key(&key.id).await.unwrap().id, key.id);
    assert_eq!(client.list_access_keys().await.unwrap().items.len(), 1);
    client.delete_access_key(&key.id).await.unwrap();
    assert!(client.list_access_keys().await.unwrap().is_empty());
}

fn bob() -> CreateUser {
    CreateUser {
        login: "bob".to_owned(),
        email: "bob@example.com".to_owned(),
        password: "s3cret-enough".into(),
        contact: Contact { first_name: Some("Bob".to_owned()), ..Contact::default() },
    }
}

#[tokio::test(start_paused = true)]
async fn a_sub_user_has_keys_and_changes() {
    let client = client();
    let user = client.create_user(&bob()).await.unwrap();
    assert_eq!(user.login, "bob");
    assert_eq!(client.get_user("bob").await.unwrap().id, user.id);
    assert_eq!(client.list_users().await.unwrap().items.len(), 1);
    let update = UpdateUser { email: Some("b@example.com".to_owned()), ..Default::default() };
    let updated = client.update_user("bob", &update).await.unwrap();
    assert_eq!(updated.email.as_deref(), Some("b@example.com"));
    assert_eq!(updated.contact.first_name.as_deref(), Some("Bob"));
    client.change_user_password("bob", &"another-s3cret".into()).await.unwrap();
    let create = CreateKey { key: OTHER_KEY.into(), ..Default::default() };
    let key = client.create_user_key("bob", &create).await.unwrap();
    assert_eq!(client.list_user_keys("bob").await.unwrap().items, std::slice::from_ref(&key));
    assert_eq!(client.get_user_key("bob", &key.fingerprint).await.unwrap(), key);
    client.delete_user_key("bob", &key.fingerprint).await.unwrap();
    let access = client.create_user_access_key("bob").await.unwrap();
    assert_eq!(client.list_user_access_keys("bob").await.unwrap().items.len(), 1);
    client.get_user_access_key("bob", &access.id).await.unwrap();
    client.delete_user_access_key("bob", &access.id).await.unwrap();
    client.delete_user("bob").await.unwrap();
    assert_eq!(status(client.get_user("bob").await), Some(404));
}

#[tokio::test(start_paused = true)]
async fn roles_tie_users_policies_and_things() {
    let client = client();
    client.create_user(&bob()).await.unwrap();
    let policy = CreatePolicy {
        name: "read".to_owned(),
        rules: vec!["CAN listmachines".to_owned()],
        description: None,
    };
    let policy = client.create_policy(&policy).await.unwrap();
    let update = UpdatePolicy { description: Some("look".to_owned()), ..Default::default() };
    let updated = client.update_policy("read", &update).await.unwrap();
    assert_eq!((updated.rules, updated.id), (policy.rules, policy.id));
    let role = CreateRole {
        name: "ops".to_owned(),
        policies: vec![PolicyRef::named("read")],
        members: vec![RoleMember::subuser("bob").by_default()],
    };
    let role = client.create_role(&role).await.unwrap();
    assert_eq!(role.policies[0].name.as_deref(), Some("read"));
    assert_eq!((role.members[0].login.as_deref(), role.members[0].default), (Some("bob"), true));
    assert_eq!(client.get_role("ops").await.unwrap(), role);
    assert_eq!(client.list_roles().await.unwrap().items, std::slice::from_ref(&role));
    let tagged = client.set_role_tags(&Taggable::All("machines".into()), &["ops".into()]).await;
    assert_eq!(tagged.unwrap().role_tags, ["ops"]);
    let user = client.get_user_with_roles("bob").await.unwrap();
    assert!(user.roles.contains(&"ops".to_owned()) || !user.default_roles.is_empty(), "{user:?}");
    let update = UpdateRole { members: Some(Vec::new()), ..UpdateRole::default() };
    assert_eq!(client.update_role("ops", &update).await.unwrap().members, []);
    client.delete_role("ops").await.unwrap();
    client.delete_policy("read").await.unwrap();
    assert_eq!(status(client.get_role("ops").await), Some(404));
    assert_eq!(status(client.get_policy("read").await), Some(404));
    assert!(client.list_policies().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn packages_and_images_are_found_by_filter() {
    let client = client();
    let all = client.list_packages(&ListPackages::default()).await.unwrap().items;
    let package = all.iter().find(|package| package.vcpus.is_none()).unwrap();
    let filter = ListPackages {
        name: Some(format!("{}*", package.name)),
        memory_mib: Some(package.memory_mib),
        ..Default::default()
    };
    let found = client.list_packages(&filter).await.unwrap().items;
    assert!(found.contains(package) && found.len() < all.len());
    assert_eq!(&client.get_package(&package.name).await.unwrap(), package);
    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    let filter = ListImages { name: Some(images[0].name.clone()), ..ListImages::default() };
    let found = client.list_images(&filter).await.unwrap().items;
    assert!(found.contains(&images[0]) && found.len() < images.len());
    assert_eq!(client.get_image(images[0].id).await.unwrap(), images[0]);
    let update = UpdateImage { description: Some("x".to_owned()), ..UpdateImage::default() };
    let refused = client.update_image(images[0].id, &update).await;
    assert_eq!(status(refused), Some(422), "it belongs to somebody else");
}

#[tokio::test(start_paused = true)]
async fn a_fabric_has_vlans_with_networks_with_addresses() {
    let client = client();
    let vlan = CreateFabricVlan { vlan_id: 42, name: "lab".to_owned(), description: None };
    let vlan = client.create_fabric_vlan(&vlan).await.unwrap();
    assert_eq!(client.get_fabric_vlan(42).await.unwrap(), vlan);
    let update = UpdateFabricVlan { name: Some("lab-2".to_owned()), ..Default::default() };
    client.update_fabric_vlan(42, &update).await.unwrap();
    assert_eq!(client.get_fabric_vlan(42).await.unwrap().name, "lab-2");
    assert!(client.list_fabric_vlans().await.unwrap().items.iter().any(|vlan| vlan.vlan_id == 42));
    let ip = |last| IpAddr::from([10, 42, 0, last]);
    let network = CreateFabricNetwork {
        name: "lab-net".to_owned(),
        subnet: "10.42.0.0/24".to_owned(),
        provision_start_ip: ip(5),
        provision_end_ip: ip(250),
        gateway: Some(ip(1)),
        resolvers: vec![[8, 8, 8, 8].into()],
        routes: [("10.43.0.0/16".to_owned(), ip(2))].into(),
        description: None,
        internet_nat: Some(false),
    };
    let network = client.create_fabric_network(42, &network).await.unwrap();
    assert!(network.fabric && !network.public);
    assert_eq!((network.vlan_id, network.internet_nat), (Some(42), Some(false)));
    assert_eq!(network.routes["10.43.0.0/16"], "10.42.0.2");
    let update =
        UpdateFabricNetwork { description: Some("d".to_owned()), ..UpdateFabricNetwork::default() };
    let updated = client.update_fabric_network(42, network.id, &update).await.unwrap();
    assert_eq!(updated.description.as_deref(), Some("d"));
    assert_eq!(client.get_fabric_network(42, network.id).await.unwrap(), updated);
    assert_eq!(client.list_fabric_networks(42).await.unwrap().items, [updated]);
    let fabric = client.list_networks(&ListNetworks { fabric: Some(true) }).await.unwrap().items;
    assert!(fabric.iter().any(|found| found.id == network.id));
    assert!(fabric.iter().all(|found| found.fabric));

    let reserved = client.set_network_ip_reserved(network.id, ip(9), true).await.unwrap();
    assert!(reserved.reserved);
    assert_eq!(client.get_network_ip(network.id, ip(9)).await.unwrap(), reserved);
    let ips = client.list_network_ips(network.id, &ListNetworkIps::default()).await.unwrap();
    assert!(ips.items.contains(&reserved) && ips.odd.is_empty());
    let one = ListNetworkIps { limit: Some(1), offset: None };
    assert_eq!(client.list_network_ips(network.id, &one).await.unwrap().items.len(), 1);

    assert_eq!(client.update_config(network.id).await.unwrap().default_network, Some(network.id));
    assert_eq!(client.get_config().await.unwrap().default_network, Some(network.id));
    assert_eq!(status(client.delete_fabric_network(42, network.id).await), Some(409));
    assert_eq!(status(client.delete_fabric_vlan(42).await), Some(409));
}

/// An instance that runs, of the smallest package.
pub(crate) async fn instance(client: &Client, name: &str) -> Instance {
    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    let image = images.iter().find(|image| image.kind == "lx-dataset").unwrap();
    let packages = client.list_packages(&ListPackages::default()).await.unwrap().items;
    let package = packages.iter().min_by_key(|package| package.memory_mib).unwrap();
    let create = CreateInstance {
        name: name.to_owned(),
        package: package.id.to_string(),
        image: image.id.to_string(),
        ..CreateInstance::default()
    };
    let id = client.create_instance(&create).await.unwrap().id;
    wait_for(client, id, &InstanceState::Running).await
}

pub(crate) async fn wait_for(client: &Client, id: InstanceId, state: &InstanceState) -> Instance {
    for _ in 0..100 {
        match client.find_instance(id).await.unwrap() {
            Presence::Present(instance) if instance.state == *state => return *instance,
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
    panic!("never {state}");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_made_changed_copied_and_deleted() {
    let client = client();
    let instance = instance(&client, "mother").await;
    client.stop_instance(instance.id).await.unwrap();
    wait_for(&client, instance.id, &InstanceState::Stopped).await;
    let create = CreateImage {
        description: Some("d".to_owned()),
        ..CreateImage::new(instance.id, "mine", "2.0.0")
    };
    let image = client.create_image(&create).await.unwrap();
    assert_eq!((image.name.as_str(), image.version.as_str()), ("mine", "2.0.0"));
    for _ in 0..100 {
        if client.get_image(image.id).await.unwrap().state == "active" {
            break;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(client.get_image(image.id).await.unwrap().state, "active");
    let update = UpdateImage { homepage: Some("https://x".to_owned()), ..UpdateImage::default() };
    let updated = client.update_image(image.id, &update).await.unwrap();
    assert_eq!(updated.homepage.as_deref(), Some("https://x"));
    assert_eq!(updated.description.as_deref(), Some("d"));
    let own = ListImages { public: Some(false), ..ListImages::default() };
    let found = client.list_images(&own).await.unwrap().items;
    assert_eq!(found.iter().map(|image| image.id).collect::<Vec<_>>(), [image.id]);
    client.delete_image(image.id).await.unwrap();
    assert_eq!(status(client.get_image(image.id).await), Some(404));

    let elsewhere = ELSEWHERE.parse().unwrap();
    let imported = client.import_image("us-east-1", elsewhere).await.unwrap();
    assert_eq!((imported.id, imported.name.as_str()), (elsewhere, "mine"));
    assert!(status(client.import_image("mars", elsewhere).await).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_head_counts_without_sending() {
    let client = client();
    let one = instance(&client, "one").await;
    let list = instances::list(&ListInstances::default()).unwrap().into_head();
    let headers = client.send(list).await.unwrap();
    assert_eq!(headers["x-resource-count"], "1");
    assert!(client.send(instances::find(one.id).unwrap().into_head()).await.is_ok());
    let nobody = instances::find(ELSEWHERE.parse().unwrap()).unwrap().into_head();
    assert_eq!(status(client.send(nobody).await), Some(404));
}

#[tokio::test(start_paused = true)]
async fn one_tag_and_one_value_are_read_as_text() {
    let client = client();
    let id = instance(&client, "one").await.id;
    let tags = Tags::from([("role".to_owned(), "db".into()), ("n".to_owned(), 3.into())]);
    client.add_instance_tags(id, &tags).await.unwrap();
    let metadata = [("a:b".to_owned(), "line\n".to_owned())].into();
    client.add_instance_metadata(id, &metadata).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(client.get_instance_tag(id, "role").await.unwrap(), "db");
    assert_eq!(client.get_instance_tag(id, "n").await.unwrap(), "3");
    assert_eq!(status(client.get_instance_tag(id, "x").await), Some(404));
    assert_eq!(client.get_instance_metadata(id, "a:b").await.unwrap(), "line\n");
    client.delete_all_instance_metadata(id).await.unwrap();
    client.delete_all_instance_tags(id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(client.list_instance_tags(id).await.unwrap().is_empty());
    let left = client.list_instance_metadata(id).await.unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["root_authorized_keys"]);
}
