//! CNS, Triton's DNS: which names instances have, and whom a service's name means.
//!
//! Names change some time after the instances: see [`Delays::cns`](crate::Delays::cns).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::tags::{CnsService, cns_services};
use super::{Instance, InstanceState, World};

/// The zone of the datacenter; there is one, and it holds all networks.
pub(crate) const ZONE: &str = "sim-1.cns.example.com";

/// An alias this long is no label.
const LABEL_LENGTH_MAX: usize = 63;

/// How long a resolver may keep an answer, in seconds.
pub(crate) const TTL_SECONDS: u32 = 30;

/// What CNS last saw of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CnsInstance {
    owner: Uuid,
    id: Uuid,
    alias: String,
    /// Addresses, each with the name of its network if the account owns that.
    addresses: Vec<(Ipv4Addr, Option<String>)>,
    services: Vec<CnsService>,
    /// Whether services' names mean it too.
    in_services: bool,
    reverse: Option<String>,
    acme_challenges: Vec<String>,
}

/// A name, and what it resolves to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResolvedName {
    /// The whole name, without a dot at the end.
    pub name: String,
    /// A records, in order.
    pub addresses: Vec<Ipv4Addr>,
    /// TXT records: UUIDs of instances, or challenges.
    pub texts: Vec<String>,
    /// SRV records: target and port.
    pub services: Vec<(String, u16)>,
    /// How long a resolver may keep this, in seconds.
    pub ttl_seconds: u32,
}

/// Names while they are collected, sorted.
type Names = BTreeMap<String, ResolvedName>;

/// What CNS has published, by instance.
pub(crate) type CnsZone = BTreeMap<Uuid, CnsInstance>;

// === impl CnsInstance ===

impl CnsInstance {
    /// The name its services lead to: by its alias, unless that is too long for DNS.
    fn dns_name(&self) -> String {
        match self.alias.len() {
            0..LABEL_LENGTH_MAX => format!("{}.inst.{}", dnsify(&self.alias), self.owner),
            _ => format!("{}.inst.{}", self.id, self.owner),
        }
    }

    /// Whether one of its names could be this, in lower case.
    fn may_be(&self, wanted: &str) -> bool {
        wanted.contains(&self.owner.to_string())
            && (wanted.contains(&self.id.to_string())
                || wanted.contains(&dnsify(&self.alias))
                || self.services.iter().any(|s| wanted.contains(&s.name.to_lowercase())))
    }

    /// Names of the instance itself, without the zone, each with the addresses it means.
    fn own_names(&self) -> Vec<(String, Vec<Ipv4Addr>)> {
        let bases = BTreeSet::from([format!("{}.inst.{}", self.id, self.owner), self.dns_name()]);
        bases.iter().flat_map(|base| self.on_networks(base)).collect()
    }

    /// A name for all addresses, and one for those of each network of the account.
    fn on_networks(&self, base: &str) -> Vec<(String, Vec<Ipv4Addr>)> {
        let all = self.addresses.iter().map(|(ip, _)| *ip).collect();
        let networks: BTreeSet<&String> =
            self.addresses.iter().filter_map(|(_, network)| network.as_ref()).collect();
        let on = |network: &String| {
            let ips = self.addresses.iter().filter(|(_, of)| of.as_ref() == Some(network));
            (format!("{}.{base}", dnsify(network)), ips.map(|(ip, _)| *ip).collect())
        };
        std::iter::once((base.to_owned(), all)).chain(networks.into_iter().map(on)).collect()
    }

    /// Names of its services, without the zone.
    fn service_names(&self) -> Vec<(String, Vec<Ipv4Addr>, &CnsService)> {
        let mut names = Vec::new();
        for service in &self.services {
            let base = format!("{}.svc.{}", service.name, self.owner);
            let on = self.on_networks(&base).into_iter();
            names.extend(on.map(|(name, ips)| (name, ips, service)));
        }
        names
    }
}

// === impl World ===

impl World {
    /// What GetMachine shows as `dns_names`: all names with the instance in them.
    pub(crate) fn dns_names(&self, id: Uuid) -> Vec<String> {
        let Some(seen) = self.cns.get(&id) else { return Vec::new() };
        let own = seen.own_names().into_iter().map(|(name, _)| name);
        let services = seen.service_names().into_iter().filter(|_| seen.in_services);
        let names: BTreeSet<String> = own.chain(services.map(|(name, ..)| name)).collect();
        names.into_iter().map(|name| format!("{name}.{ZONE}")).collect()
    }

    /// Has CNS look, after a while, at those that would show it something new.
    pub(super) fn settle_cns(&mut self, now: Timestamp) {
        let behind = |id: &Uuid| self.cns.get(id) != self.cns_view(*id).as_ref();
        let mut due: Vec<Uuid> =
            self.instances.touched().filter(|id| behind(id)).copied().collect();
        let enabled = self.accounts.values().filter(|account| account.cns_enabled);
        let enabled: BTreeSet<Uuid> = enabled.map(|account| account.id).collect();
        if enabled != self.cns_accounts {
            let switched: Vec<Uuid> =
                enabled.symmetric_difference(&self.cns_accounts).copied().collect();
            due.extend(switched.iter().flat_map(|owner| self.active_of(*owner)).map(|i| i.id));
            self.cns_accounts = enabled;
        }
        for id in due {
            self.schedule_cns(id, now);
        }
    }

