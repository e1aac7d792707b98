//! Every request in a row: method, path, query and body as the manual has them, and whether it may be sent twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its tables too")]

#[path = "requests/account.rs"]
mod account_section;
#[path = "requests/answers.rs"]
mod answers;
#[path = "requests/instances.rs"]
mod instances_section;
#[path = "requests/networks.rs"]
mod networks_section;

use std::collections::BTreeSet;

use serde_json::Value;
use triton_cloudapi::request::{Group, Idempotency};
use triton_cloudapi::{Request, RequestError, endpoints};

const ID: &str = "00000000-0000-4000-8000-000000000001";
const OTHER: &str = "00000000-0000-4000-8000-000000000002";

/// Every call of the manual and of the server's routes, but the documents'.
const NAMES: &str = "
    Ping ListServices ListDatacenters GetDatacenter ListForeignDatacenters AddForeignDatacenter
    GetAccount UpdateAccount GetProvisioningLimits GetConfig UpdateConfig SetRoleTags
    ListKeys CreateKey GetKey DeleteKey ListUserKeys CreateUserKey GetUserKey DeleteUserKey
    ListAccessKeys CreateAccessKey GetAccessKey DeleteAccessKey
    ListUserAccessKeys CreateUserAccessKey GetUserAccessKey DeleteUserAccessKey
    ListUsers CreateUser GetUser UpdateUser ChangeUserPassword DeleteUser
    ListRoles CreateRole GetRole UpdateRole DeleteRole
    ListPolicies CreatePolicy GetPolicy UpdatePolicy DeletePolicy
    ListImages GetImage DeleteImage CreateImageFromMachine ImportImageFromDatacenter UpdateImage ExportImage CloneImage
    ListPackages GetPackage
    ListMachines CreateMachine GetMachine DeleteMachine StartMachine StopMachine RebootMachine ResizeMachine
    RenameMachine EnableMachineFirewall DisableMachineFirewall EnableMachineDeletionProtection
    DisableMachineDeletionProtection MachineAudit ConnectMachineVNC ListMachineFirewallRules
    ListMachineSnapshots CreateMachineSnapshot GetMachineSnapshot DeleteMachineSnapshot StartMachineFromSnapshot
    ListMachineMetadata AddMachineMetadata DeleteAllMachineMetadata GetMachineMetadata DeleteMachineMetadata
    ListMachineTags AddMachineTags ReplaceMachineTags DeleteMachineTags GetMachineTag DeleteMachineTag
    ListNics AddNic GetNic RemoveNic
    ListMachineDisks CreateMachineDisk GetMachineDisk DeleteMachineDisk ResizeMachineDisk
    MigrateMachineEstimate Migrate ListMigrations GetMigration
    ListFirewallRules CreateFirewallRule GetFirewallRule UpdateFirewallRule EnableFirewallRule DisableFirewallRule
    DeleteFirewallRule ListFirewallRuleMachines
    ListNetworks GetNetwork ListNetworkIPs GetNetworkIP UpdateNetworkIP
    ListFabricVLANs CreateFabricVLAN GetFabricVLAN UpdateFabricVLAN DeleteFabricVLAN
    ListFabricNetworks CreateFabricNetwork GetFabricNetwork UpdateFabricNetwork DeleteFabricNetwork
    Changefeed ListVolumes CreateVolume GetVolume UpdateVolume DeleteVolume ListVolumeSizes
";

/// The calls that rows were written about.
#[derive(Default)]
struct Rows(BTreeSet<&'static str>);

impl Rows {
    /// `line` is `METHOD target`, and the body as JSON if there is one; `ID` and `OTHER` stand for UUIDs.
    #[track_caller]
    fn check<T>(
        &mut self,
        line: &str,
        idempotency: Idempotency,
        request: Result<Request<T>, RequestError>,
    ) {
        let request = request.unwrap();
        let line = line.replace("OTHER", OTHER).replace("ID", ID);
        let mut expected = line.splitn(3, ' ');
        let http = &request.http;
        assert_eq!(Some(http.method().as_str()), expected.next());
        assert_eq!(http.uri().path_and_query().map(|target| target.as_str()), expected.next());
        let body = (!http.body().is_empty())
            .then(|| serde_json::from_slice::<Value>(http.body()).unwrap());
        let expected = expected.next().map(|body| serde_json::from_str::<Value>(body).unwrap());
        assert_eq!(body, expected);
        assert_eq!(http.headers().contains_key("content-type"), body.is_some());
        assert_eq!(request.endpoint.idempotency, idempotency, "{}", request.endpoint.name);
        self.0.insert(request.endpoint.name);
    }

    #[track_caller]
    fn read<T>(&mut self, target: &str, request: Result<Request<T>, RequestError>) {
        self.check(&format!("GET {target}"), Idempotency::Read, request);
    }

    #[track_caller]
    fn once<T>(&mut self, line: &str, request: Result<Request<T>, RequestError>) {
        self.check(line, Idempotency::Never, request);
    }

    #[track_caller]
    fn set<T>(&mut self, line: &str, request: Result<Request<T>, RequestError>) {
        self.check(line, Idempotency::Idempotent, request);
    }
}

#[test]
fn every_call_of_the_manual_has_a_request_and_each_has_a_row() {
    let manual: BTreeSet<&str> = NAMES.split_whitespace().collect();
    let ours: BTreeSet<&str> = endpoints().map(|endpoint| endpoint.name).collect();
    assert_eq!(ours, manual);
    assert_eq!(endpoints().count(), ours.len(), "a name is there twice");
    let mut rows = Rows::default();
    account_section::rows(&mut rows);
    instances_section::rows(&mut rows);
    networks_section::rows(&mut rows);
    assert_eq!(rows.0, manual);
}

#[test]
fn calls_are_counted_where_the_server_counts_them() {
    let group = |name: &str| endpoints().find(|endpoint| endpoint.name == name).unwrap().group;
    for name in NAMES.split_whitespace().filter(|name| name.contains("Machine")) {
        let elsewhere = matches!(name, "CreateImageFromMachine");
        assert_eq!(group(name) == Group::Machines, !elsewhere, "{name}");
    }
    for (name, expected) in [
        ("ListFirewallRules", Group::Machines),
        ("ListMigrations", Group::Machines),
        ("ListNics", Group::Nics),
        ("ListImages", Group::Images),
        ("CreateFabricNetwork", Group::Networks),
        ("ListNetworkIPs", Group::Networks),
        ("ListUserKeys", Group::Keys),
        ("SetRoleTags", Group::Resources),
        ("GetProvisioningLimits", Group::Account),
        ("Ping", Group::Unlimited),
    ] {
        assert_eq!(group(name), expected, "{name}");
    }
    let counted: BTreeSet<Group> = endpoints().map(|endpoint| endpoint.group).collect();
    for group in Group::LIMITED {
        assert!(counted.contains(&group), "{group:?}");
    }
}
