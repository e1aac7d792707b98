//! What an operator does by hand, with the node's own rights: orphans removed, instances of the first provider adopted.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::process::Stdio;

use serde_json::Value;
use testbed::wait::{seen_if, until};
use testbed::{NodeOptions, Scene, StackOptions, pod};
use tokio::process::Command;

const NODE: &str = "vk-triton";
const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// Runs `vk-triton` with a command as the node itself runs: exit code, what it printed, what it complained of.
async fn vk_triton(scene: &mut Scene, words: &[&str]) -> (i32, String, String) {
    let spec = scene.stack.node().unwrap().process().spec().clone();
    let at = spec.args.iter().position(|arg| arg == "--kubeconfig").unwrap();
    let output = Command::new(&spec.program)
        .args(words)
        .args([
            "--nodename",
            NODE,
            "--provider-config",
            "./triton.toml",
            "--log-level",
            "warn",
            "--kubeconfig",
        ])
        .arg(&spec.args[at + 1])
        .env_clear()
        .env("HOME", &spec.dir)
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&spec.dir)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The instances that a command printed as JSON: UUID, standing, action.
fn printed(text: &str) -> Vec<(String, String, String)> {
    let whole: Value = serde_json::from_str(text).unwrap();
    let word = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let row = |row: &Value| (word(row, "id"), word(row, "standing"), word(row, "action"));
    whole["instances"].as_array().unwrap().iter().map(row).collect()
}

fn options() -> StackOptions {
    let config = "[limits]\nambiguity_window = \"20s\"\norphan_age = \"1s\"\n".to_owned();
    StackOptions {
        node: Some(NodeOptions { config, ..NodeOptions::default() }),
        ..StackOptions::default()
    }
}

#[tokio::test]
async fn an_operator_sees_and_removes_what_is_left_over() {
    let mut scene = Scene::start("operator-orphans", &options()).await.unwrap();
    for name in ["stays", "goes"] {
        scene.apply(&pod(name, "bare", &[("delprotect", "true")]).to_string()).await.unwrap();
    }
    scene.until_ready("app=bare", 2).await.unwrap();
    let (code, text, errors) = vk_triton(&mut scene, &["orphans", "--output", "json"]).await;
    assert_eq!(code, 0, "{text}{errors}");
    assert!(printed(&text).iter().all(|(_, standing, _)| standing == "wanted"), "{text}");
    assert_eq!(printed(&text).len(), 2);

    // A pod object vanishes while nobody runs its node.
    scene.stack.node().unwrap().process().crash().unwrap();
    let force = ["delete", "pod", "goes", "--force", "--grace-period=0"];
    scene.kubectl().run(&force).await.unwrap();
    let (code, text, errors) = vk_triton(&mut scene, &["orphans", "--output", "json"]).await;
    assert_eq!(code, 1, "{text}{errors}");
    let orphans: Vec<String> = printed(&text)
        .into_iter()
        .filter(|(_, standing, _)| standing == "orphan")
        .map(|row| row.0)
        .collect();
    assert_eq!(orphans.len(), 1, "{text}");
    let (code, text, _) = vk_triton(&mut scene, &["orphans"]).await;
    assert!(
        code == 1 && text.contains("--delete removes it") && text.contains("default/goes"),
        "{text}"
    );

    // Nobody is there to be asked.
    let (code, _, errors) = vk_triton(&mut scene, &["orphans", "--delete"]).await;
    assert!(code == 64 && errors.contains("--yes"), "{code} {errors}");
    let (code, text, errors) = vk_triton(&mut scene, &["orphans", "--delete", "--yes"]).await;
    assert_eq!(code, 0, "{text}{errors}");
    let left = scene.fate().living().await.unwrap();
    assert!(
        left.len() == 1 && left[0].id != orphans[0],
        "its protection, which we had set, was lifted"
    );
    assert_eq!(vk_triton(&mut scene, &["orphans"]).await.0, 0);

    scene.stack.node().unwrap().process().start_again().unwrap();
    scene.until_ready("app=bare", 1).await.unwrap();
    assert_eq!(scene.fate().instances().await.unwrap().len(), 2, "nothing was made again");
    scene.no_secret_got_out().await.unwrap();
}

#[tokio::test]
async fn a_pod_of_the_first_provider_waits_until_its_instance_is_adopted() {
    let mut scene = Scene::start("operator-adopt", &options()).await.unwrap();
    scene.stack.node().unwrap().process().crash().unwrap();
    scene.apply(&pod("old", "first", &[]).to_string()).await.unwrap();
    let bound = |pods: &[k8s_openapi::api::core::v1::Pod]| {
        pods.iter().any(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()))
    };
    let pods = scene.until_pods("app=first", "the pod to be bound", bound).await.unwrap();
    let uid = pods[0].metadata.uid.clone().unwrap();
    let copy = serde_json::json!({ "metadata": { "name": "old", "uid": uid } }).to_string();
    let tags = [
        ("k8s_nodename", NODE),
        ("k8s_namespace", "default"),
        ("k8s_uid", &uid),
        ("k8s_pod", &copy),
    ];
    let id = scene.stack.cloud().make_instance("old", &tags).await.unwrap();

    scene.stack.node().unwrap().process().start_again().unwrap();
    let waits = |event: &k8s_openapi::api::core::v1::Event| {
        event.reason.as_deref() == Some("FirstProviderInstance")
            && event.message.as_deref().is_some_and(|message| message.contains("vk-triton adopt"))
    };
    scene.until_event("old", "an event that says what to run", waits).await.unwrap();
    assert_eq!(scene.fate().living().await.unwrap().len(), 1, "no second instance");

    let (code, text, errors) = vk_triton(&mut scene, &["adopt", "--output", "json"]).await;
    assert_eq!(code, 1, "{text}{errors}");
    assert_eq!(printed(&text), [(id.clone(), "matches".to_owned(), "--act adopts it".to_owned())]);
    let (code, text, errors) = vk_triton(&mut scene, &["adopt", "--act"]).await;
    assert!(code == 0 && text.contains("adopted"), "{code} {text}{errors}");
    let pods = scene.until_ready("app=first", 1).await.unwrap();
    let statuses = pods[0].status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    assert_eq!(statuses[0].container_id.as_deref(), Some(format!("triton://{id}").as_str()));
    assert_eq!(scene.fate().instances().await.unwrap().len(), 1);
    assert_eq!(vk_triton(&mut scene, &["adopt"]).await, (0, "nothing\n".to_owned(), String::new()));

    // It is the pod's like any other.
    scene.kubectl().run(&["delete", "pod", "old"]).await.unwrap();
    until("the instance to go", LIMIT, || async {
        let living = scene.fate().living().await?.len();
        seen_if(living == 0, living)
    })
    .await
    .unwrap();
    scene.no_secret_got_out().await.unwrap();
}
