//! Arrows only point down: which crate of the workspace may know which.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// Each package with those of ours it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("triton-signature", &[]),
    ("triton-cloudapi", &["triton-signature"]),
    ("triton-podspec", &["triton-cloudapi"]),
    ("probe-engine", &[]),
    ("virtual-node", &[]),
    // Not the client's types: one misreading of the manual must not hide in both.
    ("triton-sim", &["triton-signature"]),
    ("triton-provider", &["virtual-node", "probe-engine", "triton-podspec", "triton-cloudapi"]),
    ("vk-triton", &["triton-provider", "virtual-node", "triton-cloudapi"]),
    ("triton-lint", &["triton-podspec", "triton-cloudapi"]),
    ("triton-sim-server", &["triton-sim", "triton-signature"]),
    // Everything that runs, in one thread.
    (
        "simulation",
        &[
            "triton-provider",
            "virtual-node",
            "triton-podspec",
            "triton-cloudapi",
            "triton-signature",
            "triton-sim",
        ],
    ),
    // Starts programs, and asks CloudAPI what came of it.
    ("testbed", &["triton-cloudapi"]),
    ("xtask", &["testbed"]),
];

/// What tests may use on top.
const TESTS_MAY_USE: &[(&str, &[&str])] = &[
    ("triton-cloudapi", &["triton-sim"]),
    ("triton-provider", &["triton-sim", "triton-signature"]),
    ("triton-sim", &["triton-cloudapi"]),
    ("virtual-node", &["testbed"]),
    ("simulation", &["testbed"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

fn cargo(args: &[&str]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO")).args(args).current_dir(workspace).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn packages() -> Vec<Package> {
    let text = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    serde_json::from_str::<Metadata>(&text).unwrap().packages
}

fn allowed(table: &[(&str, &'static [&'static str])], package: &str) -> BTreeSet<&'static str> {
    let row = table.iter().find(|(name, _)| *name == package);
    row.map(|(_, may_use)| may_use.iter().copied().collect()).unwrap_or_default()
}

#[test]
fn arrows_only_point_down() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        assert!(
            MAY_USE.iter().any(|(name, _)| *name == package.name),
            "{} has no place in the layers",
            package.name
        );
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let mut may_use = allowed(MAY_USE, &package.name);
            if dependency.kind.as_deref() == Some("dev") {
                may_use.extend(allowed(TESTS_MAY_USE, &package.name));
            }
            assert!(
                !ours.contains(name) || may_use.contains(name),
                "{} must not use {name}",
                package.name
            );
        }
    }
}

#[test]
fn the_allowed_arrows_themselves_make_no_circle() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    fn depth(table: &BTreeMap<&str, &[&str]>, package: &str, above: usize) -> usize {
        assert!(above <= table.len(), "{package} is part of a circle");
        table[package].iter().map(|below| depth(table, below, above + 1)).max().unwrap_or(above)
    }
    for package in table.keys() {
        depth(&table, package, 0);
    }
}

#[track_caller]
fn check_without(package: &str, unwanted: &[&str]) {
    let tree =
        cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
    let used: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(used.contains(package), "{tree}");
    for name in unwanted {
        assert!(!used.contains(name), "{package} uses {name}");
    }
}

#[test]
fn the_pure_crates_bring_no_runtime() {
    check_without("triton-podspec", &["tokio", "hyper", "kube-client", "rustls"]);
    check_without("triton-signature", &["tokio", "hyper", "rustls"]);
}

#[test]
fn the_engines_are_strangers_to_triton_and_kubernetes() {
    check_without("probe-engine", &["k8s-openapi", "kube-client", "triton-cloudapi"]);
    check_without("virtual-node", &["triton-cloudapi", "triton-podspec", "triton-signature"]);
    check_without("triton-sim", &["triton-cloudapi", "k8s-openapi"]);
}
