//! Manifests: pages of rules, places of findings, kinds of input, hostile text.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod goldens;
mod hostile;
mod levels;
mod pages;
mod places;
mod plans;

use triton_podspec::manifest::{Context, Report, SavedCatalog, lint};

/// What is known of an account with the catalog of the tests.
fn with_catalog() -> Context {
    let saved: SavedCatalog =
        serde_json::from_str(include_str!("../../fixtures/catalog.json")).unwrap();
    Context { catalog: Some(saved.read().unwrap()), ..Context::default() }
}

/// Rules and places, as `host-namespace 5:3`.
fn told(report: &Report) -> Vec<String> {
    let tell = |it: &triton_podspec::manifest::Finding| {
        format!("{} {}:{}", it.rule.name, it.line, it.column)
    };
    report.findings.iter().map(tell).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let report = lint(text, &Context::default());
    assert_eq!(told(&report), expected, "{:#?}", report.findings);
}
