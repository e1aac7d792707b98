//! Every call of the manual is a method of the client: each is called once, and its own request is what comes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its tables too")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::builder;
use http_body_util::Full;
use tower::service_fn;
use triton_cloudapi::client::{BoxError, Client, Error, HttpRequest, RequestOutcome};
use triton_cloudapi::datacenters::AddForeignDatacenter;
use triton_cloudapi::disks::AddDisk;
use triton_cloudapi::fabrics::{CreateFabricNetwork, CreateFabricVlan};
use triton_cloudapi::images::CreateImage;
use triton_cloudapi::instances::{DiskSize, NetworkRequest};
use triton_cloudapi::keys::CreateKey;
use triton_cloudapi::migrations::MigrationAction;
use triton_cloudapi::policies::CreatePolicy;
use triton_cloudapi::role_tags::Taggable;
use triton_cloudapi::roles::CreateRole;
use triton_cloudapi::tags::Tags;
use triton_cloudapi::users::CreateUser;
use triton_cloudapi::{NetworkId, Secret};

const ID: &str = "00000000-0000-4000-8000-000000000001";

/// A client whose every call is refused, and the names of the calls it made.
struct Calls {
    client: Client,
    made: Arc<Mutex<Vec<&'static str>>>,
    seen: BTreeSet<&'static str>,
}

