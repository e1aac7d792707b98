//! The page of a rule is its test.

use triton_podspec::manifest::{Level, lint};
use triton_podspec::{Needs, Rule, rules};

use crate::with_catalog;

/// The first YAML block below a heading.
fn example<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("## {heading}\n\n```yaml\n"))?;
    Some(below.split_once("```").unwrap().0)
}

fn found(text: &str) -> Vec<&'static str> {
    lint(text, &with_catalog()).findings.iter().map(|finding| finding.rule.name).collect()
}

#[test]
fn a_page_begins_with_name_and_summary_and_says_why_and_what_instead() {
    for Rule { name, summary, page, .. } in rules::every() {
        assert!(page.starts_with(&format!("# {name}\n\n{summary}\n\n## Why\n\n")), "{name}");
        assert!(page.contains("\n## Instead\n\n"), "{name}");
    }
}

#[test]
fn what_the_page_shows_as_found_is_found_and_alone() {
    for rule in rules::every() {
        // Offline only: with a catalog another rule knows for sure.
        if rule.name == "registry-image" {
            continue;
        }
        let Some(text) = example(rule.page, "Found") else { continue };
        let mut found = found(text);
        found.dedup();
        assert_eq!(found, [rule.name], "{text}");
    }
}

#[test]
fn what_the_page_shows_as_not_found_is_fine() {
    for rule in rules::every() {
        let Some(text) = example(rule.page, "Not found") else { continue };
        let denied: Vec<_> = lint(text, &with_catalog())
            .findings
            .into_iter()
            .filter(|finding| finding.level == Level::Deny || finding.rule.name == rule.name)
            .collect();
        assert!(denied.is_empty(), "{text}{denied:#?}");
    }
}

#[test]
fn a_rule_without_examples_is_one_that_a_manifest_cannot_show() {
    for rule in rules::every().filter(|rule| rule.needs != Needs::Cluster) {
        let has =
            example(rule.page, "Found").is_some() && example(rule.page, "Not found").is_some();
        // Its example would be 100 kB long.
        assert!(has || rule.name == "request-too-large", "{}", rule.name);
    }
}
