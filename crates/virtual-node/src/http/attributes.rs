//! What a request to the kubelet's API asks for, in the words of an authorizer.
//!
//! As the kubelet's `NodeRequestAttributesGetter`, with its fine-grained subresources (KEP-2862) tried first.

use http::Method;

/// One question for a SubjectAccessReview about `nodes/<subresource>`; any yes is a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// RBAC verb.
    pub verb: &'static str,
    /// Subresource of `nodes`.
    pub subresource: &'static str,
}

/// Paths that act inside a pod whatever the method: a WebSocket begins with GET, and a right to read must not be
/// enough to run commands.
const ACTING: [&str; 5] = ["/exec", "/attach", "/portForward", "/run", "/cri"];

/// The questions for a request, in the order to ask them.
#[must_use]
pub fn attributes(method: &Method, path: &str) -> Vec<Attributes> {
    let verb =
        if ACTING.iter().any(|acting| is_under(path, acting)) { "create" } else { verb(method) };
    let subresources: &[&'static str] = if is_under(path, "/stats") {
        &["stats"]
    } else if is_under(path, "/metrics") {
        &["metrics"]
    } else if is_under(path, "/logs") {
        &["log"]
    } else if is_under(path, "/checkpoint") {
        &["checkpoint"]
    } else if is_under(path, "/pods") || is_under(path, "/runningpods") {
        &["pods", "proxy"]
    } else if is_under(path, "/healthz") {
        &["healthz", "proxy"]
    } else if is_under(path, "/configz") {
        &["configz", "proxy"]
    } else {
        &["proxy"]
    };
    subresources.iter().map(|&subresource| Attributes { verb, subresource }).collect()
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    }
}

fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, path: &str, verb: &str, subresources: &[&str]) {
        let asked = attributes(method, path);
        assert!(asked.iter().all(|attributes| attributes.verb == verb), "{asked:?}");
        assert_eq!(
            asked.iter().map(|attributes| attributes.subresource).collect::<Vec<_>>(),
            subresources
        );
    }

    #[test]
    fn paths_have_the_subresources_of_the_kubelet() {
        check(&Method::GET, "/stats/summary", "get", &["stats"]);
        check(&Method::GET, "/metrics", "get", &["metrics"]);
        check(&Method::GET, "/metrics/resource", "get", &["metrics"]);
        check(&Method::GET, "/logs/", "get", &["log"]);
        check(&Method::POST, "/checkpoint/a/b/c", "create", &["checkpoint"]);
        check(&Method::GET, "/pods", "get", &["pods", "proxy"]);
        check(&Method::GET, "/runningpods/", "get", &["pods", "proxy"]);
        check(&Method::GET, "/configz", "get", &["configz", "proxy"]);
        check(&Method::GET, "/containerLogs/a/b/c", "get", &["proxy"]);
        check(&Method::GET, "/", "get", &["proxy"]);
    }

    #[test]
    fn a_prefix_is_a_whole_segment() {
        check(&Method::GET, "/podsecrets", "get", &["proxy"]);
        check(&Method::GET, "/metricsx", "get", &["proxy"]);
        check(&Method::GET, "/executor", "get", &["proxy"]);
    }

    #[test]
    fn acting_inside_a_pod_is_never_reading() {
        for path in ["/exec/a/b/c", "/attach/a/b/c", "/portForward/a/b", "/run/a/b/c"] {
            check(&Method::GET, path, "create", &["proxy"]);
            check(&Method::POST, path, "create", &["proxy"]);
        }
    }
}
