//! The two crates that strangers use first stand by themselves: what is packaged is complete and no more, and a crate
//! outside of this workspace can use them, with everything and with the least.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One crate as a stranger uses it.
struct Stranger {
    /// What it depends on, and how: a line of Cargo.toml.
    dependency: &'static str,
    program: &'static str,
    /// What it must not get along with it.
    without: &'static [&'static str],
}

const ENGINES: [&str; 4] = ["kube-client", "k8s-openapi", "axum", "triton-sim"];

const REQUESTS_ONLY: Stranger = Stranger {
    dependency: "triton-cloudapi = { path = \"{}/crates/triton-cloudapi\", default-features = false }",
    program: r#"
        use triton_cloudapi::instances::{self, ListInstances};

        fn main() {
            let request = instances::list(&ListInstances::default().with_tag("role", "web")).unwrap();
            println!("{} {}", request.http.method(), request.http.uri());
        }
    "#,
    without: &["tokio", "hyper", "rustls", "tower", "tungstenite", "triton-signature"],
};

const CLIENT: Stranger = Stranger {
    dependency: "triton-cloudapi = { path = \"{}/crates/triton-cloudapi\" }",
    program: r#"
        use triton_cloudapi::client::changefeed::ChangefeedOptions;
        use triton_cloudapi::client::{BoxError, Client};
        use triton_cloudapi::instances::ListInstances;

        pub async fn follow() -> Result<(), BoxError> {
            let client = Client::from_env().await?;
            for instance in client.list_all_instances(&ListInstances::default()).await? {
                println!("{} {}", instance.id, instance.name);
            }
            let mut feed = client.changefeed(ChangefeedOptions::default());
            while let Some(item) = feed.next().await {
                println!("{}", item?);
            }
            Ok(())
        }

        fn main() {
            drop(follow());
        }
    "#,
    without: &ENGINES,
};

const SIGNATURE: Stranger = Stranger {
    dependency: "triton-signature = { path = \"{}/crates/triton-signature\" }",
    program: r#"
        fn main() {
            let key = triton_signature::PublicKey::from_openssh("ssh-ed25519 AAAA");
            println!("{}", key.is_err());
        }
    "#,
    without: &["tokio", "hyper", "rustls", "http"],
};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn cargo(directory: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", workspace().join("target/standalone"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Files of the package that are neither sources nor what goes with them.
#[track_caller]
fn check_package(name: &str) {
    let list =
        cargo(&workspace(), &["package", "--list", "--allow-dirty", "--offline", "-p", name]);
    let files: BTreeSet<&str> = list.lines().collect();
    for needed in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"] {
        assert!(files.contains(needed), "{name} is packaged without {needed}");
    }
    let cargos = ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];
    let ours = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
    let is_source = |file: &str| {
        let folders = ["src/", "tests/", "fixtures/", "examples/", "benches/"];
        folders.iter().any(|folder| file.starts_with(folder))
    };
    let junk: Vec<&&str> = files
        .iter()
        .filter(|file| !cargos.contains(file) && !ours.contains(file) && !is_source(file))
        .collect();
    assert!(junk.is_empty(), "{name} is packaged with {junk:?}");
}

#[test]
fn packages_have_what_they_need_and_no_more() {
    check_package("triton-signature");
    check_package("triton-cloudapi");
}

/// Writes the stranger's crate where no workspace is, checks it with the compiler, and looks at what it got.
#[track_caller]
fn check_stranger(stranger: &Stranger) {
    let workspace = workspace();
    let directory = tempfile::tempdir().unwrap();
    let root = workspace.display().to_string();
    let manifest = format!(
        "[package]\nname = \"stranger\"\nedition = \"2024\"\n\n[dependencies]\n{}\n",
        stranger.dependency.replace("{}", &root)
    );
    fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    // The versions that this workspace is tested with; nothing is looked up anew.
    fs::copy(workspace.join("Cargo.lock"), directory.path().join("Cargo.lock")).unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("src/main.rs"), stranger.program).unwrap();
    cargo(directory.path(), &["check", "--offline", "--quiet"]);
    let tree = ["tree", "--offline", "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = cargo(directory.path(), &tree);
    let got: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(got.contains("stranger"), "{tree}");
    for name in stranger.without {
        assert!(!got.contains(name), "{} brings {name}", stranger.dependency);
    }
}

#[test]
fn requests_alone_bring_no_runtime() {
    check_stranger(&REQUESTS_ONLY);
}

#[test]
fn the_client_brings_no_server_and_no_kubernetes() {
    check_stranger(&CLIENT);
}

#[test]
fn signatures_alone_bring_no_runtime() {
    check_stranger(&SIGNATURE);
}
