//! Creating and deleting instances, and what happens to them behind everybody's back.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind, FaultScope, InstanceState};

use super::{caller_with, check_struck, kinds};
use crate::caller::Caller;

async fn state(caller: &Caller, id: &str) -> String {
    let reply = caller.get(&format!("/my/machines/{id}")).await;
    reply.body["state"].as_str().unwrap_or("unknown to us").to_owned()
}

/// What the second create is told, and how many instances there are then. The first is named `web` too.
fn expected_create(kind: FaultKind) -> (Option<u16>, Option<&'static str>, usize) {
    match kind {
        FaultKind::CreateTwins => (Some(201), None, 2),
        FaultKind::CreateNameTaken => (Some(409), Some("ValidationFailed"), 1),
        FaultKind::CreateNoCapacity => (Some(409), Some("NoAllocatableServersError"), 1),
        FaultKind::CreateSubnetFull => (Some(507), Some("SubnetFull"), 1),
        FaultKind::CreateQuota => (Some(403), Some("NotAuthorized"), 1),
        FaultKind::CreateAnswerLostAfterCommit => (None, None, 2),
        FaultKind::Create500AfterCommit => (Some(500), Some("InternalError"), 2),
        FaultKind::CreateAcceptedThenFailed
        | FaultKind::StuckProvisioning
        | FaultKind::CreateInvisible => (Some(201), None, 2),
        other => panic!("{other} has no row"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_create_has_its_answer_and_its_remains() {
    for kind in kinds(FaultScope::Create) {
        let caller = Caller::new();
        caller.create(&json!({ "name": "web" })).await;
        caller.sim.fault(kind, Fault::default());
        let name = if kind == FaultKind::CreateTwins { "web" } else { "other" };
        let body = json!({ "name": name, "package": crate::caller::PACKAGE, "image": crate::caller::IMAGE });
        let request = caller
            .request("POST", "/my/machines", 0)
            .await
            .header("content-type", "application/json");
        let reply = caller.try_send(request.body(body.to_string().into()).unwrap()).await;
        check_struck(&caller, kind);
        let (status, code, made) = expected_create(kind);
        assert_eq!(reply.as_ref().map(|reply| reply.status), status, "{kind}");
        let told = reply.as_ref().and_then(|reply| reply.body["code"].as_str());
        assert_eq!(told, code, "{kind}");
        assert_eq!(caller.sim.instances().len(), made, "{kind}");
        let Some(id) = reply.as_ref().and_then(|reply| reply.body["id"].as_str()) else { continue };
        tokio::time::advance(Duration::from_secs(3)).await;
        let expected = match kind {
            FaultKind::CreateAcceptedThenFailed => "failed",
            FaultKind::StuckProvisioning => "provisioning",
            FaultKind::CreateInvisible => "unknown to us",
            _ => "running",
        };
        assert_eq!(state(&caller, id).await, expected, "{kind}");
        tokio::time::advance(Duration::from_secs(60)).await;
        let expected = if kind == FaultKind::CreateInvisible { "running" } else { expected };
        assert_eq!(state(&caller, id).await, expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invisible_instance_is_in_no_list_and_holds_its_name() {
    let delay = Duration::from_secs(10);
    let caller = caller_with(FaultKind::CreateInvisible, Fault::default().delay(delay));
    caller.create(&json!({ "name": "web" })).await;
    assert_eq!(caller.get("/my/machines").await.body, json!([]));
    caller.try_create(&json!({ "name": "web" })).await.expect(409, "ValidationFailed");
    tokio::time::advance(delay).await;
    assert_eq!(caller.get("/my/machines").await.body.as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_delete_leaves_the_instance() {
    for kind in kinds(FaultScope::Delete) {
        let caller = Caller::new();
        let id = caller.create(&json!({})).await;
        caller.sim.fault(kind, Fault::default());
        let reply = caller.delete(&format!("/my/machines/{id}")).await;
        check_struck(&caller, kind);
        let (status, body, left) = match kind {
            FaultKind::DeleteNeverCompletes => (204, json!(null), "stopping"),
            FaultKind::Delete404 => (404, json!("ResourceNotFound"), "running"),
            FaultKind::Delete410 => (410, json!(id), "running"),
            FaultKind::DeleteProtected => (409, json!("CannotDestroyMachineError"), "running"),
            other => panic!("{other} has no row"),
        };
        let told = if reply.body.is_object() { reply.body["code"].clone() } else { reply.body };
        assert_eq!((reply.status, told), (status, body), "{kind}");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(state(&caller, &id).await, left, "{kind}");
    }
}

#[tokio::test]
async fn each_deed_behind_our_back_shows_on_the_instance() {
    for kind in kinds(FaultScope::BehindBack) {
        let caller = Caller::new();
        let id = caller.create(&json!({ "name": "web", "tag.role": "db" })).await.parse().unwrap();
        let before = caller.sim.instance(id).unwrap();
        caller.sim.fault(kind, Fault::default().times(1));
        assert_eq!(caller.get("/my/packages").await.status, 200);
        check_struck(&caller, kind);
        let after = caller.sim.instance(id).unwrap();
        match kind {
            FaultKind::BehindBackDeletes => assert_eq!(after.state, InstanceState::Deleted),
            FaultKind::BehindBackStops => assert_eq!(after.state, InstanceState::Stopped),
            FaultKind::BehindBackFails => assert_eq!(after.state, InstanceState::Failed),
            FaultKind::BehindBackRenames => assert_ne!(after.name, before.name),
            FaultKind::BehindBackRetags => {
                assert!(!after.tags.contains_key("role") && !after.tags.is_empty());
            }
            FaultKind::BehindBackReaddresses => {
                assert!(after.ips.iter().all(|ip| !before.ips.contains(ip)), "{after:?}");
                assert_ne!(after.primary_ip, before.primary_ip);
            }
            FaultKind::BehindBackMigrates => {
                assert_ne!(after.compute_node, before.compute_node);
                assert_eq!(after.state, InstanceState::Running);
            }
            other => panic!("{other} has no row"),
        }
        let audit = caller.get(&format!("/my/machines/{id}/audit")).await;
        let jobs = audit.body.as_array().map_or(1, Vec::len);
        assert_eq!(jobs, 1, "{kind}: behind our back there is no audit");
    }
}

#[tokio::test]
async fn what_happens_behind_our_back_waits_for_an_instance_of_ours() {
    let caller = caller_with(FaultKind::BehindBackStops, Fault::default().times(1));
    caller.get("/my").await;
    assert!(caller.sim.journal()[0].struck.is_empty());
    let id = caller.create(&json!({})).await;
    assert_eq!(state(&caller, &id).await, "stopped");
}
