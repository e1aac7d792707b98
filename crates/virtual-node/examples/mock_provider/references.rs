//! What a pod's environment refers to, and what of it is missing.

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube_client::{Api, Client};
use virtual_node::PodEvent;

/// One reference.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    kind: &'static str,
    name: String,
    /// `None`: all of them.
    key: Option<String>,
    optional: bool,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is missing, told to whoever wrote the pod.
    pub(crate) events: Vec<PodEvent>,
    /// What the pod cannot start without, in the kubelet's words.
    pub(crate) missing: Option<String>,
}

/// Looks everything up.
pub(crate) async fn look_up(client: &Client, namespace: &str, pod: &Pod) -> Found {
    let mut found = Found::default();
    for reference in references(pod) {
        let Reference { kind, name, key, optional } = &reference;
        let which = if *optional { "Optional" } else { "Mandatory" };
        let lower = kind.to_lowercase();
        let (reason, message) = match keys(client, namespace, &reference).await {
            Err(error) => (
                format!("FailedToRead{which}{kind}"),
                format!("{lower} {name:?} could not be read: {error}"),
            ),
            Ok(None) => (format!("{which}{kind}NotFound"), format!("{lower} {name:?} not found")),
            Ok(Some(keys)) => match key {
                Some(key) if !keys.contains(key) => (
                    format!("{which}{kind}KeyNotFound"),
                    format!("couldn't find key {key} in {kind} {namespace}/{name}"),
                ),
                _ => continue,
            },
        };
        if !optional {
            found.missing = Some(message.clone());
        }
        found.events.push(PodEvent::warning(reason, message));
    }
    found
}

/// The keys that an object has, `None` if it does not exist.
async fn keys(
    client: &Client,
    namespace: &str,
    reference: &Reference,
) -> Result<Option<Vec<String>>, kube_client::Error> {
    let name = &reference.name;
    if reference.kind == "Secret" {
        let secret = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await?;
        return Ok(secret.map(|secret| secret.data.unwrap_or_default().into_keys().collect()));
    }
    let map = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok(map.map(|map| {
        let binary = map.binary_data.unwrap_or_default().into_keys();
        map.data.unwrap_or_default().into_keys().chain(binary).collect()
    }))
}

fn references(pod: &Pod) -> Vec<Reference> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let mut references = Vec::new();
    let mut refer = |kind, name: &str, key: Option<&String>, optional: Option<bool>| {
        references.push(Reference {
            kind,
            name: name.to_owned(),
            key: key.cloned(),
            optional: optional.unwrap_or_default(),
        });
    };
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        for from in container.env_from.iter().flatten() {
            if let Some(map) = &from.config_map_ref {
                refer("ConfigMap", &map.name, None, map.optional);
            }
            if let Some(secret) = &from.secret_ref {
                refer("Secret", &secret.name, None, secret.optional);
            }
        }
        let sources = container.env.iter().flatten().filter_map(|env| env.value_from.as_ref());
        for source in sources {
            if let Some(map) = &source.config_map_key_ref {
                refer("ConfigMap", &map.name, Some(&map.key), map.optional);
            }
            if let Some(secret) = &source.secret_key_ref {
                refer("Secret", &secret.name, Some(&secret.key), secret.optional);
            }
        }
    }
    references
}
