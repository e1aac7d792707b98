//! What is said of manifests in the style of well-known charts, and what those made for Triton become.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use triton_podspec::manifest::{Context, lint};

use crate::with_catalog;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/manifests").join(name)
}

/// Names and texts, in order.
fn manifests(name: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

#[track_caller]
fn compare(golden: PathBuf, found: &str) {
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(&golden, found).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    for (at, (expected, found)) in expected.lines().zip(found.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of {}", at + 1, golden.display());
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{}", golden.display());
}

#[test]
fn of_charts_the_linter_says_this() {
    let mut out = String::new();
    for (name, text) in manifests("charts") {
        writeln!(out, "{name}").unwrap();
        for finding in lint(&text, &Context::default()).findings {
            let (level, rule) = (finding.level, finding.rule.name);
            writeln!(
                out,
                "  {}:{} {level} {rule}: {}",
                finding.line,
                finding.column,
                finding.told()
            )
            .unwrap();
        }
    }
    compare(folder("charts").join("findings.txt"), &out);
}

#[test]
fn manifests_for_triton_become_this() {
    let mut out = String::new();
    for (name, text) in manifests("triton") {
        let report = lint(&text, &with_catalog());
        assert_eq!(report.findings, [], "{name}");
        writeln!(out, "{name}").unwrap();
        for plan in report.plans {
            let instance = plan.instance.unwrap();
            let body = instance.create.to_body().unwrap();
            for (field, value) in body.as_object().unwrap() {
                writeln!(out, "  {field}: {value}").unwrap();
            }
            for rule in instance.firewall_rules {
                writeln!(out, "  rule: {}", rule.rule).unwrap();
            }
            writeln!(out, "  protected: {}", instance.deletion_protection).unwrap();
        }
    }
    compare(folder("triton").join("plans.txt"), &out);
}
