//! Whatever the text is, there is an answer, and it does not cost much.

use std::fmt::Write as _;

use proptest::prelude::*;
use triton_podspec::manifest::{Context, TEXT_BYTES_MAX, lint};

#[track_caller]
fn is_malformed(text: &str, part: &str) {
    let report = lint(text, &Context::default());
    let found = report
        .findings
        .iter()
        .any(|finding| finding.rule.name == "malformed-manifest" && finding.message.contains(part));
    let shown: Vec<_> = report.findings.iter().take(3).collect();
    assert!(found, "{shown:#?}");
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} [{}]", [below.as_str(); 10].join(", ")).unwrap();
    }
    is_malformed(&text, "aliases");
}

#[test]
fn anchors_within_anchors_are_stopped() {
    let mut text = String::from("a: ");
    for level in 0..60 {
        write!(text, "&a{level} [").unwrap();
    }
    text.push_str(&"x, ".repeat(100_000));
    text.push_str(&"]".repeat(60));
    is_malformed(&text, "aliases");
}

#[test]
fn an_alias_within_its_own_anchor_is_no_endless_loop() {
    is_malformed("a: &a [*a]\n", "alias");
}

#[test]
fn depth_is_bounded() {
    is_malformed(&"[".repeat(1_000_000), "");
    is_malformed(&"{a: ".repeat(200), "");
    let mut text = String::new();
    for level in 0..300 {
        writeln!(text, "{}a:", " ".repeat(level)).unwrap();
    }
    is_malformed(&text, "");
    is_malformed(&"- ".repeat(100_000), "");
}

#[test]
fn size_is_bounded() {
    is_malformed(&"a".repeat(TEXT_BYTES_MAX + 1), "split it");
    is_malformed(&"- a\n".repeat(2_100_000), "split it");
    let mut text = String::new();
    for key in 0..100_000 {
        writeln!(text, "k{key}: 1").unwrap();
    }
    text.push_str("k5: 1\n");
    is_malformed(&text, "twice");
}

#[test]
fn odd_texts_have_an_answer() {
    for text in [
        "\u{feff}kind: Pod\napiVersion: v1\n",
        "%YAML 1.1\n---\nkind: Pod",
        "kind: [Pod]",
        "kind: Pod\nspec: x",
        "? [a]\n: b\n",
        "{{ .Values.x }}: y",
        "kind: &a Pod\nx: *b",
        "\0",
        "a: b: c",
        "\t- x",
        "---\n...\n---",
        "<<: 5",
        "<<: [{a: b}, {a: c}]\na: d",
        "kind: Deployment\napiVersion: apps/v1\nspec: {template: []}",
        "kind: List\nitems: {}",
        "kind: List\nitems: [null, 5, {kind: Pod, apiVersion: v1, spec: null}]",
        "apiVersion: v1\nkind: Pod\nmetadata: []\nspec: {containers: {a: b}}",
        "apiVersion: v1\nkind: Pod\nspec: {containers: [null]}",
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{ports: [{containerPort: 99999999999}]}]}",
    ] {
        let report = lint(text, &Context::default());
        for finding in report.findings {
            assert!(!finding.message.is_empty() && finding.line > 0, "{finding:?}");
            assert!(text.get(finding.span.clone()).is_some(), "{text:?} {finding:?}");
        }
    }
}

#[test]
fn the_merge_key_is_kubectls() {
    let text = "apiVersion: v1\nkind: Pod\nx: &x {hostNetwork: true, hostPID: true}\nspec:\n  <<: *x\n  hostPID: false\n  \
                containers: [{name: a, image: b, resources: {limits: {cpu: 1}}}]\n";
    let report = lint(text, &Context::default());
    let found: Vec<_> = report.findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(found, ["spec.hostNetwork"], "{:#?}", report.findings);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let report = lint(&text, &Context::default());
        for finding in report.findings {
            prop_assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
        }
    }

    #[test]
    fn no_damage_to_a_manifest_makes_it_panic(at in 0usize..600, with in "[\\[\\]{}:,&*!|>'\"%@` \n\t#?-]{0,3}", cut in 0usize..9) {
        let text = include_str!("../../fixtures/walkthrough.yaml");
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(end));
        let text = format!("{}{with}{}", &text[..at], &text[end..]);
        for finding in lint(&text, &Context::default()).findings {
            prop_assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
        }
    }
}
