//! A container's probes in the words of the probe engine.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, GRPCAction, HTTPGetAction, Pod, Probe as PodProbe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use probe_engine::{Handler, Kind, Probe, Scheme, Thresholds, Timing};
use triton_podspec::expand_references;

/// Whether the pod's container has a probe. That never changes: probes are not among the few fields of
/// a pod's spec that can be updated (Kubernetes, "Pod update and replacement").
#[must_use]
pub fn has_any(pod: &Pod) -> bool {
    !of(pod).is_empty()
}

/// The probes of the pod's container. One whose port does not exist is there too, and errs each time, as the kubelet's does:
/// it must not count as passed.
#[must_use]
pub fn of(pod: &Pod) -> Vec<Probe> {
    let Some(container) = pod.spec.as_ref().and_then(|spec| spec.containers.first()) else {
        return Vec::new();
    };
    let kinds = [
        (Kind::Startup, &container.startup_probe),
        (Kind::Liveness, &container.liveness_probe),
        (Kind::Readiness, &container.readiness_probe),
    ];
    kinds
        .into_iter()
        .filter_map(|(kind, probe)| convert(kind, probe.as_ref()?, container))
        .collect()
}

/// A command with `$(NAME)` replaced, in the kubelet's way: by what the container's `env` says in so many words, and not
/// by what comes from elsewhere.
pub(crate) fn expanded(command: &[String], container: &Container) -> Vec<String> {
    let env = container.env.as_deref().unwrap_or_default();
    let value = |name: &str| {
        let found = env.iter().rfind(|entry| entry.name == name && entry.value_from.is_none())?;
        Some(found.value.as_deref().unwrap_or_default())
    };
    command.iter().map(|word| expand_references(word, value)).collect()
}

/// The grace period of an instance that is killed for this probe, if it has one of its own.
#[must_use]
pub fn grace(pod: &Pod, kind: Kind) -> Option<Duration> {
    let container = pod.spec.as_ref()?.containers.first()?;
    let probe = match kind {
        Kind::Startup => container.startup_probe.as_ref(),
        Kind::Liveness => container.liveness_probe.as_ref(),
        Kind::Readiness => None,
    };
    let seconds = probe?.termination_grace_period_seconds?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// Why a probe or a hook has no port to go to. The messages are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PortError {
    #[error("no port of the container is named {0:?}: name it in ports, or give its number")]
    Unnamed(String),
    #[error("invalid port {0}: it must be from 1 to 65535")]
    OutOfRange(i32),
}

fn convert(kind: Kind, probe: &PodProbe, container: &Container) -> Option<Probe> {
    // The kubelet's order, though the API takes but one.
    let handler = if let Some(exec) = &probe.exec {
        let command = exec.command.as_deref().unwrap_or_default();
        Ok(Handler::Exec { command: expanded(command, container) })
    } else if let Some(http) = &probe.http_get {
        http_handler(http, container)
    } else if let Some(tcp) = &probe.tcp_socket {
        tcp_handler(tcp, container)
    } else {
        grpc_handler(probe.grpc.as_ref()?)
    };
    // Left out, it would count as passed; the API server does not look whether a named port exists.
    let handler = handler.unwrap_or_else(|error| Handler::Invalid { why: error.to_string() });
    let defaults = (Timing::default(), Thresholds::default());
    Some(Probe {
        kind,
        handler,
        timing: Timing {
            initial_delay: seconds(probe.initial_delay_seconds).unwrap_or_default(),
            period: seconds(probe.period_seconds)
                .filter(|time| !time.is_zero())
                .unwrap_or(defaults.0.period),
            timeout: seconds(probe.timeout_seconds)
                .filter(|time| !time.is_zero())
                .unwrap_or(defaults.0.timeout),
        },
        thresholds: Thresholds {
            success: threshold(probe.success_threshold).unwrap_or(defaults.1.success),
            failure: threshold(probe.failure_threshold).unwrap_or(defaults.1.failure),
        },
    })
}

fn tcp_handler(tcp: &TCPSocketAction, container: &Container) -> Result<Handler, PortError> {
    Ok(Handler::TcpSocket {
        host: tcp.host.clone().filter(|host| !host.is_empty()),
        port: port(&tcp.port, container)?,
    })
}

pub(crate) fn http_handler(
    http: &HTTPGetAction,
    container: &Container,
) -> Result<Handler, PortError> {
    let https = http.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    Ok(Handler::HttpGet {
        scheme: if https { Scheme::Https } else { Scheme::Http },
        host: http.host.clone().filter(|host| !host.is_empty()),
        port: port(&http.port, container)?,
        path: http.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned()),
        headers: http
            .http_headers
            .iter()
            .flatten()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
    })
}

fn grpc_handler(grpc: &GRPCAction) -> Result<Handler, PortError> {
    Ok(Handler::Grpc {
        port: number(grpc.port)?,
        service: grpc.service.clone().unwrap_or_default(),
        tls: grpc.mode.as_deref() == Some("TLS"),
    })
}

/// A number is itself; a text is the name of one of the container's ports, else a number.
fn port(port: &IntOrString, container: &Container) -> Result<u16, PortError> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            match ports.find(|port| port.name.as_ref() == Some(name)) {
                Some(port) => port.container_port,
                None => name.parse().map_err(|_| PortError::Unnamed(name.clone()))?,
            }
        }
    };
    self::number(number)
}

