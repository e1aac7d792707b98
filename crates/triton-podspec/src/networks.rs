//! Which networks the instance is on.

use triton_cloudapi::NetworkId;

use crate::annotations::{self, NETWORKS, PREFIX};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::nearest::hint;
use crate::rules;

/// The networks in the order given; `None` lets the server choose, when neither pod nor operator says anything.
pub(crate) fn networks(inputs: &Inputs<'_>, findings: &mut Findings) -> Option<Vec<NetworkId>> {
    let Some(annotation) = annotations::find(inputs.pod, NETWORKS) else {
        let defaults = &inputs.defaults.networks;
        let names = defaults.iter().map(String::as_str);
        let path = annotations::path(&format!("{PREFIX}{NETWORKS}"));
        return (!defaults.is_empty()).then(|| resolve(inputs, names, &path, findings));
    };
    let names: Vec<&str> =
        annotation.value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        findings.add(
            &rules::MALFORMED_ANNOTATION,
            annotation.path,
            "no network is named; write UUIDs or names separated by commas, or remove the annotation",
        );
        return None;
    }
    Some(resolve(inputs, names, &annotation.path, findings))
}

fn resolve<'n>(
    inputs: &Inputs<'_>,
    names: impl IntoIterator<Item = &'n str>,
    path: &str,
    findings: &mut Findings,
) -> Vec<NetworkId> {
    let mut ids = Vec::new();
    for name in names {
        let Some(id) = find(inputs, name, path, findings) else { continue };
        if ids.contains(&id) {
            findings.add(
                &rules::DUPLICATE_NETWORK,
                path,
                format!("{} is listed twice; an instance has one NIC per network", quote(name)),
            );
        } else {
            ids.push(id);
        }
    }
    ids
}

fn find(inputs: &Inputs<'_>, name: &str, path: &str, findings: &mut Findings) -> Option<NetworkId> {
    let networks = &inputs.catalog.networks;
    if let Ok(id) = name.parse::<NetworkId>()
        && networks.iter().any(|network| network.id == id)
    {
        return Some(id);
    }
    let ids: Vec<NetworkId> =
        networks.iter().filter(|network| network.name == name).map(|network| network.id).collect();
    match *ids {
        [id] => Some(id),
        [] => {
            let names = networks.iter().map(|network| network.name.as_str());
            let hint = hint(name, names, "triton network list");
            findings.add(
                &rules::UNKNOWN_NETWORK,
                path,
                format!("the account can use no network {}{hint}", quote(name)),
            );
            None
        }
        [..] => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            findings.add(
                &rules::AMBIGUOUS_NETWORK,
                path,
                format!(
                    "several networks are named {}; write the UUID: {}",
                    quote(name),
                    ids.join(" or ")
                ),
            );
            None
        }
    }
}
