use serde_json::{Value, json};

use super::*;

fn status_of(name: &str, state: Value) -> ContainerStatus {
    let mut status =
        json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0 });
    match state {
        Value::String(word) => match word.as_str() {
            "waits" => status["state"] = json!({ "waiting": { "reason": "ContainerCreating" } }),
            "runs" => status["state"] = json!({ "running": {} }),
            "ready" => {
                status["state"] = json!({ "running": {} });
                status["ready"] = json!(true);
                status["started"] = json!(true);
            }
            "restarts" => {
                status["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
                status["lastState"] = json!({ "terminated": { "exitCode": 1 } });
            }
            other => panic!("{other}"),
        },
        Value::Number(code) => status["state"] = json!({ "terminated": { "exitCode": code } }),
        Value::Null => {}
        other => panic!("{other}"),
    }
    serde_json::from_value(status).unwrap()
}

/// Containers `a`, `b`, … like this; `()` (null) is a status without a state.
fn like(states: &[Value]) -> Vec<ContainerStatus> {
    let names = ('a'..).map(String::from);
    names.zip(states).map(|(name, state)| status_of(&name, state.clone())).collect()
}

fn pod(policy: &str, regular: usize) -> Pod {
    let containers: Vec<Value> =
        ('a'..).take(regular).map(|name| json!({ "name": name.to_string() })).collect();
    serde_json::from_value(json!({ "spec": { "containers": containers, "restartPolicy": policy } }))
        .unwrap()
}

fn with_init(mut pod: Pod, init: Value) -> Pod {
    let spec = pod.spec.as_mut().unwrap();
    spec.init_containers = Some(serde_json::from_value(init).unwrap());
    pod
}

#[track_caller]
fn check(policy: &str, states: &[Value], expected: &str) {
    let containers = Containers { regular: like(states), ..Containers::default() };
    assert_eq!(phase(&pod(policy, states.len()), &containers), expected, "{policy} {states:?}");
}

#[test]
fn the_phase_follows_from_all_containers_and_the_restart_policy() {
    for policy in ["Always", "OnFailure", "Never"] {
        check(policy, &[json!("waits")], "Pending");
        check(policy, &[json!("runs"), json!("waits")], "Pending");
        check(policy, &[json!("runs")], "Running");
        check(policy, &[json!("runs"), json!(1)], "Running");
        check(policy, &[json!("runs"), json!("restarts")], "Running");
        check(policy, &[json!("runs"), json!(null)], "Pending");
    }
    check("Always", &[json!(0)], "Running");
    check("Always", &[json!(1), json!("restarts")], "Running");
    check("OnFailure", &[json!(0), json!(0)], "Succeeded");
    check("OnFailure", &[json!(0), json!(1)], "Running");
    check("OnFailure", &[json!("restarts")], "Running");
    check("Never", &[json!(0), json!(0)], "Succeeded");
    check("Never", &[json!(0), json!(1)], "Failed");
    let unheard_of = Containers { regular: like(&[json!("runs")]), ..Containers::default() };
    assert_eq!(phase(&pod("Never", 2), &unheard_of), "Pending", "nothing is known of the second");
}

#[test]
fn a_pod_that_is_deleted_ends_with_its_containers() {
    for (states, expected) in [
        (vec![json!(0), json!(0)], "Succeeded"),
        (vec![json!(0), json!(137)], "Failed"),
        (vec![json!(0), json!("runs")], "Running"),
        (vec![json!("restarts")], "Failed"),
    ] {
        let mut pod = pod("Always", states.len());
        pod.metadata.deletion_timestamp =
            Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        let containers = Containers { regular: like(&states), ..Containers::default() };
        assert_eq!(phase(&pod, &containers), expected, "{states:?}");
    }
}

