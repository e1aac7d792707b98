//! The addresses in a pod's status, as the API server accepts them: `podIP` is the first of `podIPs`, and there is at most
//! one of each family (`validatePodIPs` and `validateHostIPs` in its validation).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};

/// The first address of each family, in their order; what is no address is left out.
#[must_use]
pub fn first_of_each_family<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut chosen: Vec<IpAddr> = Vec::new();
    for ip in addresses.into_iter().filter_map(|address| address.parse::<IpAddr>().ok()) {
        if !chosen.iter().any(|known| known.is_ipv4() == ip.is_ipv4()) {
            chosen.push(ip);
        }
    }
    chosen.iter().map(ToString::to_string).collect()
}

/// Puts the addresses of `status` into that form; the host's are the node's where the provider names none.
pub fn complete(status: &mut PodStatus, node_ips: &[String]) {
    let all = |first: &Option<String>, more: Vec<String>| -> Vec<String> {
        first.iter().cloned().chain(more).collect()
    };
    let pod =
        all(&status.pod_ip, status.pod_ips.iter().flatten().map(|ip| ip.ip.clone()).collect());
    let pod = first_of_each_family(pod.iter().map(String::as_str));
    let mut host =
        all(&status.host_ip, status.host_ips.iter().flatten().map(|ip| ip.ip.clone()).collect());
    if host.is_empty() {
        host = node_ips.to_vec();
    }
    let host = first_of_each_family(host.iter().map(String::as_str));

    status.pod_ip = pod.first().cloned();
    status.host_ip = host.first().cloned();
    status.pod_ips = (!pod.is_empty()).then(|| pod.into_iter().map(|ip| PodIP { ip }).collect());
    status.host_ips =
        (!host.is_empty()).then(|| host.into_iter().map(|ip| HostIP { ip }).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: &[&str]) {
        assert_eq!(first_of_each_family(addresses.iter().copied()), expected);
    }

    #[test]
    fn there_is_one_of_each_family() {
        check(
            &["192.0.2.1", "198.51.100.1", "2001:db8::1", "2001:db8::2"],
            &["192.0.2.1", "2001:db8::1"],
        );
        check(&["2001:db8::1", "192.0.2.1"], &["2001:db8::1", "192.0.2.1"]);
        check(&["192.0.2.1", "192.0.2.1"], &["192.0.2.1"]);
        check(&["dhcp", "192.0.2.1"], &["192.0.2.1"]);
        check(&[], &[]);
    }

    #[test]
    fn the_single_address_comes_first() {
        let ips =
            |list: &[&str]| Some(list.iter().map(|ip| PodIP { ip: (*ip).to_owned() }).collect());
        let mut status = PodStatus {
            pod_ip: Some("192.0.2.2".to_owned()),
            pod_ips: ips(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
            ..PodStatus::default()
        };
        complete(&mut status, &["198.51.100.1".to_owned(), "198.51.100.2".to_owned()]);
        assert_eq!(status.pod_ips, ips(&["192.0.2.2", "2001:db8::1"]));
        assert_eq!(status.host_ip.as_deref(), Some("198.51.100.1"));
        assert_eq!(status.host_ips.unwrap().len(), 1);
    }
}
