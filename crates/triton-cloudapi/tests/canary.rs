//! A key, a passphrase, metadata and signatures go through everything that is shown: logs, errors, Debug. None of them
//! may come out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{KEY, builder};
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;
use triton_cloudapi::client::{Client, Config, Error, KeySource, RetryPolicy};
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{self, CreateInstance, ListInstances};
use triton_cloudapi::packages::ListPackages;
use triton_signature::PrivateKey;
use triton_sim::{Delays, Sim};

/// In every secret.
const CANARY: &str = "canary-5f1c";

/// Everything that was shown.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    fn add(&self, what: impl std::fmt::Display) {
        self.0.lock().unwrap().extend(format!("{what}\n").as_bytes());
    }

    fn add_error(&self, error: &(dyn std::error::Error + 'static)) {
        self.add(format_args!("{error:?} {error:#?}"));
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.add(error);
            cause = error.source();
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Shown {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn use_everything(shown: &Shown) {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let sim = Sim::builder().account("acme").key(key.public_key().to_openssh());
    let sim = sim.delays(Delays::none()).listen(false).build().unwrap();
    // Over a socket, so that hyper has its say in the logs too.
    let running = sim.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let url = running.url();
    let client = builder(&url).with_retry(RetryPolicy::never()).build().unwrap();
    shown.add(format_args!("{client:?} {key:?}"));

    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    let image = images.iter().find(|image| image.kind == "lx-dataset").unwrap();
    let package = &client.list_packages(&ListPackages::default()).await.unwrap().items[0];
    let metadata = [
        ("user-script".to_owned(), format!("password={CANARY}")),
        ("administrator_pw".to_owned(), CANARY.to_owned()),
    ];
    let create = CreateInstance {
        name: "web".to_owned(),
        image: image.id.to_string(),
        package: package.id.to_string(),
        metadata: metadata.into_iter().collect(),
        ..CreateInstance::default()
    };
    let request = instances::create(&create).unwrap();
    shown.add(format_args!("{create:?} {request:?} {}", client.explain(&request).unwrap()));
    let instance = client.create_instance(&create).await.unwrap();
    shown.add(format_args!("{instance:?}"));
    shown.add(format_args!("{:?}", client.list_instances(&ListInstances::default()).await));
    shown.add(format_args!("{:?}", client.find_instance(instance.id).await));
    shown.add_error(&client.create_instance(&create).await.unwrap_err());

    let dry = builder(&url).with_dry_run(true).build().unwrap();
    shown.add_error(&dry.create_instance(&create).await.unwrap_err());

    let stranger = PrivateKey::from_text(&other_key(), None).unwrap();
    let config = Config::new(url.parse().unwrap(), "acme", KeySource::Text(KEY.into(), None));
    shown.add(format_args!("{config:?}"));
    let stranger = Client::builder(config, stranger).build().unwrap();
    let error = stranger.create_instance(&create).await.unwrap_err();
    assert!(matches!(error, Error::Credentials { .. }), "{error:?}");
    shown.add_error(&error);
    drop(running);
    let error = client.create_instance(&create).await.unwrap_err();
    shown.add_error(&error);
}

/// Another key than the account's.
fn other_key() -> String {
    let path = tempfile::TempDir::new().unwrap();
    let path = path.path().join("key");
    let status = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    std::fs::read_to_string(path).unwrap()
}

async fn misconfigure(shown: &Shown) {
    let env = |name: &str| match name {
        "TRITON_URL" => Some("https://127.0.0.1:1".to_owned()),
        "TRITON_ACCOUNT" => Some("acme".to_owned()),
        "TRITON_KEY_MATERIAL" => Some(KEY.replace("MC4CAQAw", "MC4CAQBw")),
        "TRITON_KEY_PASSPHRASE" => Some(CANARY.to_owned()),
        _ => None,
    };
    let config = Config::load(&env, None).unwrap();
    shown.add(format_args!("{config:?}"));
    shown.add_error(&config.signer(&env, None).await.unwrap_err());
    let url = |name: &str| match name {
        "TRITON_URL" => Some(format!("https://me:{CANARY}@127.0.0.1")),
        name => env(name),
    };
    shown.add_error(&Config::load(&url, None).unwrap_err());
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let shown = Shown::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(shown.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        // One thread, so that all of it is under this subscriber.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            use_everything(&shown).await;
            misconfigure(&shown).await;
        });
    });
    let text = shown.text();
    // The secrets themselves: metadata and passphrase, the key, and what would let others in.
    for secret in [CANARY, "MC4CAQ", "INTuctv5E1hK1bbY8fdp", ",signature=\"", "BEGIN PRIVATE"] {
        if let Some(at) = text.find(secret) {
            let start = at.saturating_sub(200);
            let end = (at + 200).min(text.len());
            panic!("{secret:?} is in: {}", String::from_utf8_lossy(&text.as_bytes()[start..end]));
        }
    }
    // And it did look at something.
    for expected in ["CreateMachine", "request_id", "attempts", "ListMachines", "user-script"] {
        assert!(text.contains(expected), "{expected:?} is not in what was shown");
    }
}