impl Calls {
    fn new() -> Self {
        let made = Arc::<Mutex<Vec<_>>>::default();
        let journal = Arc::clone(&made);
        let refuse = service_fn(|_: HttpRequest| async {
            let body =
                Full::new(Bytes::from_static(br#"{"code":"InvalidArgument","message":"no"}"#));
            Ok::<_, BoxError>(http::Response::builder().status(409).body(body)?)
        });
        let client = builder("https://cloud.example.com")
            .with_on_request(Arc::new(move |record| {
                assert_eq!(record.outcome, RequestOutcome::Status(409));
                journal.lock().unwrap().push(record.endpoint);
            }))
            .build_with_service(refuse)
            .unwrap();
        Self { client, made, seen: BTreeSet::new() }
    }

    /// The call makes one request, that of this endpoint, and fails because it is refused.
    async fn check<T>(
        &mut self,
        endpoint: &'static str,
        call: impl Future<Output = Result<T, Error>>,
    ) {
        let error = call.await.map(|_| ()).unwrap_err();
        assert_eq!(error.api().map(|error| error.status), Some(409), "{endpoint}: {error}");
        assert_eq!(std::mem::take(&mut *self.made.lock().unwrap()), [endpoint]);
        self.seen.insert(endpoint);
    }
}

macro_rules! check {
    ($calls:ident { $($endpoint:ident: $method:ident($($argument:expr),*);)* }) => {
        let client = $calls.client.clone();
        $($calls.check(stringify!($endpoint), client.$method($($argument),*)).await;)*
    };
}

#[tokio::test(start_paused = true)]
async fn every_call_of_the_manual_is_a_method() {
    let mut calls = Calls::new();
    account_calls(&mut calls).await;
    access_calls(&mut calls).await;
    instance_calls(&mut calls).await;
    belongings_calls(&mut calls).await;
    network_calls(&mut calls).await;
    let every = triton_cloudapi::endpoints().map(|endpoint| endpoint.name);
    let every: BTreeSet<&str> = every.collect();
    // These two are WebSockets, and tested as such.
    let missing: Vec<_> = every.difference(&calls.seen).copied().collect();
    assert_eq!(missing, ["Changefeed", "ConnectMachineVNC"]);
}

async fn account_calls(calls: &mut Calls) {
    let token = Secret::from("{}");
    let add = AddForeignDatacenter { name: "x".into(), url: "y".into(), token: "z".into() };
    check!(calls {
        Ping: ping();
        ListServices: list_services();
        ListDatacenters: list_datacenters();
        GetDatacenter: get_datacenter("x");
        ListForeignDatacenters: list_foreign_datacenters(&token);
        AddForeignDatacenter: add_foreign_datacenter(&token, &add);
        GetAccount: get_account();
        UpdateAccount: update_account(&Default::default());
        GetProvisioningLimits: get_provisioning_limits();
        GetConfig: get_config();
        UpdateConfig: update_config(ID.parse().unwrap());
        SetRoleTags: set_role_tags(&Taggable::Account, &[]);
    });
}

async fn access_calls(calls: &mut Calls) {
    let key = CreateKey { key: "ssh-ed25519 AAAA".to_owned(), ..CreateKey::default() };
    let user = CreateUser {
        login: "bob".into(),
        email: "b@x".into(),
        password: "pw".into(),
        contact: Default::default(),
    };
    let role = CreateRole { name: "ops".to_owned(), ..CreateRole::default() };
    let policy = CreatePolicy { name: "p".into(), rules: vec!["CAN x".into()], description: None };
    check!(calls {
        ListKeys: list_keys();
        CreateKey: create_key(&key);
        GetKey: get_key("k");
        GetKey: get_fresh_key("k");
        DeleteKey: delete_key("k");
        ListUserKeys: list_user_keys("bob");
        CreateUserKey: create_user_key("bob", &key);
        GetUserKey: get_user_key("bob", "k");
        DeleteUserKey: delete_user_key("bob", "k");
        ListAccessKeys: list_access_keys();
        CreateAccessKey: create_access_key();
        GetAccessKey: get_access_key("k");
        DeleteAccessKey: delete_access_key("k");
        ListUserAccessKeys: list_user_access_keys("bob");
        CreateUserAccessKey: create_user_access_key("bob");
        GetUserAccessKey: get_user_access_key("bob", "k");
        DeleteUserAccessKey: delete_user_access_key("bob", "k");
        ListUsers: list_users();
        CreateUser: create_user(&user);
        GetUser: get_user("bob");
        GetUser: get_user_with_roles("bob");
        UpdateUser: update_user("bob", &Default::default());
        ChangeUserPassword: change_user_password("bob", &"pw".into());
        DeleteUser: delete_user("bob");
        ListRoles: list_roles();
        CreateRole: create_role(&role);
        GetRole: get_role("ops");
        UpdateRole: update_role("ops", &Default::default());
        DeleteRole: delete_role("ops");
        ListPolicies: list_policies();
        CreatePolicy: create_policy(&policy);
        GetPolicy: get_policy("p");
        UpdatePolicy: update_policy("p", &Default::default());
        DeletePolicy: delete_policy("p");
    });
}

async fn instance_calls(calls: &mut Calls) {
    let id = ID.parse().unwrap();
    let tags = Tags::from([("a".to_owned(), "b".into())]);
    let metadata = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    check!(calls {
        ListMachines: list_instances(&Default::default());
        ListMachines: list_all_instances(&Default::default());
        CreateMachine: create_instance(&Default::default());
        GetMachine: find_instance(id);
        GetMachine: find_instance_with_credentials(id);
        DeleteMachine: delete_instance(id);
        StartMachine: start_instance(id);
        StopMachine: stop_instance(id);
        RebootMachine: reboot_instance(id);
        ResizeMachine: resize_instance(id, "g4");
        RenameMachine: rename_instance(id, "a");
        EnableMachineFirewall: enable_firewall(id);
        DisableMachineFirewall: disable_firewall(id);
        EnableMachineDeletionProtection: enable_deletion_protection(id);
        DisableMachineDeletionProtection: disable_deletion_protection(id);
        MachineAudit: list_instance_audit(id);
        ListMachineFirewallRules: list_instance_firewall_rules(id);
        ListMachineTags: list_instance_tags(id);
        AddMachineTags: add_instance_tags(id, &tags);
        ReplaceMachineTags: replace_instance_tags(id, &tags);
        GetMachineTag: get_instance_tag(id, "a");
        DeleteMachineTag: delete_instance_tag(id, "a");
        DeleteMachineTags: delete_all_instance_tags(id);
        ListMachineMetadata: list_instance_metadata(id);
        ListMachineMetadata: list_instance_metadata_with_credentials(id);
        AddMachineMetadata: add_instance_metadata(id, &metadata);
        GetMachineMetadata: get_instance_metadata(id, "a");
        DeleteMachineMetadata: delete_instance_metadata(id, "a");
        DeleteAllMachineMetadata: delete_all_instance_metadata(id);
    });
}

async fn belongings_calls(calls: &mut Calls) {
    let (id, image, disk, volume) =
        (ID.parse().unwrap(), ID.parse().unwrap(), ID.parse().unwrap(), ID.parse().unwrap());
    let network = NetworkRequest::from(ID.parse::<NetworkId>().unwrap());
    let mac = "90:b8:d0:00:00:01";
    check!(calls {
        ListImages: list_images(&Default::default());
        GetImage: get_image(image);
        CreateImageFromMachine: create_image(&CreateImage::new(id, "a", "1"));
        ImportImageFromDatacenter: import_image("x", image);
        UpdateImage: update_image(image, &Default::default());
        ExportImage: export_image(image, "/x");
        CloneImage: clone_image(image);
        DeleteImage: delete_image(image);
        ListPackages: list_packages(&Default::default());
        GetPackage: get_package("g4");
        ListMachineSnapshots: list_snapshots(id);
        CreateMachineSnapshot: create_snapshot(id, None);
        GetMachineSnapshot: get_snapshot(id, "s");
        StartMachineFromSnapshot: start_from_snapshot(id, "s");
        DeleteMachineSnapshot: delete_snapshot(id, "s");
        ListNics: list_nics(id);
        AddNic: add_nic(id, &network, false);
        GetNic: get_nic(id, mac);
        RemoveNic: remove_nic(id, mac);
        ListMachineDisks: list_disks(id);
        CreateMachineDisk: create_disk(id, &AddDisk::new(DiskSize::Remaining));
        GetMachineDisk: get_disk(id, disk);
        ResizeMachineDisk: resize_disk(id, disk, 1);
        ResizeMachineDisk: shrink_disk(id, disk, 1);
        DeleteMachineDisk: delete_disk(id, disk);
        MigrateMachineEstimate: estimate_migration(id);
        Migrate: migrate(id, MigrationAction::Begin);
        Migrate: watch_migration(id);
        ListMigrations: list_migrations();
        GetMigration: get_migration(id);
        ListVolumes: list_volumes(&Default::default());
        CreateVolume: create_volume(&Default::default());
        GetVolume: get_volume(volume);
        UpdateVolume: rename_volume(volume, "home");
        DeleteVolume: delete_volume(volume);
        ListVolumeSizes: list_volume_sizes();
    });
}

async fn network_calls(calls: &mut Calls) {
    let (network, rule) = (ID.parse().unwrap(), ID.parse().unwrap());
    let ip: IpAddr = [10, 0, 0, 5].into();
    let vlan = CreateFabricVlan { vlan_id: 4, name: "v".to_owned(), description: None };
    let fabric = CreateFabricNetwork {
        name: "n".to_owned(),
        subnet: "10.0.0.0/24".to_owned(),
        provision_start_ip: ip,
        provision_end_ip: ip,
        gateway: None,
        resolvers: Vec::new(),
        routes: BTreeMap::new(),
        description: None,
        internet_nat: None,
    };
    check!(calls {
        ListNetworks: list_networks(&Default::default());
        GetNetwork: get_network(network);
        ListNetworkIPs: list_network_ips(network, &Default::default());
        GetNetworkIP: get_network_ip(network, ip);
        UpdateNetworkIP: set_network_ip_reserved(network, ip, true);
        ListFabricVLANs: list_fabric_vlans();
        CreateFabricVLAN: create_fabric_vlan(&vlan);
        GetFabricVLAN: get_fabric_vlan(4);
        UpdateFabricVLAN: update_fabric_vlan(4, &Default::default());
        DeleteFabricVLAN: delete_fabric_vlan(4);
        ListFabricNetworks: list_fabric_networks(4);
        CreateFabricNetwork: create_fabric_network(4, &fabric);
        GetFabricNetwork: get_fabric_network(4, network);
        UpdateFabricNetwork: update_fabric_network(4, network, &Default::default());
        DeleteFabricNetwork: delete_fabric_network(4, network);
        ListFirewallRules: list_firewall_rules();
        CreateFirewallRule: create_firewall_rule(&Default::default());
        GetFirewallRule: get_firewall_rule(rule);
        UpdateFirewallRule: update_firewall_rule(rule, &Default::default());
        EnableFirewallRule: enable_firewall_rule(rule);
        DisableFirewallRule: disable_firewall_rule(rule);
        DeleteFirewallRule: delete_firewall_rule(rule);
        ListFirewallRuleMachines: list_firewall_rule_instances(rule);
    });
}
