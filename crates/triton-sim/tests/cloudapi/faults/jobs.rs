//! Jobs that are accepted, and what comes of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use triton_sim::{Fault, FaultKind, FaultScope};

use super::{check_struck, kinds};
use crate::caller::{Caller, quiet};

async fn get(caller: &Caller, target: &str) -> Value {
    caller.get(target).await.body
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_job_goes_its_way() {
    for kind in kinds(FaultScope::Job).filter(|kind| *kind != FaultKind::FirewallLate) {
        let caller = Caller::new();
        let id = caller.create(&json!({})).await;
        let target = format!("/my/machines/{id}");
        caller.sim.fault(kind, Fault::default().times(1));
        let tags = caller.post(&format!("{target}/tags"), &json!({ "a": "b" })).await;
        assert_eq!((tags.status, &tags.body["a"]), (200, &json!("b")), "{kind}: a prediction");
        check_struck(&caller, kind);
        let stop = caller.post(&target, &json!({ "action": "stop" })).await;
        assert_eq!(stop.status, 202, "{kind}");
        let (early, late) = match kind {
            // Failed, and the next one ran.
            FaultKind::JobFails => ((false, "stopped"), (false, "stopped")),
            // Jobs of one instance run one after the other.
            FaultKind::JobNeverRuns => ((false, "running"), (false, "running")),
            FaultKind::JobLate => ((false, "running"), (true, "stopped")),
            other => panic!("{other} has no row"),
        };
        for (wait, (tagged, state)) in [(5, early), (60, late)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            let shown = get(&caller, &target).await;
            assert_eq!(shown["tags"].get("a").is_some(), tagged, "{kind} after {wait} s");
            assert_eq!(shown["state"], state, "{kind} after {wait} s");
        }
        let audit = get(&caller, &format!("{target}/audit")).await;
        let set_tags = audit.as_array().unwrap().iter().find(|entry| entry["action"] == "set_tags");
        let expected = match kind {
            FaultKind::JobFails => Some("no"),
            FaultKind::JobNeverRuns => None,
            _ => Some("yes"),
        };
        assert_eq!(set_tags.and_then(|entry| entry["success"].as_str()), expected, "{kind}");
    }
}

#[tokio::test]
async fn a_delete_whose_job_fails_can_be_asked_for_again() {
    let caller = Caller::new();
    let id = caller.create(&json!({})).await;
    let target = format!("/my/machines/{id}");
    caller.sim.fault(FaultKind::JobFails, Fault::default().times(1).endpoint("DeleteMachine"));
    assert_eq!(caller.delete(&target).await.status, 204);
    assert_eq!(get(&caller, &target).await["state"], "running");
    assert_eq!(caller.delete(&target).await.status, 204);
    assert_eq!(caller.get(&target).await.status, 410);
}

#[tokio::test]
async fn a_rule_that_is_late_opens_no_port_while_others_do() {
    let caller = Caller::of(quiet().listen(true));
    let ports = json!({ "firewall_enabled": true, "metadata.sim.ports": "8080,8081" });
    caller.create(&ports).await;
    let ip = caller.sim.instances()[0].primary_ip.unwrap();
    let hour = Duration::from_secs(3600);
    caller.sim.fault(FaultKind::FirewallLate, Fault::default().times(1).delay(hour));
    for port in [8080, 8081] {
        let rule = format!("FROM any TO all vms ALLOW tcp PORT {port}");
        let reply = caller.post("/my/fwrules", &json!({ "rule": rule, "enabled": true })).await;
        assert_eq!(reply.status, 201);
    }
    assert_eq!(caller.sim.journal()[1].struck, [FaultKind::FirewallLate]);
    let opened = async {
        while TcpStream::connect((ip, 8081)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), opened).await.expect("the other port opens");
    assert!(TcpStream::connect((ip, 8080)).await.is_err());
}