    /// Has CNS look at everything, as after loading.
    pub(super) fn publish_all(&mut self) {
        let ids: Vec<Uuid> = self.instances.keys().copied().collect();
        ids.into_iter().for_each(|id| self.publish(id));
        let enabled = self.accounts.values().filter(|account| account.cns_enabled);
        self.cns_accounts = enabled.map(|account| account.id).collect();
    }

    /// Has CNS look at an instance.
    pub(super) fn publish(&mut self, id: Uuid) {
        match self.cns_view(id) {
            Some(seen) => self.cns.insert(id, seen),
            None => self.cns.remove(&id),
        };
    }

    /// All names, sorted.
    pub(crate) fn cns_names(&self) -> Vec<ResolvedName> {
        let mut names = Names::new();
        self.cns.values().for_each(|seen| add_instance(&mut names, seen));
        names.into_values().collect()
    }

    /// What a name means now. DNS knows no letter case.
    pub(crate) fn resolve(&self, name: &str) -> Option<ResolvedName> {
        let wanted = name.trim_end_matches('.').to_ascii_lowercase();
        let mut names = Names::new();
        let meant = self.cns.values().filter(|seen| seen.may_be(&wanted));
        meant.for_each(|seen| add_instance(&mut names, seen));
        names.into_values().find(|resolved| resolved.name.eq_ignore_ascii_case(&wanted))
    }

    /// `None` for an instance that has no names.
    fn cns_view(&self, id: Uuid) -> Option<CnsInstance> {
        let instance = self.instances.get(&id).filter(|instance| instance.state.is_active())?;
        let tag = |key: &str| instance.tags.get(key);
        let reverse = tag("triton.cns.reverse_ptr").and_then(Value::as_str).map(str::to_owned);
        let is_enabled = self.accounts.get(&instance.owner).is_some_and(|a| a.cns_enabled);
        // The tag gives names to an instance of an account that has none.
        if !is_enabled && reverse.is_none() {
            return None;
        }
        if tag("triton.cns.disable").is_some_and(|disable| *disable != Value::Bool(false)) {
            return None;
        }
        let in_services = is_enabled
            && instance.state == InstanceState::Running
            && self.is_home_up(id)
            && is_status_up(instance);
        let services = tag("triton.cns.services").and_then(Value::as_str);
        let challenges = instance.metadata.get("triton.cns.acme-challenge").and_then(Value::as_str);
        let network_name = |id: Uuid| {
            let network = self.catalog.find_network(id).filter(|network| network.fabric);
            network.map(|network| network.name.clone())
        };
        let addresses = instance.nics.iter().map(|nic| (nic.ip, network_name(nic.network)));
        Some(CnsInstance {
            owner: instance.owner,
            id,
            alias: instance.name.clone(),
            addresses: addresses.collect(),
            services: services.map(cns_services).unwrap_or_default(),
            in_services,
            reverse,
            acme_challenges: challenges
                .map(|text| text.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    }
}

/// What names of an account end in: those of services, and those of instances.
pub(crate) fn dns_suffixes(account: Uuid) -> [String; 2] {
    ["svc", "inst"].map(|kind| format!("{kind}.{account}.{ZONE}"))
}

/// Metadata `triton.cns.status`: whatever is not `up` drains the instance.
fn is_status_up(instance: &Instance) -> bool {
    instance.metadata.get("triton.cns.status").is_none_or(|status| status == "up")
}

fn add_instance(names: &mut Names, seen: &CnsInstance) {
    for (name, ips) in seen.own_names() {
        let resolved = entry(names, &name);
        resolved.addresses.extend(ips);
        resolved.texts.push(seen.id.to_string());
        add_challenges(names, seen, &name);
    }
    let target = format!("{}.{ZONE}", seen.dns_name());
    for (name, ips, service) in seen.service_names() {
        let resolved = entry(names, &name);
        if seen.in_services {
            resolved.addresses.extend(ips);
            resolved.texts.push(seen.id.to_string());
            resolved.services.extend(service.ports.iter().map(|port| (target.clone(), *port)));
        } else {
            // CNS looks after it, but nobody is sent there.
            resolved.texts.push(format!("verifying:{}", seen.id));
        }
        add_challenges(names, seen, &name);
    }
}

fn add_challenges(names: &mut Names, seen: &CnsInstance, name: &str) {
    if !seen.acme_challenges.is_empty() {
        let challenges = seen.acme_challenges.iter().cloned();
        entry(names, &format!("_acme-challenge.{name}")).texts.extend(challenges);
    }
}

fn entry<'a>(names: &'a mut Names, name: &str) -> &'a mut ResolvedName {
    let name = format!("{name}.{ZONE}");
    names.entry(name.clone()).or_insert_with(|| ResolvedName {
        name,
        ttl_seconds: TTL_SECONDS,
        ..ResolvedName::default()
    })
}

/// As a DNS label: lower case, and a dash for each run of other characters.
pub(crate) fn dnsify(text: &str) -> String {
    let mut label = String::new();
    let mut in_run = false;
    for c in text.to_lowercase().chars() {
        let good = c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if good {
            label.push(c);
        } else if !in_run {
            label.push('-');
        }
        in_run = !good;
    }
    label
}

#[cfg(test)]
mod tests;
