//! A container's probes in the words of the probe engine.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, GRPCAction, HTTPGetAction, Pod, Probe as PodProbe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use probe_engine::{Handler, Kind, Probe, Scheme, Thresholds, Timing};

/// Whether the pod's container has a probe that can run here. That never changes: probes are not among the few fields of
/// a pod's spec that can be updated (Kubernetes, "Pod update and replacement").
#[must_use]
pub fn has_any(pod: &Pod) -> bool {
    !of(pod).is_empty()
}

/// The probes of the pod's container. What cannot run here was refused when the pod was translated, so it is left
/// out.
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

fn convert(kind: Kind, probe: &PodProbe, container: &Container) -> Option<Probe> {
    let handler = match (&probe.tcp_socket, &probe.http_get, &probe.grpc) {
        (Some(tcp), ..) => tcp_handler(tcp, container)?,
        (None, Some(http), _) => http_handler(http, container)?,
        (None, None, Some(grpc)) => grpc_handler(grpc)?,
        (None, None, None) => return None,
    };
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

fn tcp_handler(tcp: &TCPSocketAction, container: &Container) -> Option<Handler> {
    Some(Handler::TcpSocket {
        host: tcp.host.clone().filter(|host| !host.is_empty()),
        port: port(&tcp.port, container)?,
    })
}

fn http_handler(http: &HTTPGetAction, container: &Container) -> Option<Handler> {
    let https = http.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    Some(Handler::HttpGet {
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

fn grpc_handler(grpc: &GRPCAction) -> Option<Handler> {
    Some(Handler::Grpc {
        port: number(grpc.port)?,
        service: grpc.service.clone().unwrap_or_default(),
        tls: grpc.mode.as_deref() == Some("TLS"),
    })
}

/// A number is itself; a text is the name of one of the container's ports, else a number.
fn port(port: &IntOrString, container: &Container) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok())?,
    };
    self::number(number)
}

fn number(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port > 0)
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
        fn check(grpc: serde_json::Value, expected: Option<Handler>) {
            let pod = pod(serde_json::json!({"name": "c", "livenessProbe": {"grpc": grpc}}));
            assert_eq!(of(&pod).first().map(|probe| probe.handler.clone()), expected);
        }
        let handler = |service: &str, tls| {
            Some(Handler::Grpc { port: 9000, service: service.to_owned(), tls })
        };
        check(serde_json::json!({"port": 9000}), handler("", false));
        check(serde_json::json!({"port": 9000, "service": "db"}), handler("db", false));
        check(serde_json::json!({"port": 9000, "mode": "TLS"}), handler("", true));
        check(serde_json::json!({"port": 9000, "mode": "Plaintext"}), handler("", false));
        check(serde_json::json!({"port": 0}), None);
    }

    #[test]
    fn ports_resolve_by_name_then_by_number_and_never_out_of_range() {
        #[track_caller]
        fn check(port: serde_json::Value, expected: Option<u16>) {
            let pod = pod(serde_json::json!({
                "name": "c", "ports": [{"containerPort": 8080, "name": "foo"}],
                "livenessProbe": {"httpGet": {"port": port}},
            }));
            let found = of(&pod).first().map(|probe| match &probe.handler {
                Handler::HttpGet { port, .. } | Handler::TcpSocket { port, .. } => *port,
                other => panic!("{other:?}"),
            });
            assert_eq!(found, expected);
        }
        check(443.into(), Some(443));
        check("foo".into(), Some(8080));
        check("118".into(), Some(118));
        check("bar".into(), None);
        check("".into(), None);
        check("-1".into(), None);
        check(66_666.into(), None);
        check(0.into(), None);
    }
}
