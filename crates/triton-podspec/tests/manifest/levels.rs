//! Levels: the rules' own, set, and set in the manifest.

use triton_podspec::manifest::{Context, Level, Levels, lint};

use crate::check;

const WARNS: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    tritondatacenter.com/package: a\n    \
                     lint.tritondatacenter.com/LEVEL: LIST\nspec:\n  containers: [{name: web, image: a, command: [sh]}]\n";

fn with(level: &str, list: &str) -> String {
    WARNS.replace("LEVEL", level).replace("LIST", list)
}

#[track_caller]
fn level(text: &str, levels: Levels) -> Option<Level> {
    let report = lint(text, &Context { levels, ..Context::default() });
    report.findings.iter().find(|it| it.rule.name == "command-ignored").map(|it| it.level)
}

#[test]
fn an_annotation_sets_the_level_of_its_own_manifest() {
    assert_eq!(level(&with("allow", "dns-ignored"), Levels::default()), Some(Level::Warn));
    assert_eq!(level(&with("allow", "dns-ignored, command-ignored"), Levels::default()), None);
    assert_eq!(level(&with("deny", "warnings"), Levels::default()), Some(Level::Deny));
    let mut denied = Levels::default();
    denied.set("command-ignored", Level::Deny).unwrap();
    assert_eq!(level(&with("warn", "command-ignored"), denied.clone()), Some(Level::Warn));
    assert_eq!(level(&with("warn", ""), denied), Some(Level::Deny));
}

#[test]
fn the_rule_of_an_annotation_must_exist() {
    check(&with("allow", "comand-ignored"), &["unknown-rule 7:5", "command-ignored 9:38"]);
    check(&with("forbid", "command-ignored"), &["unknown-rule 7:5", "command-ignored 9:38"]);
}

#[test]
fn an_unknown_rule_is_refused_with_the_nearest() {
    let refused = Levels::default().set("host-namespce", Level::Allow).unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#"there is no rule "host-namespce"; did you mean "host-namespace"?"#
    );
}

#[test]
fn warnings_are_those_rules_that_warn_by_themselves() {
    let mut levels = Levels::default();
    levels.set("warnings", Level::Allow).unwrap();
    assert_eq!(level(&with("warn", ""), levels.clone()), None);
    let report = lint("kind: Pod\napiVersion: v1\n", &Context { levels, ..Context::default() });
    assert!(report.is_denied(), "what keeps a pod from running is no warning");
}
