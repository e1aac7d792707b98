//! Pod affinity, anti-affinity and spread as affinity rules, as far as those can say it.
//!
//! A rule of Triton compares one tag with one value (or a pattern), over all instances of the account, on compute
//! nodes. So a term must be about nodes (`kubernetes.io/hostname`) and about one label. What a term says beyond that
//! is a finding, never a guess. Weights are not passed on: wishes are equal.

use k8s_openapi::api::core::v1::{PodAffinityTerm, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::affinity::{is_key, is_value};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// The only topology that affinity rules know: compute nodes stand for Kubernetes' nodes.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// How a rule relates to what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    With,
    WithIfPossible,
    Apart,
    ApartIfPossible,
}

/// The rules that the pod's affinity and spread ask for, in their order, each once.
pub(crate) fn pod_affinity(inputs: &Inputs<'_>, findings: &mut Findings) -> Vec<String> {
    let mut found = Vec::new();
    let Some(spec) = inputs.spec() else { return found };
    let mut add = |rule: Option<String>| {
        if let Some(rule) = rule.filter(|rule| !found.contains(rule)) {
            found.push(rule);
        }
    };
    let affinity = spec.affinity.as_ref();
    if let Some(with) = affinity.and_then(|affinity| affinity.pod_affinity.as_ref()) {
        let path = "spec.affinity.podAffinity";
        for (at, term) in
            with.required_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let path = format!("{path}.requiredDuringSchedulingIgnoredDuringExecution[{at}]");
            let own = selects_itself(inputs, term);
            let operator = if own { Operator::WithIfPossible } else { Operator::With };
            let rule = of_term(term, operator, &path, findings);
            if own && rule.is_some() {
                weakened(
                    path,
                    "the pod selects itself, and the first of its kind would find no instance to be with",
                    findings,
                );
            }
            add(rule);
        }
        for (at, term) in
            with.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{at}]");
            add(of_term(&term.pod_affinity_term, Operator::WithIfPossible, &path, findings));
        }
    }
    if let Some(apart) = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref()) {
        let path = "spec.affinity.podAntiAffinity";
        for (at, term) in
            apart.required_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let path = format!("{path}.requiredDuringSchedulingIgnoredDuringExecution[{at}]");
            add(of_term(term, Operator::Apart, &path, findings));
        }
        for (at, term) in
            apart.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution[{at}]");
            add(of_term(&term.pod_affinity_term, Operator::ApartIfPossible, &path, findings));
        }
    }
    for (at, spread) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        add(of_spread(spread, &format!("spec.topologySpreadConstraints[{at}]"), findings));
    }
    found
}

fn of_term(
    term: &PodAffinityTerm,
    operator: Operator,
    path: &str,
    findings: &mut Findings,
) -> Option<String> {
    let elsewhere = term.namespaces.as_ref().is_some_and(|names| !names.is_empty())
        || term.namespace_selector.is_some();
    let keys = [&term.match_label_keys, &term.mismatch_label_keys];
    let rule = if elsewhere {
        Err("affinity rules know no namespaces".to_owned())
    } else if keys.into_iter().flatten().any(|keys| !keys.is_empty()) {
        Err("an affinity rule is about one label, and this adds others".to_owned())
    } else {
        rule(&term.topology_key, term.label_selector.as_ref(), operator)
    };
    rule.map_err(|problem| ignored(path, &problem, findings)).ok()
}

/// Spread is a wish: a rule that had to hold would keep the second pod of a node waiting for ever.
fn of_spread(
    spread: &TopologySpreadConstraint,
    path: &str,
    findings: &mut Findings,
) -> Option<String> {
    let rule = if spread.match_label_keys.as_ref().is_some_and(|keys| !keys.is_empty()) {
        Err("an affinity rule is about one label, and this adds others".to_owned())
    } else {
        rule(&spread.topology_key, spread.label_selector.as_ref(), Operator::ApartIfPossible)
    };
    match rule {
        Ok(rule) => {
            if spread.when_unsatisfiable == "DoNotSchedule" {
                let why = "affinity rules do not count how many instances a compute node has";
                weakened(path.to_owned(), why, findings);
            }
            Some(rule)
        }
        Err(problem) => {
            ignored(path, &problem, findings);
            None
        }
    }
}

fn ignored(path: &str, problem: &str, findings: &mut Findings) {
    findings.add(
        &rules::POD_AFFINITY_IGNORED,
        path,
        format!("has no effect: {problem}; see the annotation affinity"),
    );
}

fn weakened(path: String, why: &str, findings: &mut Findings) {
    findings.add(&rules::POD_AFFINITY_WEAKENED, path, format!("is taken for a wish: {why}"));
}

/// The rule, or why there is none.
fn rule(
    topology: &str,
    selector: Option<&LabelSelector>,
    operator: Operator,
) -> Result<String, String> {
    if topology != HOSTNAME {
        return Err(format!(
            "affinity rules are about compute nodes, as {HOSTNAME}, and not about {}",
            quote(topology)
        ));
    }
    let (key, value) = one_label(selector)?;
    if !is_key(&key) {
        return Err(format!(
            "{} cannot be the key of an affinity rule: two or more letters, digits and -_.",
            quote(&key)
        ));
    }
    if !is_value(&value) {
        return Err(format!("{} cannot be the value of an affinity rule", quote(&value)));
    }
    let operator = match operator {
        Operator::With => "==",
        Operator::WithIfPossible => "==~",
        Operator::Apart => "!=",
        Operator::ApartIfPossible => "!=~",
    };
    Ok(format!("{key}{operator}{value}"))
}

/// The one label that a selector is about, and the value or pattern.
fn one_label(selector: Option<&LabelSelector>) -> Result<(String, String), String> {
    let labels = selector.iter().flat_map(|selector| selector.match_labels.iter().flatten());
    let expressions =
        selector.iter().flat_map(|selector| selector.match_expressions.iter().flatten());
    let mut all: Vec<Result<(String, String), String>> = labels
        .map(|(key, value)| Ok((key.clone(), value.clone())))
        .chain(expressions.map(expression))
        .collect();
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => only,
        (None, _) => Err("it selects no pods, or all of them".to_owned()),
        _ => Err("an affinity rule is about one label, and this selects by several".to_owned()),
    }
}

fn expression(it: &LabelSelectorRequirement) -> Result<(String, String), String> {
    let values = it.values.as_deref().unwrap_or_default();
    match (it.operator.as_str(), values) {
        ("In", [value]) => Ok((it.key.clone(), value.clone())),
        ("In", [_, ..]) => {
            let any: Vec<String> = values.iter().map(|value| value.replace('.', "\\.")).collect();
            Ok((it.key.clone(), format!("/^({})$/", any.join("|"))))
        }
        // A pattern that every value has.
        ("Exists", _) => Ok((it.key.clone(), "/^/".to_owned())),
        (operator, _) => Err(format!("affinity rules have no {}", quote(operator))),
    }
}

/// Whether the pod is one of those that it wants to be with.
fn selects_itself(inputs: &Inputs<'_>, term: &PodAffinityTerm) -> bool {
    let own = |key: &str| inputs.pod.metadata.labels.as_ref().and_then(|labels| labels.get(key));
    let Some(selector) = &term.label_selector else { return false };
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    labels.into_iter().all(|(key, value)| own(key) == Some(value))
        && expressions.into_iter().all(|it| match (it.operator.as_str(), own(&it.key)) {
            ("In", Some(own)) => it.values.iter().flatten().any(|value| value == own),
            ("Exists", own) => own.is_some(),
            _ => false,
        })
}
