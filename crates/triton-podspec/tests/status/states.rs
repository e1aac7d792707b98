//! The state of the instance as phase and state of the container.

use serde_json::json;
use triton_cloudapi::instances::{Instance, InstanceState};
use triton_podspec::{Observed, Termination, Work};

use crate::fixture::{ID, IMAGE, Life, container, line, observed};

/// Accepted, then each state in turn; what the last one looks like.
#[track_caller]
fn check(restart_policy: &str, states: &[&str], expected: &str) {
    let mut life = Life::new(restart_policy);
    let mut status = life.step(Work::Accepted);
    for state in states {
        status = life.see(InstanceState::from(*state));
    }
    assert_eq!(line(&status), expected, "{restart_policy} {states:?}");
}

#[test]
fn states_of_an_instance_that_has_not_run() {
    check("Always", &[], "Pending waiting:ContainerCreating");
    check("Always", &["provisioning"], "Pending waiting:ContainerCreating");
    check("Always", &["ready"], "Pending waiting:ContainerCreating");
    check("Always", &["running"], "Running running ready");
    check("Always", &["failed"], "Failed(InstanceFailed) ended:Error:1");
    check("Always", &["deleted"], "Failed(InstanceGone) ended:ContainerStatusUnknown:137");
    check("Always", &["offline"], "Pending(InstanceUnreachable) waiting:ContainerCreating");
}

#[test]
fn states_of_an_instance_that_has_run() {
    check("Always", &["running", "stopping"], "Running running");
    check("Always", &["running", "ready"], "Running running");
    check("Always", &["running", "provisioning"], "Running running");
    check("Always", &["running", "offline"], "Running(InstanceUnreachable) running");
    check("Always", &["running", "unknown"], "Running(InstanceUnreachable) running");
    check("Always", &["running", "a-state-of-tomorrow"], "Running(InstanceUnreachable) running");
    check("Always", &["running", "offline", "running"], "Running running ready");
    check("Always", &["running", "failed"], "Failed(InstanceFailed) ended:Error:1");
    check(
        "Always",
        &["running", "deleted"],
        "Failed(InstanceGone) ended:ContainerStatusUnknown:137",
    );
}

#[test]
fn a_guest_that_shuts_down_by_itself_is_done_unless_it_shall_always_run() {
    check("Never", &["running", "stopping", "stopped"], "Succeeded ended:Completed:0");
    check("OnFailure", &["running", "stopped"], "Succeeded ended:Completed:0");
    check("Always", &["running", "stopped"], "Running ended:Completed:0");
    check(
        "Always",
        &["running", "stopped", "running"],
        "Running running after ended:Completed:0 x1 ready",
    );
}

#[test]
fn a_terminal_phase_is_never_left_again() {
    for terminal in ["failed", "deleted", "stopped"] {
        for later in ["running", "provisioning", "stopped", "deleted", "failed", "offline"] {
            let mut life = Life::running("Never");
            let ended = life.see(InstanceState::from(terminal));
            assert_eq!(life.see(InstanceState::from(later)), ended, "{terminal} {later}");
            assert_eq!(life.step(Work::Gone(None)), ended, "{terminal}");
            assert_eq!(
                life.step(Work::Rejected { reason: "X", message: "x" }),
                ended,
                "{terminal}"
            );
        }
    }
}

#[test]
fn what_waits_says_why() {
    let mut life = Life::new("Always");
    life.step(Work::Accepted);
    let message = "configmap \"x\" not found";
    let status = life.step(Work::Waiting { reason: "CreateContainerConfigError", message });
    assert_eq!(line(&status), "Pending waiting:CreateContainerConfigError");
    let waiting = container(&status).state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.message.as_deref(), Some(message));
}

#[test]
fn a_rejection_says_nothing_but_why() {
    let mut life = Life::new("Always");
    let status = life.step(Work::Rejected {
        reason: "HostNamespaceNotSupported",
        message: "spec.hostNetwork: remove it",
    });
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("HostNamespaceNotSupported"));
    assert_eq!(status.message.as_deref(), Some("Pod was rejected: spec.hostNetwork: remove it"));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(
        (status.container_statuses, status.conditions, status.start_time),
        (None, None, None)
    );
}

