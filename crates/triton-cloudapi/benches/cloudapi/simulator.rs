//! The simulator, as a process of its own, so that its CPU time is not ours.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use triton_cloudapi::client::{ClientBuilder, Config, KeySource, RateLimit};
use triton_cloudapi::{Client, InstanceId};
use triton_signature::PrivateKey;

use crate::KEY;

/// A running simulator; it ends with this value.
pub(crate) struct Simulator {
    process: Child,
    _dir: TempDir,
    pub(crate) url: String,
}

// === impl Simulator ===

impl Simulator {
    /// Starts the program that `TRITON_SIM_BIN` names, one that takes no time for anything.
    pub(crate) async fn start() -> Self {
        let Some(program) = std::env::var_os("TRITON_SIM_BIN") else {
            panic!("TRITON_SIM_BIN does not name the program: run cargo xtask bench cloudapi");
        };
        let dir = tempfile::tempdir().unwrap();
        let public = dir.path().join("key.pub");
        let key = PrivateKey::from_text(KEY, None).unwrap();
        std::fs::write(&public, key.public_key().to_openssh()).unwrap();
        let none =
            ["create", "provision", "action", "job"].map(|what| format!("--{what}-delay=0s"));
        let mut process = Command::new(program)
            .args([
                "--account=acme",
                "--no-throttle",
                "--no-listeners",
                "--log-level=error",
                "--key",
            ])
            .arg(&public)
            .args(none)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines
            .find_map(|line| line.unwrap().strip_prefix("export TRITON_URL=").map(str::to_owned));
        Self { process, _dir: dir, url: url.unwrap() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A client of it that holds itself to no rate.
    pub(crate) fn client(&self) -> ClientBuilder {
        let config =
            Config::new(self.url.parse().unwrap(), "acme", KeySource::Text(KEY.into(), None));
        let key = PrivateKey::from_text(KEY, None).unwrap();
        Client::builder(config, key)
            .with_rate_limit(RateLimit { per_second: 1e9, burst: 1_000_000 })
    }

    /// An instance that runs.
    pub(crate) async fn instance(&self, client: &Client, name: &str) -> InstanceId {
        let create = triton_cloudapi::instances::CreateInstance {
            name: name.to_owned(),
            image: "9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205".to_owned(),
            package: "g4-highcpu-128M".to_owned(),
            ..Default::default()
        };
        client.create_instance(&create).await.unwrap().id
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
