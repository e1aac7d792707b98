//! A secret reaches the guest, and nobody else.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use triton_podspec::SourceKind;
use triton_sim::{Fault, FaultKind};
use virtual_node::Provider as _;

use super::stage::{LONG, SOON, Stage};

const CANARY: &str = "canary-7d1e4c0a";
/// The same in base64, as Kubernetes writes Secrets.
const ENCODED: &str = "Y2FuYXJ5LTdkMWU0YzBh";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

// === impl Log ===

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[track_caller]
fn check(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}: nothing to look at");
    for secret in [CANARY, ENCODED] {
        if let Some(at) = text.find(secret) {
            let around: String = text[at.saturating_sub(200)..].chars().take(400).collect();
            panic!("{what}: a secret is shown: …{around}…");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_reaches_the_guest_and_nobody_else() {
    let log = Log::default();
    // With one subscriber in the whole process, a place in the code that another test's thread comes to first is asked
    // of that thread, which listens to nothing, and stays mute for all. With two, all subscribers are asked.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    tracing::trace!("the lowest voice");
    let mut stage = Stage::set().await;
    stage.cluster.put(SourceKind::Secret, "vault", &[("password", CANARY)]);
    let env = json!([
        { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "vault", "key": "password" } } },
        { "name": "URL", "value": "https://$(PASSWORD)@db" },
    ]);
    let spec = |image: &str| {
        json!({
            "metadata": { "annotations": { "fwenabled": "true", "fwgroup": "red" } },
            "spec": { "containers": [{
                "name": "main", "image": image, "ports": [{ "containerPort": 80 }],
                "env": env, "envFrom": [{ "secretRef": { "name": "vault" } }],
            }] },
        })
    };
    // Made well, made without an answer, refused, failed, and not to be made at all.
    let well = stage.run("well", spec("ubuntu-16.04")).await;
    stage.sim.fault(FaultKind::Create500AfterCommit, Fault::default().times(1));
    let unanswered = stage.run("unanswered", spec("ubuntu-16.04")).await;
    stage
        .sim
        .fault(FaultKind::TooManyRequests, Fault::default().endpoint("CreateMachine").times(1));
    let refused = stage.run("refused", spec("ubuntu-16.04")).await;
    stage.sim.fault(FaultKind::CreateAcceptedThenFailed, Fault::default().times(1));
    let failed = stage.run("failed", spec("ubuntu-16.04")).await;
    let never = stage.add("never", spec("no-such-image"));
    stage.until("it waits", SOON, |stage| stage.pod(&never).waiting().is_some()).await;
    for uid in [&well, &unanswered, &refused, &failed] {
        let shown = stage.read(stage.instance(uid).id).await;
        let user_data = shown.metadata["user-data"].as_str().unwrap();
        assert_eq!(user_data.matches(CANARY).count(), 3, "the guest must have it");
    }
    stage.sim.outage(true);
    stage.wait(Duration::from_secs(30)).await;
    stage.sim.outage(false);
    stage.kill().await;
    stage.start().await;
    stage.sim.stop_behind_back(stage.instance(&well).id);
    stage.sim.destroy_behind_back(stage.instance(&refused).id);
    stage
        .until("it restarts", LONG, |stage| {
            stage.pod(&well).restarts() == 1 && stage.is_running(&well)
        })
        .await;
    let report = stage.provider().sync(stage.pod(&well).pod).await.unwrap();
    check("a report", &format!("{report:?}"));
    check("what is held", &format!("{:?}", stage.provider().list().await.unwrap()));
    check("rules", &format!("{:?}", stage.rules().await));
    check(
        "instances as they are debugged",
        &format!("{:?}", stage.read(stage.instance(&well).id).await),
    );
    for uid in [&well, &unanswered, &failed, &never] {
        stage.remove(uid, 5);
    }
    stage
        .until("they go", LONG, |stage| {
            [&well, &unanswered, &failed, &never].iter().all(|uid| stage.is_removed(uid))
        })
        .await;

    for instance in stage.sim.instances() {
        check("tags", &format!("{:?} {}", instance.tags, instance.name));
    }
    for hosted in stage.pods.all() {
        let status = serde_json::to_string(&hosted.written).unwrap();
        check("statuses", &status);
        check("events", &format!("{:?}", hosted.events));
    }
    check("the journal", &stage.cluster.journal_text());
    check("requests' paths", &format!("{:?}", stage.sim.journal()));
    let text = log.text();
    for heard in ["created an instance", "DEBUG", "the lowest voice"] {
        assert!(text.contains(heard), "the log was not heard: no {heard}");
    }
    check("the log", &text);
}
