//! Tags: which values they may have, and the closed set of `triton.*` keys.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

const GROUPS_MAX: usize = 100;
const GROUP_LENGTH_MAX: usize = 100;
const DNS_NAME_LENGTH_MAX: usize = 255;
const LABEL_LENGTH_MAX: usize = 63;

/// Prefixes of tags that only the Docker API may set (`sdc_docker` itself is exact).
const DOCKER_RESERVED: [&str; 7] = [
    "docker:label:triton.",
    "docker:label:com.docker.",
    "docker:label:com.dockerproject.",
    "docker:label:io.docker.",
    "docker:label:io.dockerproject.",
    "docker:label:org.docker.",
    "docker:label:org.dockerproject.",
];

/// Checks all tags of a request.
///
/// # Errors
/// 409 ValidationFailed for a value that is not a string, number or boolean, for an unknown `triton.*` key, for a known
/// one with the wrong type or grammar, and for Docker's reserved keys.
pub(crate) fn check_tags(tags: &Map<String, Value>) -> Result<(), Refusal> {
    tags.iter().try_for_each(|(key, value)| check_tag(key, value))
}

/// Whether a tag is Docker's, which nobody can add, change or remove here.
pub(crate) fn is_docker_reserved(key: &str) -> bool {
    key == "sdc_docker" || DOCKER_RESERVED.iter().any(|prefix| key.starts_with(prefix))
}

/// How a tag value compares: by its text.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check_tag(key: &str, value: &Value) -> Result<(), Refusal> {
    let refuse =
        |message: &str| Err(Refusal::validation("tags", "Invalid", format!("{message}: {key}")));
    if !(value.is_string() || value.is_number() || value.is_boolean()) {
        return refuse("Forbidden Data Type");
    }
    if is_docker_reserved(key) {
        return refuse("Special tag not supported");
    }
    if !key.starts_with("triton.") {
        return Ok(());
    }
    let fits = match key {
        "triton.cns.services" => value.as_str().map(is_cns_services),
        "triton.cns.disable"
        | "triton.placement.exclude_virtual_servers"
        | "triton._test.boolean" => value.as_bool().map(|_| true),
        "triton.cns.reverse_ptr" => value.as_str().map(is_dns_name),
        "triton.cmon.groups" => value.as_str().map(is_cmon_groups),
        "triton.network.public" | "triton.network.public_ipv4" | "triton._test.string" => {
            value.as_str().map(|_| true)
        }
        "triton._test.number" => value.as_f64().map(|_| true),
        _ => return refuse("Unrecognized special triton tag"),
    };
    match fits {
        Some(true) => Ok(()),
        Some(false) => refuse("Invalid value of triton tag"),
        None => refuse("Triton tag value has the wrong type"),
    }
}

/// `svc ("," svc)*` with `svc = label [":" port] (":" key "=" value)*`.
fn is_cns_services(text: &str) -> bool {
    text.split(',').all(is_cns_service)
}

fn is_cns_service(text: &str) -> bool {
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default();
    if !(is_label(name) || is_srv_label(name)) {
        return false;
    }
    parts.enumerate().all(|(index, part)| match part.split_once('=') {
        None => index == 0 && is_port(part),
        Some(("port", value)) => is_port(value),
        Some(("priority" | "weight", value)) => is_number(value, 0),
        Some(_) => false,
    })
}

/// A service that tag `triton.cns.services` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CnsService {
    pub(crate) name: String,
    /// Those it has SRV records for.
    pub(crate) ports: Vec<u16>,
}

/// Reads the tag; of one name there is one service, with all ports. What is no such tag names none.
pub(super) fn cns_services(text: &str) -> Vec<CnsService> {
    let mut services: Vec<CnsService> = Vec::new();
    if !is_cns_services(text) {
        return services;
    }
    for part in text.split(',') {
        let mut parts = part.split(':');
        let name = parts.next().unwrap_or_default();
        let port = parts.find_map(|part| match part.split_once('=') {
            None => part.parse().ok(),
            Some(("port", port)) => port.parse().ok(),
            Some(_) => None,
        });
        match services.iter_mut().find(|service| service.name == name) {
            Some(service) => service.ports.extend(port),
            None => services
                .push(CnsService { name: name.to_owned(), ports: port.into_iter().collect() }),
        }
    }
    services
}

fn is_port(text: &str) -> bool {
    is_number(text, 1)
}

fn is_number(text: &str, min: u16) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|number| number >= min)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty()
        && text.len() <= LABEL_LENGTH_MAX
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `_http._tcp`, RFC 2782.
fn is_srv_label(text: &str) -> bool {
    let Some((service, protocol)) = text.split_once('.') else { return false };
    let named = |part: &str| part.strip_prefix('_').is_some_and(is_label);
    named(service) && matches!(protocol, "_tcp" | "_udp")
}

fn is_dns_name(text: &str) -> bool {
    text.len() <= DNS_NAME_LENGTH_MAX && text.trim_end_matches('.').split('.').all(is_label)
}

fn is_cmon_groups(text: &str) -> bool {
    let groups: Vec<&str> = text.split(',').collect();
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let good = |group: &str| {
        !group.is_empty() && group.len() <= GROUP_LENGTH_MAX && group.chars().all(word)
    };
    let unique: std::collections::BTreeSet<_> = groups.iter().collect();
    groups.len() <= GROUPS_MAX
        && unique.len() == groups.len()
        && groups.iter().all(|group| good(group))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(key: &str, value: Value, good: bool) {
        assert_eq!(check_tag(key, &value).is_ok(), good, "{key} = {value}");
    }

    #[test]
    fn values_are_strings_numbers_and_booleans() {
        check("role", json!("web"), true);
        check("replica", json!(3), true);
        check("canary", json!(true), true);
        check("role", json!(null), false);
        check("role", json!({}), false);
        check("role", json!([]), false);
    }

    #[test]
    fn triton_keys_are_a_closed_set() {
        check("triton.kubelet", json!("x"), false);
        check("triton.cns.disable", json!(true), true);
        check("triton.cns.disable", json!("true"), false);
        check("triton.cns.reverse_ptr", json!("host.example.com"), true);
        check("triton.cns.reverse_ptr", json!("not a name"), false);
        check("triton.cmon.groups", json!("a,b_c"), true);
        check("triton.cmon.groups", json!("a,a"), false);
        check("triton.network.public", json!("external"), true);
        check("triton._test.number", json!(1), true);
    }

    #[test]
    fn cns_services_have_a_grammar() {
        for good in
            ["ubuntu", "web:8080,api:9000:weight=5", "_http._tcp:80", "web:port=80:priority=0"]
        {
            check("triton.cns.services", json!(good), true);
        }
        for bad in [
            "",
            "web,",
            "web:0",
            "web:65536",
            "web:x=1",
            "-web",
            "a b",
            "web:weight=5:80",
            "_http._sctp",
        ] {
            check("triton.cns.services", json!(bad), false);
        }
        check("triton.cns.services", json!(80), false);
    }

    #[test]
    fn docker_tags_are_reserved() {
        check("sdc_docker", json!(true), false);
        check("docker:label:com.docker.x", json!("1"), false);
        check("docker:label:mine", json!("1"), true);
    }
}
