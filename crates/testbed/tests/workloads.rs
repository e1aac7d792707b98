//! What people do with kubectl all day: rollouts, scaling, jobs, drains, deletions by force. One stack for all of it.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube_client::Api;
use serde_json::{Value, json};
use testbed::wait::{Seen, seen_if, until};
use testbed::{Scene, StackOptions, deployment, pod};

const LIMIT: Duration = Duration::from_secs(180);

/// The template of a pod of this app, in any workload.
fn template(app: &str) -> Value {
    let mut template = deployment(app, 1)["spec"]["template"].take();
    template["spec"]["terminationGracePeriodSeconds"] = json!(5);
    template
}

async fn kubectl(scene: &Scene, line: &str) -> String {
    let args: Vec<&str> = line.split(' ').collect();
    scene.kubectl().run(&args).await.unwrap()
}

/// The pods with their instances: each pod has one, and each instance a pod.
async fn one_instance_each(scene: &Scene, label: &str, count: usize) -> Vec<(Pod, String)> {
    let pods = scene.until_ready(label, count).await.unwrap();
    let living = scene.fate().living().await.unwrap();
    let of = |pod: &Pod| {
        let uid = pod.metadata.uid.clone().unwrap();
        let its: Vec<_> =
            living.iter().filter(|one| one.tag("k8s_uid") == Some(uid.as_str())).collect();
        assert_eq!(its.len(), 1, "{uid}: {its:?}");
        its[0].id.clone()
    };
    pods.iter().map(|pod| (pod.clone(), of(pod))).collect()
}

async fn no_instances(scene: &Scene) {
    scene.until_instances("no instances", |living| living.is_empty()).await.unwrap();
}

#[tokio::test]
async fn workloads_live_on_this_node_as_on_any_other() {
    let scene = Scene::start("workloads", &StackOptions::default()).await.unwrap();
    a_rollout_is_made_undone_and_scaled(&scene).await;
    labels_and_annotations_are_followed(&scene).await;
    jobs_and_cron_jobs_complete(&scene).await;
    a_stateful_set_comes_and_goes_in_order(&scene).await;
    a_drain_keeps_to_the_disruption_budget(&scene).await;
    a_pod_that_is_deleted_by_force_takes_its_instance_with_it(&scene).await;
    a_daemon_set_is_kept_off(&scene).await;
    a_deleted_node_comes_back_and_its_pods_are_replaced(&scene).await;
    scene.no_secret_got_out().await.unwrap();
}

async fn a_rollout_is_made_undone_and_scaled(scene: &Scene) {
    let mut web = deployment("web", 2);
    web["spec"]["template"] = template("web");
    scene.apply(&web.to_string()).await.unwrap();
    kubectl(scene, "rollout status deployment/web --timeout=120s").await;
    let first = one_instance_each(scene, "app=web", 2).await;

    kubectl(scene, "set env deployment/web VERSION=2").await;
    kubectl(scene, "rollout status deployment/web --timeout=180s").await;
    let second = one_instance_each(scene, "app=web", 2).await;
    assert!(second.iter().all(|(_, id)| first.iter().all(|(_, old)| old != id)));

    kubectl(scene, "rollout undo deployment/web").await;
    kubectl(scene, "rollout status deployment/web --timeout=180s").await;
    one_instance_each(scene, "app=web", 2).await;

    kubectl(scene, "scale deployment/web --replicas=4").await;
    kubectl(scene, "wait --for=condition=Available deployment/web --timeout=120s").await;
    one_instance_each(scene, "app=web", 4).await;
    kubectl(scene, "scale deployment/web --replicas=1").await;
    scene.until_instances("one instance", |living| living.len() == 1).await.unwrap();
}

async fn labels_and_annotations_are_followed(scene: &Scene) {
    let (pod, id) = one_instance_each(scene, "app=web", 1).await.remove(0);
    let name = pod.metadata.name.unwrap();
    kubectl(scene, &format!("label pod {name} tier=front")).await;
    let has = |value: Option<&'static str>| {
        let id = id.clone();
        move |living: &[testbed::SimInstance]| {
            living.iter().any(|one| one.id == id && one.tag("tier") == value)
        }
    };
    scene.until_instances("the tag", has(Some("front"))).await.unwrap();
    kubectl(scene, &format!("label pod {name} tier-")).await;
    scene.until_instances("no tag", has(None)).await.unwrap();
    let updated = |event: &k8s_openapi::api::core::v1::Event| {
        event.reason.as_deref() == Some("Updated")
            && event.message.as_deref().is_some_and(|message| message.contains("tier"))
    };
    scene.until_event(&name, "the event Updated", updated).await.unwrap();
    kubectl(scene, "delete deployment web").await;
    no_instances(scene).await;
}

/// Stops the guest of the app's pod once it runs: that is how an instance has done its work.
async fn finish(scene: &Scene, label: &str) {
    scene.until_ready(label, 1).await.unwrap();
    let living = scene.until_instances("its instance", |living| living.len() == 1).await.unwrap();
    scene.fate().behind_our_back(&living[0].id, "stop").await.unwrap();
}

async fn jobs_and_cron_jobs_complete(scene: &Scene) {
    let mut job_template = template("once");
    job_template["spec"]["restartPolicy"] = json!("Never");
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": job_template} });
    scene.apply(&job.to_string()).await.unwrap();
    finish(scene, "app=once").await;
    kubectl(scene, "wait --for=condition=Complete job/once --timeout=120s").await;
    no_instances(scene).await;
    let pods = scene.until_pods("app=once", "its pod", |pods| pods.len() == 1).await.unwrap();
    assert_eq!(pods[0].status.as_ref().unwrap().phase.as_deref(), Some("Succeeded"));
    kubectl(scene, "delete job once").await;

    let mut template = template("nightly");
    template["spec"]["restartPolicy"] = json!("OnFailure");
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    });
    scene.apply(&cron.to_string()).await.unwrap();
    kubectl(scene, "create job tonight --from=cronjob/nightly").await;
    finish(scene, "app=nightly").await;
    kubectl(scene, "wait --for=condition=Complete job/tonight --timeout=120s").await;
    kubectl(scene, "delete cronjob nightly").await;
    kubectl(scene, "delete job tonight --ignore-not-found").await;
    no_instances(scene).await;
}

