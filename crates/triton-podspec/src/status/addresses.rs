//! hostIP(s) and podIP(s): at most two of each, one per family, the first of the list being the single one.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};

use super::{Observed, StatusInputs};

/// Fills in addresses; those that were published stay when nothing newer is known, as a pod that has ended still
/// shows its address.
pub(super) fn fill(inputs: &StatusInputs<'_>, status: &mut PodStatus) {
    let published = inputs.published();
    let host = one_per_family(inputs.host_ips.iter().copied());
    status.host_ip = host.first().map(ToString::to_string);
    status.host_ips =
        (!host.is_empty()).then(|| host.iter().map(|ip| HostIP { ip: ip.to_string() }).collect());
    let pod = inputs.instance().map(addresses).unwrap_or_default();
    if pod.is_empty() {
        status.pod_ip = published.and_then(|status| status.pod_ip.clone());
        status.pod_ips = published.and_then(|status| status.pod_ips.clone());
    } else {
        status.pod_ip = pod.first().map(ToString::to_string);
        status.pod_ips = Some(pod.iter().map(|ip| PodIP { ip: ip.to_string() }).collect());
    }
}

/// The primary address first. CloudAPI may say `dhcp` where an address would be.
fn addresses(instance: &Observed) -> Vec<IpAddr> {
    let all = instance.primary_ip.iter().chain(&instance.ips);
    one_per_family(all.filter_map(|ip| ip.parse().ok()))
}

fn one_per_family(all: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for ip in all {
        if kept.iter().all(|other| other.is_ipv4() != ip.is_ipv4()) {
            kept.push(ip);
        }
    }
    kept
}
