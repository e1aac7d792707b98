//! The examples as their users run them, with credentials in the environment, against the simulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use common::{KEY, builder};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use triton_cloudapi::client::Client;
use triton_cloudapi::instances::ListInstances;
use triton_cloudapi::packages::ListPackages;
use triton_signature::PrivateKey;
use triton_sim::{Delays, Running, Sim};

/// Longest that an example may take before something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(60);

async fn served() -> (Sim, Running, Client) {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let delays = Delays::none();
    let sim = Sim::builder().account("acme").key(key).delays(delays).listen(false).build().unwrap();
    let running = sim.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let client = builder(&running.url()).build().unwrap();
    (sim, running, client)
}

/// The example's program. Cargo puts it beside the tests, and builds it with them unless told to build one test only.
fn example(name: &str, url: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path: PathBuf = tests.parent().unwrap().with_file_name("examples").join(name);
    assert!(path.exists(), "{} is not there: cargo build --examples", path.display());
    let home = std::env::temp_dir();
    let mut command = Command::new(path);
    command.env_clear().env("HOME", home).env("TRITON_URL", url).env("TRITON_ACCOUNT", "acme");
    command.env("TRITON_KEY_MATERIAL", KEY).kill_on_drop(true);
    command
}

/// Runs it to its end, which must be a good one; returns what it has printed.
async fn run(name: &str, url: &str, arguments: &[&str]) -> String {
    let output = example(name, url).args(arguments).output();
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

async fn create(client: &Client, name: &str) -> triton_cloudapi::instances::Instance {
    let images = client.list_images(&triton_cloudapi::images::ListImages::default()).await.unwrap();
    let image = images.items.iter().find(|image| image.kind == "lx-dataset").unwrap();
    let create = triton_cloudapi::instances::CreateInstance {
        name: name.to_owned(),
        package: client.list_packages(&ListPackages::default()).await.unwrap().items[0]
            .name
            .clone(),
        image: image.id.to_string(),
        tags: [("role".to_owned(), "web".into())].into(),
        ..Default::default()
    };
    client.create_instance(&create).await.unwrap()
}

#[tokio::test]
async fn list_instances_prints_a_line_for_each() {
    let (_sim, running, client) = served().await;
    let id = create(&client, "web-0").await.id;
    let printed = run("list_instances", &running.url(), &[]).await;
    assert!(printed.starts_with(&format!("instances of acme at {}", running.url())), "{printed}");
    let line = printed.lines().nth(1).unwrap();
    assert!(line.starts_with(&id.to_string()) && line.ends_with(" web-0"), "{printed}");
}

#[tokio::test]
async fn create_and_wait_leaves_nothing() {
    let (sim, running, client) = served().await;
    let images = client.list_images(&triton_cloudapi::images::ListImages::default()).await.unwrap();
    let image = images.items.iter().find(|image| image.kind == "lx-dataset").unwrap();
    let package = &client.list_packages(&ListPackages::default()).await.unwrap().items[0].name;
    let printed = run("create_and_wait", &running.url(), &["db-0", &image.name, package]).await;
    for begin in ["created ", "running at ", "deleted"] {
        assert!(printed.lines().any(|line| line.starts_with(begin)), "{begin}: {printed}");
    }
    assert_eq!(sim.instances().len(), 1, "it was never created");
    assert!(client.list_all_instances(&ListInstances::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn firewall_opens_the_port_once() {
    let (_sim, running, client) = served().await;
    let id = create(&client, "web-0").await.id;
    let first = run("firewall", &running.url(), &["role=web", "443"]).await;
    assert!(first.contains(&format!("{id} web-0 lets port 443 in")), "{first}");
    assert_eq!(run("firewall", &running.url(), &["role=web", "443"]).await, first);
    let rules = client.list_firewall_rules().await.unwrap().items;
    assert_eq!(rules.iter().filter(|rule| !rule.global).count(), 1, "{rules:?}");
    assert!(
        client.list_all_instances(&ListInstances::default()).await.unwrap()[0].firewall_enabled
    );
}

#[tokio::test]
async fn follow_changefeed_tells_what_happens() {
    let (_sim, running, client) = served().await;
    let mut program =
        example("follow_changefeed", &running.url()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut line = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        line.unwrap().unwrap().expect("it ends by itself")
    };
    while line().await != "0 instances, listed because the feed begins" {}
    let id = create(&client, "web-0").await.id;
    while line().await != format!("{id} is running web-0") {}
    client.delete_instance(id).await.unwrap();
    while line().await != format!("{id} is deleted web-0") {}
    program.kill().await.unwrap();
}

#[tokio::test]
async fn an_example_without_credentials_says_what_is_missing() {
    let output = example("list_instances", "").output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("TRITON_URL"), "{error}");
}