async fn a_stateful_set_comes_and_goes_in_order(scene: &Scene) {
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db", "replicas": 2, "selector": {"matchLabels": {"app": "db"}},
            "template": template("db"),
        },
    });
    scene.apply(&set.to_string()).await.unwrap();
    kubectl(scene, "rollout status statefulset/db --timeout=120s").await;
    let before = one_instance_each(scene, "app=db", 2).await;
    let started = |pods: &[(Pod, String)], name: &str| {
        let found = pods.iter().find(|(pod, _)| pod.metadata.name.as_deref() == Some(name));
        found.unwrap().0.metadata.creation_timestamp.clone().unwrap().0
    };
    assert!(started(&before, "db-0") < started(&before, "db-1"), "one after the other");
    // One of the same name and another UID gets an instance of its own, and the old one's is gone.
    kubectl(scene, "delete pod db-0").await;
    let again = |pods: &[Pod]| {
        pods.len() == 2
            && pods.iter().all(testbed::is_ready)
            && pods.iter().all(|pod| {
                pod.metadata.name.as_deref() != Some("db-0")
                    || pod.metadata.uid != before[0].0.metadata.uid
            })
    };
    scene.until_pods("app=db", "db-0 again", again).await.unwrap();
    one_instance_each(scene, "app=db", 2).await;
    scene.until_instances("two instances", |living| living.len() == 2).await.unwrap();
    kubectl(scene, "delete statefulset db").await;
    no_instances(scene).await;
}

async fn a_drain_keeps_to_the_disruption_budget(scene: &Scene) {
    let mut app = deployment("app", 2);
    app["spec"]["template"] = template("app");
    scene.apply(&app.to_string()).await.unwrap();
    one_instance_each(scene, "app=app", 2).await;
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "app"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "app"}}},
    });
    scene.apply(&budget.to_string()).await.unwrap();
    until("the budget to be known", LIMIT, || async {
        let budget = scene.kubectl().json(&["get", "pdb", "app"]).await?;
        let healthy = budget["status"]["currentHealthy"].clone();
        seen_if(healthy == 2, healthy)
    })
    .await
    .unwrap();
    let drain = ["drain", "vk-triton", "--timeout=5s", "--ignore-daemonsets"];
    let refused = scene.kubectl().run(&drain).await.unwrap_err().to_string();
    assert!(refused.contains("disruption budget"), "{refused}");
    assert_eq!(scene.fate().living().await.unwrap().len(), 2, "nothing was evicted");

    // Cordoned by the drain: what is evicted waits, and comes back with the node.
    kubectl(scene, "patch pdb app --type=merge -p {\"spec\":{\"minAvailable\":0}}").await;
    kubectl(scene, "drain vk-triton --timeout=120s --ignore-daemonsets").await;
    no_instances(scene).await;
    kubectl(scene, "uncordon vk-triton").await;
    one_instance_each(scene, "app=app", 2).await;
    kubectl(scene, "delete pdb app").await;
    kubectl(scene, "delete deployment app").await;
    no_instances(scene).await;
}

async fn a_pod_that_is_deleted_by_force_takes_its_instance_with_it(scene: &Scene) {
    scene.apply(&pod("forced", "forced", &[]).to_string()).await.unwrap();
    one_instance_each(scene, "app=forced", 1).await;
    kubectl(scene, "delete pod forced --force --grace-period=0").await;
    no_instances(scene).await;
}

async fn a_daemon_set_is_kept_off(scene: &Scene) {
    // One that tolerates everything, as node agents do.
    let mut template = template("agent");
    template["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template},
    });
    scene.apply(&set.to_string()).await.unwrap();
    until("the DaemonSet's pod to be refused", LIMIT, || async {
        let events = scene.kubectl().run(&["get", "events", "-A"]).await?;
        Ok(if events.contains("DaemonSetNotSupported") {
            Seen::Done(())
        } else {
            Seen::NotYet(events)
        })
    })
    .await
    .unwrap();
    assert_eq!(scene.fate().living().await.unwrap().len(), 0);
    kubectl(scene, "delete daemonset agent").await;
}

async fn a_deleted_node_comes_back_and_its_pods_are_replaced(scene: &Scene) {
    let mut app = deployment("after", 1);
    app["spec"]["template"] = template("after");
    scene.apply(&app.to_string()).await.unwrap();
    one_instance_each(scene, "app=after", 1).await;
    kubectl(scene, "delete node vk-triton").await;
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(scene.stack.client());
    until("the node to be back", LIMIT, || async {
        Ok(match nodes.get_opt("vk-triton").await? {
            Some(node)
                if testbed::ready_condition(&node).is_some_and(|(status, _)| status == "True") =>
            {
                Seen::Done(())
            }
            Some(_) => Seen::NotYet("not ready".to_owned()),
            None => Seen::NotYet("no node".to_owned()),
        })
    })
    .await
    .unwrap();
    // Whether the garbage collector was faster or not: in the end there is one pod with one instance.
    one_instance_each(scene, "app=after", 1).await;
    kubectl(scene, "delete deployment after").await;
    no_instances(scene).await;
}