fn number(port: i32) -> Result<u16, PortError> {
    u16::try_from(port).ok().filter(|port| *port > 0).ok_or(PortError::OutOfRange(port))
}

fn seconds(value: Option<i32>) -> Option<Duration> {
    value.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}

fn threshold(value: Option<i32>) -> Option<u32> {
    value.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(container: serde_json::Value) -> Pod {
        serde_json::from_value(serde_json::json!({"spec": {"containers": [container]}})).unwrap()
    }

    #[test]
    fn the_walkthroughs_probes_are_as_written() {
        let pod = pod(serde_json::json!({
            "name": "ubuntu", "ports": [{"containerPort": 22, "name": "ssh"}],
            "readinessProbe": {"tcpSocket": {"port": 22}, "initialDelaySeconds": 10, "periodSeconds": 5},
        }));
        let probes = of(&pod);
        assert_eq!(
            probes,
            [Probe {
                kind: Kind::Readiness,
                handler: Handler::TcpSocket { host: None, port: 22 },
                timing: Timing {
                    initial_delay: Duration::from_secs(10),
                    period: Duration::from_secs(5),
                    timeout: Duration::from_secs(1)
                },
                thresholds: Thresholds { success: 1, failure: 3 },
            }]
        );
    }

    #[test]
    fn a_grpc_probe_has_a_service_and_may_want_tls() {
        #[track_caller]
        fn check(grpc: serde_json::Value, expected: Handler) {
            let pod = pod(serde_json::json!({"name": "c", "livenessProbe": {"grpc": grpc}}));
            assert_eq!(of(&pod)[0].handler, expected);
        }
        let handler =
            |service: &str, tls| Handler::Grpc { port: 9000, service: service.to_owned(), tls };
        check(serde_json::json!({"port": 9000}), handler("", false));
        check(serde_json::json!({"port": 9000, "service": "db"}), handler("db", false));
        check(serde_json::json!({"port": 9000, "mode": "TLS"}), handler("", true));
        check(serde_json::json!({"port": 9000, "mode": "Plaintext"}), handler("", false));
        let why = "invalid port 0: it must be from 1 to 65535".to_owned();
        check(serde_json::json!({"port": 0}), Handler::Invalid { why });
    }

    /// `TestProbe` of the kubelet's `prober_test.go`.
    #[test]
    fn a_command_is_left_alone_but_for_what_env_says() {
        let pod = pod(serde_json::json!({
            "name": "c", "env": [
                {"name": "A", "value": "script"},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "livenessProbe": {"exec": {"command": ["/bin/bash", "-c", "some $(A) $(B) $(C)"]}},
        }));
        let command = ["/bin/bash", "-c", "some script $(B) $(C)"].map(str::to_owned).to_vec();
        assert_eq!(of(&pod)[0].handler, Handler::Exec { command });
    }

    #[test]
    fn a_probe_may_have_a_grace_period_of_its_own() {
        let probe = |seconds: serde_json::Value| serde_json::json!({"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": seconds});
        let pod = pod(serde_json::json!({
            "name": "c", "livenessProbe": probe(5.into()),
            "startupProbe": probe(serde_json::Value::Null), "readinessProbe": probe(7.into()),
        }));
        assert_eq!(grace(&pod, Kind::Liveness), Some(Duration::from_secs(5)));
        assert_eq!(grace(&pod, Kind::Startup), None);
        assert_eq!(grace(&pod, Kind::Readiness), None, "readiness kills nothing");
    }

    #[test]
    fn ports_resolve_by_name_then_by_number_and_a_probe_without_one_is_invalid_and_not_gone() {
        #[track_caller]
        fn check(port: serde_json::Value, expected: Result<u16, &str>) {
            for (action, kind) in [("httpGet", "livenessProbe"), ("tcpSocket", "readinessProbe")] {
                let pod = pod(serde_json::json!({
                    "name": "c", "ports": [{"containerPort": 8080, "name": "foo"}],
                    kind: {action: {"port": port}},
                }));
                assert!(has_any(&pod));
                let found = match &of(&pod)[0].handler {
                    Handler::HttpGet { port, .. } | Handler::TcpSocket { port, .. } => Ok(*port),
                    Handler::Invalid { why } => Err(why.clone()),
                    other => panic!("{other:?}"),
                };
                assert_eq!(found, expected.map_err(str::to_owned));
            }
        }
        check(443.into(), Ok(443));
        check("foo".into(), Ok(8080));
        check("118".into(), Ok(118));
        let unnamed =
            r#"no port of the container is named "bar": name it in ports, or give its number"#;
        check("bar".into(), Err(unnamed));
        let unnamed =
            r#"no port of the container is named "": name it in ports, or give its number"#;
        check("".into(), Err(unnamed));
        check("-1".into(), Err("invalid port -1: it must be from 1 to 65535"));
        check(66_666.into(), Err("invalid port 66666: it must be from 1 to 65535"));
        check(0.into(), Err("invalid port 0: it must be from 1 to 65535"));
    }
}
