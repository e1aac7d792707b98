//! What each pod becomes, as YAML or JSON.

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};
use triton_cloudapi::tags::TagValue;
use triton_podspec::InstancePlan;
use triton_podspec::manifest::{Context, Plan, Report};

use crate::yaml;

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One document for each pod template.
    Yaml,
    /// A list.
    Json,
}

/// All plans of a report.
pub(crate) fn write(report: &Report, context: &Context, form: Form) -> anyhow::Result<String> {
    let plans = report.plans.iter().map(|plan| shown(plan, context));
    let plans: Vec<Value> = plans.collect::<anyhow::Result<_>>()?;
    Ok(match form {
        Form::Yaml => plans.iter().map(yaml::write).collect::<Vec<_>>().join("---\n"),
        Form::Json => {
            let mut text = serde_json::to_string_pretty(&plans).context("writing plans")?;
            text.push('\n');
            text
        }
    })
}

/// A plan as a value: `create` is the body of the request, as the node sends it.
pub(crate) fn shown(plan: &Plan, context: &Context) -> anyhow::Result<Value> {
    let Some(instance) = &plan.instance else {
        return Ok(json!({
            "object": plan.object, "namespace": plan.namespace, "noInstanceBecause": plan.why_not,
        }));
    };
    let rules: Vec<Value> = instance
        .firewall_rules
        .iter()
        .map(|rule| json!({ "rule": rule.rule, "for": rule.purpose }))
        .collect();
    let candidates: Vec<Value> = plan
        .candidates(context)
        .into_iter()
        .map(|it| json!({ "package": it.package, "lost": it.lost }))
        .collect();
    Ok(json!({
        "object": plan.object,
        "namespace": plan.namespace,
        "create": instance.create.to_body().context("writing the create request")?,
        "firewallRules": rules,
        "deletionProtection": instance.deletion_protection,
        "choices": instance.choices,
        "packages": candidates,
        "dnsNames": dns_names(instance),
    }))
}

/// Under CNS; ACCOUNT and ZONE are the datacenter's to fill in.
fn dns_names(instance: &InstancePlan) -> Vec<String> {
    let tag = |name: &str| instance.create.tags.get(name);
    if matches!(tag("triton.cns.disable"), Some(TagValue::Bool(true))) {
        return Vec::new();
    }
    let services = tag("triton.cns.services").and_then(TagValue::as_str).unwrap_or_default();
    let services = services.split(',').filter_map(|service| service.split(':').next());
    let mut names = vec![format!("{}.inst.ACCOUNT.ZONE", instance.create.name)];
    names.extend(
        services.filter(|name| !name.is_empty()).map(|name| format!("{name}.svc.ACCOUNT.ZONE")),
    );
    names
}
