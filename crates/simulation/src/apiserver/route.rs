//! From a request's path to what is asked for.

use std::collections::BTreeMap;

use http::Method;
use percent_encoding::percent_decode_str;

/// The kinds of objects that the node has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1` Pod.
    Pods,
    /// `v1` Node.
    Nodes,
    /// `v1` ConfigMap.
    ConfigMaps,
    /// `v1` Secret.
    Secrets,
    /// `v1` Namespace.
    Namespaces,
    /// `v1` Event.
    Events,
    /// `coordination.k8s.io/v1` Lease.
    Leases,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) verb: Verb,
    pub(crate) resource: Resource,
    /// `None`: all namespaces, or none.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) is_status: bool,
    pub(crate) query: BTreeMap<String, String>,
}

/// Kubernetes' verbs, as RBAC spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

// === impl Verb ===

impl Verb {
    /// Whether it changes something.
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch | Self::Delete)
    }

    #[cfg(test)]
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

// === impl Resource ===

impl Resource {
    const ALL: [Self; 7] = [
        Self::Pods,
        Self::Nodes,
        Self::ConfigMaps,
        Self::Secrets,
        Self::Namespaces,
        Self::Events,
        Self::Leases,
    ];

    /// Its name in paths.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Nodes => "nodes",
            Self::ConfigMaps => "configmaps",
            Self::Secrets => "secrets",
            Self::Namespaces => "namespaces",
            Self::Events => "events",
            Self::Leases => "leases",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Pods => "Pod",
            Self::Nodes => "Node",
            Self::ConfigMaps => "ConfigMap",
            Self::Secrets => "Secret",
            Self::Namespaces => "Namespace",
            Self::Events => "Event",
            Self::Leases => "Lease",
        }
    }

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Leases => "coordination.k8s.io/v1",
            _ => "v1",
        }
    }
}

/// Reads a request's target; `None` for paths that this API server does not have.
pub(crate) fn route(method: &Method, path: &str, query: Option<&str>) -> Option<Asked> {
    let query = read_query(query.unwrap_or_default());
    let mut parts = path.trim_matches('/').split('/');
    match parts.next()? {
        "api" => (parts.next()? == "v1").then_some(())?,
        "apis" => drop((parts.next()?, parts.next()?)),
        _ => return None,
    }
    let rest: Vec<&str> = parts.collect();
    let (namespace, rest) = match rest.as_slice() {
        ["namespaces", namespace, resource, rest @ ..] => {
            (Some((*namespace).to_owned()), [&[*resource], rest].concat())
        }
        all => (None, all.to_vec()),
    };
    let (plural, rest) = rest.split_first()?;
    let resource = Resource::ALL.into_iter().find(|resource| resource.plural() == *plural)?;
    let name = rest.first().map(|name| (*name).to_owned());
    let is_status = rest.get(1) == Some(&"status");
    let is_watch = query.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    let verb = match (method, &name) {
        (&Method::GET, Some(_)) => Verb::Get,
        (&Method::GET, None) if is_watch => Verb::Watch,
        (&Method::GET, None) => Verb::List,
        (&Method::POST, None) => Verb::Create,
        (&Method::PUT, Some(_)) => Verb::Update,
        (&Method::PATCH, Some(_)) => Verb::Patch,
        (&Method::DELETE, Some(_)) => Verb::Delete,
        _ => return None,
    };
    Some(Asked { verb, resource, namespace, name, is_status, query })
}

fn read_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| {
            let value = value.replace('+', " ");
            (key.to_owned(), percent_decode_str(&value).decode_utf8_lossy().into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, target: &str, expected: &str) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let said = route(&method, path, Some(query)).map_or_else(
            || "nothing".to_owned(),
            |asked| {
                let status = if asked.is_status { "/status" } else { "" };
                format!(
                    "{} {}{status} {:?} {:?}",
                    asked.verb.as_str(),
                    asked.resource.plural(),
                    asked.namespace.unwrap_or_default(),
                    asked.name.unwrap_or_default()
                )
            },
        );
        assert_eq!(said, expected);
    }

    #[test]
    fn paths_say_what_is_asked_for() {
        check(Method::GET, "/api/v1/pods?fieldSelector=spec.nodeName%3Dvk", r#"list pods "" """#);
        check(Method::GET, "/api/v1/pods?watch=true", r#"watch pods "" """#);
        check(Method::PATCH, "/api/v1/namespaces/a/pods/b/status", r#"patch pods/status "a" "b""#);
        check(Method::DELETE, "/api/v1/namespaces/a/pods/b", r#"delete pods "a" "b""#);
        check(Method::GET, "/api/v1/namespaces/kube-system", r#"get namespaces "" "kube-system""#);
        check(
            Method::PUT,
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/vk",
            r#"update leases "kube-node-lease" "vk""#,
        );
        check(Method::GET, "/version", "nothing");
    }

    #[test]
    fn query_values_are_decoded() {
        let asked =
            route(&Method::GET, "/api/v1/pods", Some("fieldSelector=spec.nodeName%3Dvk-1&limit=5"));
        let query = asked.unwrap().query;
        assert_eq!(query["fieldSelector"], "spec.nodeName=vk-1");
        assert_eq!(query["limit"], "5");
    }
}