#[test]
fn a_containers_own_policy_and_rules_come_before_the_pods() {
    let rule = |operator: &str| json!([{ "action": "Restart", "exitCodes": { "operator": operator, "values": [42] } }]);
    for (container, code, expected) in [
        (json!({ "name": "a", "restartPolicy": "Always" }), 0, "Running"),
        (json!({ "name": "a", "restartPolicy": "OnFailure" }), 0, "Succeeded"),
        (json!({ "name": "a", "restartPolicy": "OnFailure" }), 1, "Running"),
        (
            json!({ "name": "a", "restartPolicy": "Never", "restartPolicyRules": rule("In") }),
            42,
            "Running",
        ),
        (
            json!({ "name": "a", "restartPolicy": "Never", "restartPolicyRules": rule("In") }),
            1,
            "Failed",
        ),
        (
            json!({ "name": "a", "restartPolicy": "Never", "restartPolicyRules": rule("NotIn") }),
            1,
            "Running",
        ),
    ] {
        let mut pod = pod("Never", 1);
        pod.spec.as_mut().unwrap().containers =
            vec![serde_json::from_value(container.clone()).unwrap()];
        let containers = Containers { regular: like(&[json!(code)]), ..Containers::default() };
        assert_eq!(phase(&pod, &containers), expected, "{container} {code}");
    }
}

#[track_caller]
fn check_init(policy: &str, init: Value, states: &[Value], regular: &[Value], expected: &str) {
    let containers =
        Containers { init: like(states), regular: like(regular), ..Containers::default() };
    let pod = with_init(pod(policy, regular.len()), init.clone());
    assert_eq!(phase(&pod, &containers), expected, "{policy} {init} {states:?} {regular:?}");
}

#[test]
fn init_containers_come_first_and_fail_the_pod_only_if_they_are_not_repeated() {
    let init = json!([{ "name": "a" }, { "name": "b" }]);
    let waits = [json!("waits")];
    check_init("Always", init.clone(), &[json!("runs"), json!("waits")], &waits, "Pending");
    check_init("Always", init.clone(), &[json!(1), json!("waits")], &waits, "Pending");
    check_init("Never", init.clone(), &[json!(1), json!("waits")], &waits, "Failed");
    check_init("OnFailure", init.clone(), &[json!("restarts"), json!("waits")], &waits, "Pending");
    check_init("Never", init.clone(), &[json!(0), json!(0)], &[json!("runs")], "Running");
    check_init("Never", init, &[json!(0)], &waits, "Pending");
}

#[test]
fn a_pod_runs_with_its_sidecars_and_ends_without_them() {
    let sidecar = json!([{ "name": "a", "restartPolicy": "Always" }]);
    check_init("Never", sidecar.clone(), &[json!("runs")], &[json!("waits")], "Pending");
    check_init("Never", sidecar.clone(), &[json!("ready")], &[json!("runs")], "Running");
    check_init("Never", sidecar.clone(), &[json!("restarts")], &[json!("runs")], "Running");
    check_init("Never", sidecar.clone(), &[json!(137)], &[json!(0)], "Succeeded");
    check_init("Never", sidecar, &[json!("ready")], &[json!(0)], "Running");
}

/// Status, reason and message of a condition.
#[track_caller]
fn check_condition(
    pod: &Pod,
    containers: &Containers,
    type_: &str,
    expected: (&str, Option<&str>, Option<&str>),
) {
    let status = status(pod, containers.clone());
    let conditions = status.conditions.unwrap();
    let found = conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    let told = (found.status.as_str(), found.reason.as_deref(), found.message.as_deref());
    assert_eq!(told, expected, "{type_}");
}

#[test]
fn readiness_names_the_containers_that_are_not() {
    let both = |states: &[Value]| Containers { regular: like(states), ..Containers::default() };
    let pod = pod("Never", 2);
    let unready =
        ("False", Some("ContainersNotReady"), Some("containers with unready status: [a b]"));
    for type_ in ["ContainersReady", "Ready"] {
        check_condition(&pod, &both(&[json!("runs"), json!("waits")]), type_, unready);
        let one =
            ("False", Some("ContainersNotReady"), Some("containers with unready status: [b]"));
        check_condition(&pod, &both(&[json!("ready"), json!("runs")]), type_, one);
        let unknown = "containers with unknown status: [b], containers with unready status: [a]";
        let told = ("False", Some("ContainersNotReady"), Some(unknown));
        check_condition(&pod, &both(&[json!("runs")]), type_, told);
        let all = both(&[json!("ready"), json!("ready")]);
        check_condition(&pod, &all, type_, ("True", None, None));
        let done = ("False", Some("PodCompleted"), None);
        check_condition(&pod, &both(&[json!(0), json!(0)]), type_, done);
        let failed = ("False", Some("PodFailed"), None);
        check_condition(&pod, &both(&[json!(0), json!(1)]), type_, failed);
    }
}

