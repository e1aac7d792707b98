//! A container's lifecycle hooks in words that can be run.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Pod};
use probe_engine::Handler;

use crate::decide::Hook;
use crate::probes;

/// What a hook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sends a request, or runs a command.
    Deliver(Handler),
    /// Lets time go by.
    Sleep(Duration),
    /// Nothing that can be done, and why: it fails when its time comes, as in the kubelet.
    Invalid(&'static str),
}

/// Whether the pod's container has this hook.
#[must_use]
pub fn has(pod: &Pod, hook: Hook) -> bool {
    find(pod, hook).is_some()
}

/// The pod's hook, if its container has it.
#[must_use]
pub fn of(pod: &Pod, hook: Hook) -> Option<Deed> {
    let (container, handler) = find(pod, hook)?;
    Some(deed(container, handler))
}

fn find(pod: &Pod, hook: Hook) -> Option<(&Container, &LifecycleHandler)> {
    let container = pod.spec.as_ref()?.containers.first()?;
    let lifecycle = container.lifecycle.as_ref()?;
    let handler = match hook {
        Hook::PostStart => lifecycle.post_start.as_ref(),
        Hook::PreStop => lifecycle.pre_stop.as_ref(),
    };
    Some((container, handler?))
}

fn deed(container: &Container, handler: &LifecycleHandler) -> Deed {
    if let Some(exec) = &handler.exec {
        let command = exec.command.clone().unwrap_or_default();
        return Deed::Deliver(Handler::Exec { command: probes::expanded(&command, container) });
    }
    if let Some(http) = &handler.http_get {
        return match probes::http_handler(http, container) {
            Ok(handler) => Deed::Deliver(handler),
            Err(_) => Deed::Invalid("invalid port"),
        };
    }
    match &handler.sleep {
        Some(sleep) => Deed::Sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))),
        // The API takes a tcpSocket, for old times' sake, and no kubelet does anything about it.
        None => Deed::Invalid("invalid handler"),
    }
}

// === impl Deed ===

impl Deed {
    /// Whether it is about the instance's own address.
    #[must_use]
    pub fn needs_address(&self) -> bool {
        matches!(self, Self::Deliver(Handler::HttpGet { host: None, .. }))
    }
}

#[cfg(test)]
mod tests {
    use probe_engine::Scheme;

    use super::*;

    #[test]
    fn hooks_are_as_written() {
        #[track_caller]
        fn check(handler: serde_json::Value, expected: Deed) {
            let pod = |name: &str| -> Pod {
                let container = serde_json::json!({
                    "name": "c", "ports": [{"containerPort": 8080, "name": "web"}],
                    "env": [{"name": "A", "value": "script"}], "lifecycle": {name: handler},
                });
                serde_json::from_value(serde_json::json!({"spec": {"containers": [container]}}))
                    .unwrap()
            };
            for (name, hook, other) in [
                ("postStart", Hook::PostStart, Hook::PreStop),
                ("preStop", Hook::PreStop, Hook::PostStart),
            ] {
                assert_eq!(of(&pod(name), hook), Some(expected.clone()));
                assert!(has(&pod(name), hook) && !has(&pod(name), other));
            }
        }
        let get = |scheme, port, path: &str| {
            let path = path.to_owned();
            Deed::Deliver(Handler::HttpGet { scheme, host: None, port, path, headers: Vec::new() })
        };
        check(serde_json::json!({"httpGet": {"port": 80}}), get(Scheme::Http, 80, "/"));
        let named =
            serde_json::json!({"httpGet": {"port": "web", "path": "/x", "scheme": "HTTPS"}});
        check(named, get(Scheme::Https, 8080, "/x"));
        check(serde_json::json!({"httpGet": {"port": "abc"}}), Deed::Invalid("invalid port"));
        check(serde_json::json!({"sleep": {"seconds": 5}}), Deed::Sleep(Duration::from_secs(5)));
        check(serde_json::json!({"sleep": {"seconds": 0}}), Deed::Sleep(Duration::ZERO));
        check(serde_json::json!({"tcpSocket": {"port": 80}}), Deed::Invalid("invalid handler"));
        check(serde_json::json!({}), Deed::Invalid("invalid handler"));
        let command = ["/bin/sh", "-c", "script $(B)"].map(str::to_owned).to_vec();
        let exec = serde_json::json!({"exec": {"command": ["/bin/sh", "-c", "$(A) $(B)"]}});
        check(exec, Deed::Deliver(Handler::Exec { command }));
    }
}
