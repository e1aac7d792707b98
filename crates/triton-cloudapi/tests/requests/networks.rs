//! Networks, fabrics and the firewall.

use std::net::IpAddr;

use triton_cloudapi::fabrics::{
    self, CreateFabricNetwork, CreateFabricVlan, UpdateFabricNetwork, UpdateFabricVlan,
};
use triton_cloudapi::firewall_rules::{self, CreateFirewallRule, UpdateFirewallRule};
use triton_cloudapi::network_ips::{self, ListNetworkIps};
use triton_cloudapi::networks::{self, ListNetworks};

use super::{ID, Rows};

pub(crate) fn rows(rows: &mut Rows) {
    network_calls(rows);
    vlan_calls(rows);
    fabric_network_calls(rows);
    firewall_calls(rows);
}

fn network_calls(rows: &mut Rows) {
    let id = ID.parse().unwrap();
    let ip: IpAddr = [10, 0, 0, 5].into();
    rows.read("/networks", networks::list(&ListNetworks::default()));
    rows.read("/networks?fabric=false", networks::list(&ListNetworks { fabric: Some(false) }));
    rows.read("/networks/ID", networks::get(id));
    rows.read("/networks/ID/ips", network_ips::list(id, &ListNetworkIps::default()));
    let part = ListNetworkIps { limit: Some(10), offset: Some(20) };
    rows.read("/networks/ID/ips?limit=10&offset=20", network_ips::list(id, &part));
    rows.read("/networks/ID/ips/10.0.0.5", network_ips::get(id, ip));
    rows.set(
        r#"PUT /networks/ID/ips/10.0.0.5 {"reserved":true}"#,
        network_ips::set_reserved(id, ip, true),
    );
    assert!(network_ips::list(id, &ListNetworkIps { limit: Some(1001), offset: None }).is_err());
}

fn vlan_calls(rows: &mut Rows) {
    rows.read("/fabrics/default/vlans", fabrics::list_vlans());
    let create = CreateFabricVlan { vlan_id: 4, name: "v".to_owned(), description: None };
    rows.once(
        r#"POST /fabrics/default/vlans {"vlan_id":4,"name":"v"}"#,
        fabrics::create_vlan(&create),
    );
    rows.read("/fabrics/default/vlans/4", fabrics::get_vlan(4));
    let update = UpdateFabricVlan { name: Some("w".to_owned()), ..UpdateFabricVlan::default() };
    rows.set(r#"PUT /fabrics/default/vlans/4 {"name":"w"}"#, fabrics::update_vlan(4, &update));
    rows.set("DELETE /fabrics/default/vlans/4", fabrics::delete_vlan(4));
    assert!(fabrics::delete_vlan(4095).is_ok() && fabrics::delete_vlan(4096).is_err());
    assert!(fabrics::create_vlan(&CreateFabricVlan { vlan_id: 5000, ..create.clone() }).is_err());
    assert!(fabrics::create_vlan(&CreateFabricVlan { name: String::new(), ..create }).is_err());
}

fn fabric_network_calls(rows: &mut Rows) {
    let id = ID.parse().unwrap();
    let create = CreateFabricNetwork {
        name: "n".to_owned(),
        subnet: "10.50.1.0/24".to_owned(),
        provision_start_ip: [10, 50, 1, 5].into(),
        provision_end_ip: [10, 50, 1, 250].into(),
        gateway: Some([10, 50, 1, 1].into()),
        resolvers: vec![[8, 8, 8, 8].into()],
        routes: [("10.9.0.0/16".to_owned(), [10, 50, 1, 2].into())].into(),
        description: None,
        internet_nat: Some(false),
    };
    rows.read("/fabrics/default/vlans/4/networks", fabrics::list_networks(4));
    rows.once(
        r#"POST /fabrics/default/vlans/4/networks {"name":"n","subnet":"10.50.1.0/24","provision_start_ip":"10.50.1.5","provision_end_ip":"10.50.1.250","gateway":"10.50.1.1","resolvers":["8.8.8.8"],"routes":{"10.9.0.0/16":"10.50.1.2"},"internet_nat":false}"#,
        fabrics::create_network(4, &create),
    );
    rows.read("/fabrics/default/vlans/4/networks/ID", fabrics::get_network(4, id));
    let update = UpdateFabricNetwork { resolvers: Some(vec![]), ..UpdateFabricNetwork::default() };
    rows.set(
        r#"PUT /fabrics/default/vlans/4/networks/ID {"resolvers":[]}"#,
        fabrics::update_network(4, id, &update),
    );
    rows.set("DELETE /fabrics/default/vlans/4/networks/ID", fabrics::delete_network(4, id));
    let resolvers = vec![[8, 8, 8, 8].into(); 5];
    assert!(fabrics::create_network(4, &CreateFabricNetwork { resolvers, ..create }).is_err());
}

fn firewall_calls(rows: &mut Rows) {
    let id = ID.parse().unwrap();
    rows.read("/fwrules", firewall_rules::list());
    let create = CreateFirewallRule {
        rule: "FROM any TO all vms ALLOW tcp PORT 22".to_owned(),
        log: true,
        description: Some("ssh".to_owned()),
        ..CreateFirewallRule::default()
    };
    rows.once(
        r#"POST /fwrules {"rule":"FROM any TO all vms ALLOW tcp PORT 22","enabled":false,"log":true,"description":"ssh"}"#,
        firewall_rules::create(&create),
    );
    rows.read("/fwrules/ID", firewall_rules::get(id));
    let update = UpdateFirewallRule { enabled: Some(false), ..UpdateFirewallRule::default() };
    rows.set(r#"POST /fwrules/ID {"enabled":false}"#, firewall_rules::update(id, &update));
    rows.set("POST /fwrules/ID/enable", firewall_rules::enable(id));
    rows.set("POST /fwrules/ID/disable", firewall_rules::disable(id));
    rows.set("DELETE /fwrules/ID", firewall_rules::delete(id));
    rows.read("/fwrules/ID/machines", firewall_rules::list_instances(id));
    rows.read("/machines/ID/fwrules", firewall_rules::list_of_instance(ID.parse().unwrap()));
    let long = Some("ä".repeat(256));
    let update = UpdateFirewallRule { description: long, ..UpdateFirewallRule::default() };
    assert!(firewall_rules::update(id, &update).is_err());
}