#[test]
fn a_readiness_gate_is_opened_by_somebody_else() {
    let ready = Containers { regular: like(&[json!("ready")]), ..Containers::default() };
    let mut pod = pod("Always", 1);
    let gates =
        json!([{ "conditionType": "example.com/lb" }, { "conditionType": "example.com/dns" }]);
    pod.spec.as_mut().unwrap().readiness_gates = Some(serde_json::from_value(gates).unwrap());
    let published = |status: &str| {
        let conditions = json!([
            { "type": "example.com/lb", "status": status }, { "type": "example.com/dns", "status": "True" },
        ]);
        Some(serde_json::from_value(json!({ "conditions": conditions })).unwrap())
    };
    let missing = "corresponding condition of pod readiness gate \"example.com/lb\" does not exist., \
                   corresponding condition of pod readiness gate \"example.com/dns\" does not exist.";
    let closed = |why| ("False", Some("ReadinessGatesNotReady"), Some(why));
    check_condition(&pod, &ready, "Ready", closed(missing));
    check_condition(&pod, &ready, "ContainersReady", ("True", None, None));
    pod.status = published("False");
    let no = "the status of pod readiness gate \"example.com/lb\" is not \"True\", but False";
    check_condition(&pod, &ready, "Ready", closed(no));
    pod.status = published("True");
    check_condition(&pod, &ready, "Ready", ("True", None, None));
}

#[test]
fn a_pod_is_initialized_when_its_init_containers_are_done_and_stays_so() {
    let init = json!([{ "name": "a" }, { "name": "b", "restartPolicy": "Always" }]);
    let pod = with_init(pod("Never", 1), init);
    let of = |states: &[Value], regular: &[Value]| Containers {
        init: like(states),
        regular: like(regular),
        ready_to_start: true,
    };
    let waits = [json!("waits")];
    let not = |why| ("False", Some("ContainersNotInitialized"), Some(why));
    let yes = ("True", None, None);
    let both = "containers with incomplete status: [a b]";
    check_condition(&pod, &of(&[json!("runs"), json!("waits")], &waits), "Initialized", not(both));
    let one = "containers with incomplete status: [b]";
    check_condition(&pod, &of(&[json!(0), json!("runs")], &waits), "Initialized", not(one));
    let unknown = "containers with unknown status: [a b]";
    check_condition(&pod, &of(&[], &waits), "Initialized", not(unknown));
    check_condition(&pod, &of(&[json!(0), json!("ready")], &waits), "Initialized", yes);
    let again = of(&[json!(0), json!("restarts")], &[json!("runs")]);
    check_condition(&pod, &again, "Initialized", yes);
    let done = of(&[json!(0), json!(143)], &[json!(0)]);
    check_condition(&pod, &done, "Initialized", ("True", Some("PodCompleted"), None));
}

#[test]
fn containers_start_when_what_they_run_in_is_there() {
    let pod = pod("Never", 1);
    for (ready_to_start, told) in [(false, "False"), (true, "True")] {
        let containers = Containers {
            regular: like(&[json!("waits")]),
            ready_to_start,
            ..Containers::default()
        };
        check_condition(&pod, &containers, "PodReadyToStartContainers", (told, None, None));
    }
}

#[test]
fn statuses_are_sorted_as_the_kubelet_sorts_them() {
    let init = json!([{ "name": "z" }, { "name": "y" }]);
    let containers = Containers {
        init: vec![status_of("y", json!(0)), status_of("z", json!(0))],
        regular: vec![status_of("b", json!("runs")), status_of("a", json!("runs"))],
        ready_to_start: true,
    };
    let status = status(&with_init(pod("Always", 2), init), containers);
    let names = |statuses: Option<Vec<ContainerStatus>>| {
        statuses.unwrap().into_iter().map(|status| status.name).collect::<Vec<_>>()
    };
    assert_eq!(names(status.container_statuses), ["a", "b"]);
    assert_eq!(names(status.init_container_statuses), ["z", "y"]);
}