#[test]
fn an_end_that_the_provider_decided_is_told_in_its_words() {
    let mut life = Life::running("Always");
    let stopped = observed(InstanceState::Stopped);
    let status = life.step(Work::Terminated {
        end: &Termination::killed(),
        reason: Some("DeadlineExceeded"),
        message: Some("Pod was active on the node longer than the specified deadline"),
        instance: Some(&stopped),
    });
    assert_eq!(line(&status), "Failed(DeadlineExceeded) ended:Error:137");
    let mut life = Life::running("Never");
    let status = life.step(Work::Terminated {
        end: &Termination::completed(),
        reason: None,
        message: None,
        instance: None,
    });
    assert_eq!(line(&status), "Succeeded ended:Completed:0");
}

#[test]
fn an_instance_that_vanished_is_named() {
    let mut life = Life::running("Always");
    let status = life.step(Work::Gone(Some(&observed(InstanceState::Running))));
    assert_eq!(status.reason.as_deref(), Some("InstanceGone"));
    assert_eq!(
        status.message.as_deref(),
        Some(format!("the instance web-0-6e2b00000000 ({ID}) is gone from Triton, and this node did not delete it").as_str())
    );
}

#[test]
fn the_container_has_the_specs_name_and_image_and_the_instances_ids() {
    let status = Life::running("Always").see(InstanceState::Running);
    let container = container(&status);
    assert_eq!((container.name.as_str(), container.image.as_str()), ("web", "ubuntu-16.04"));
    assert_eq!(container.image_id, IMAGE);
    assert_eq!(container.container_id.as_deref(), Some(format!("triton://{ID}").as_str()));
    assert_eq!(container.started, Some(true));
}

#[test]
fn addresses_are_the_primary_one_and_one_of_the_other_family() {
    let mut life = Life::new("Always");
    for (primary, ips, expected) in [
        (Some("203.0.113.9"), vec!["10.77.0.5", "203.0.113.9"], vec!["203.0.113.9"]),
        (
            Some("203.0.113.9"),
            vec!["10.77.0.5", "fd00::5", "fd00::6"],
            vec!["203.0.113.9", "fd00::5"],
        ),
        (None, vec!["dhcp", "10.77.0.5"], vec!["10.77.0.5"]),
        // What was known stays.
        (Some("dhcp"), vec!["dhcp"], vec!["10.77.0.5"]),
        (None, vec![], vec!["10.77.0.5"]),
    ] {
        let mut instance = observed(InstanceState::Running);
        instance.primary_ip = primary.map(str::to_owned);
        instance.ips = ips.iter().map(|ip| (*ip).to_owned()).collect();
        let status = life.step(Work::Instance(&instance));
        let found: Vec<String> = status.pod_ips.unwrap().into_iter().map(|ip| ip.ip).collect();
        assert_eq!(found, expected, "{primary:?} {ips:?}");
        assert_eq!(status.pod_ip, found.first().cloned());
    }
    life.host_ips = ["10.0.0.7", "10.0.0.8", "fd00::7"].map(|ip| ip.parse().unwrap()).to_vec();
    let status = life.see(InstanceState::Running);
    let hosts: Vec<String> = status.host_ips.unwrap().into_iter().map(|ip| ip.ip).collect();
    assert_eq!(hosts, ["10.0.0.7", "fd00::7"]);
    assert_eq!(status.host_ip.as_deref(), Some("10.0.0.7"));
}

#[test]
fn ephemeral_containers_end_at_once_and_do_not_fail_the_pod() {
    let mut life = Life::running("Always");
    life.pod.spec.as_mut().unwrap().ephemeral_containers =
        serde_json::from_value(serde_json::json!([{"name": "debug", "image": "busybox"}])).unwrap();
    let status = life.see(InstanceState::Running);
    assert_eq!(line(&status), "Running running ready");
    let debug = &status.ephemeral_container_statuses.unwrap()[0];
    let end = debug.state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((debug.name.as_str(), end.exit_code), ("debug", 1));
    assert_eq!(end.reason.as_deref(), Some("EphemeralContainersNotSupported"));
}

#[test]
fn what_cloudapi_says_of_an_instance_is_what_is_observed() {
    let instance: Instance = serde_json::from_value(json!({
        "id": ID, "name": "web-0-6e2b00000000", "type": "smartmachine", "brand": "lx", "state": "running",
        "image": IMAGE, "ips": ["10.77.0.5", "203.0.113.9"], "memory": 1024, "disk": 25600, "metadata": {},
        "tags": {}, "created": "2026-01-02T03:04:05.678Z", "updated": "2026-01-02T03:04:35.000Z",
        "networks": [], "nics": [], "primaryIp": "203.0.113.9", "firewall_enabled": true, "compute_node": null,
        "package": "g4-highcpu-1G", "deletion_protection": false
    }))
    .unwrap();
    assert_eq!(Observed::from(&instance), observed(InstanceState::Running));
}
