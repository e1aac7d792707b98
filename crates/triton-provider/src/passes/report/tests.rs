//! What a status is made of, and what is read back from it.

use super::*;
use crate::decide::fixtures::instance;
use crate::decide::state::{Known, State};

#[tokio::test(start_paused = true)]
async fn only_a_pod_that_will_be_restarted_backs_off() {
    let now = Instant::now();
    let known = Known::seen(instance(1, "stopped"), now);
    let life = State { known: Some(known), ..State::default() };
    let mut memory = Memory { life, ..Memory::default() };
    memory.life.restarts.backoff.note(now);
    let pending = |over| restarts(&Pod::default(), &memory, over).pending;
    assert!(matches!(pending(false), Some(PendingRestart::BackOff { .. })));
    assert_eq!(pending(true), None, "a pod that is over waits for nothing");
}

#[test]
fn the_status_tells_another_process_which_probe_killed() {
    #[track_caller]
    fn check(message: &str, expected: Option<Kind>) {
        let terminated = serde_json::json!({"exitCode": 137, "message": message});
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "spec": {"containers": [{"name": "c"}]},
            "status": {"containerStatuses": [{
                "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": terminated},
            }]},
        }))
        .unwrap();
        assert_eq!(probe_that_killed(&pod), expected, "{message}");
    }
    for kind in [Kind::Startup, Kind::Liveness] {
        check(&why_killed(Some(kind), None), Some(kind));
        check(&why_replaced("c", kind), Some(kind));
    }
    check(&why_killed(None, Some("nobody listens")), None);
}

/// `TestUpdatePodStatusOnKubeletRestart` of the kubelet's tests.
#[tokio::test(start_paused = true)]
async fn only_the_same_life_of_the_same_instance_stays_ready_over_a_restart() {
    #[track_caller]
    fn check(what: &str, change: serde_json::Value, was_ready: bool) {
        let mut pod = serde_json::json!({
            "spec": {"containers": [{"name": "c"}]},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 2,
                    "containerID": "triton://00000000-0000-0000-0000-000000000001",
                }],
            },
        });
        for (field, value) in change.as_object().unwrap() {
            pod["status"]["containerStatuses"][0][field] = value.clone();
            if field == "condition" {
                pod["status"]["conditions"][0]["status"] = value.clone();
            }
        }
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let mut memory = Memory::default();
        memory.life.restarts.count = 2;
        let facts = facts(&pod, &memory, &instance(1, "running"), true, false);
        assert_eq!(facts.was_ready, was_ready, "{what}");
    }
    check("as it was", serde_json::json!({}), true);
    check("not ready", serde_json::json!({"ready": false}), false);
    check("the pod was not", serde_json::json!({"condition": "False"}), false);
    check("another life", serde_json::json!({"restartCount": 1}), false);
    let other = "triton://00000000-0000-0000-0000-000000000002";
    check("another instance", serde_json::json!({"containerID": other}), false);
}
