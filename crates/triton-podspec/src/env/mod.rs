//! The environment, by the kubelet's rules (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`).
//!
//! `envFrom` in order, then `env` in order; what comes later wins. Service variables are not offered: the cluster IPs
//! that they hold lead nowhere from an instance.

mod expand;
mod field;
mod resource;

pub use expand::expand as expand_references;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, Pod};
use triton_cloudapi::packages::Package;

use crate::diagnostic::{Findings, Rule, quote};
use crate::inputs::Inputs;
use crate::rules;
use crate::sources::{Reference, SourceKind};

/// The ConfigMaps and Secrets that the pod's environment refers to, all in the pod's namespace.
#[must_use]
pub fn references(pod: &Pod) -> BTreeSet<Reference> {
    let mut references = BTreeSet::new();
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let Some(container) = container else { return references };
    for source in container.env_from.iter().flatten() {
        references.extend(Source::of_all(source).map(|source| source.reference()));
    }
    for variable in container.env.iter().flatten().filter(|variable| is_from_source(variable)) {
        references.extend(Source::of_key(variable).map(|(source, _)| source.reference()));
    }
    references
}

/// Names and values. The package stands in for limits that are not set, as the node's size does for the kubelet.
pub(crate) fn environment(
    inputs: &Inputs<'_>,
    package: Option<&Package>,
    findings: &mut Findings,
) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let Some(container) = inputs.container() else { return environment };
    for (at, source) in container.env_from.iter().flatten().enumerate() {
        all_of(
            inputs,
            source,
            &format!("spec.containers[0].envFrom[{at}]"),
            &mut environment,
            findings,
        );
    }
    for (at, variable) in container.env.iter().flatten().enumerate() {
        let path = format!("spec.containers[0].env[{at}]");
        if let Some(value) = value(inputs, package, variable, &path, &environment, findings) {
            environment.insert(variable.name.clone(), value);
        }
    }
    environment
}

fn is_from_source(variable: &EnvVar) -> bool {
    variable.value.as_deref().unwrap_or_default().is_empty() && variable.value_from.is_some()
}

fn all_of(
    inputs: &Inputs<'_>,
    from: &EnvFromSource,
    path: &str,
    environment: &mut BTreeMap<String, String>,
    findings: &mut Findings,
) {
    let Some(source) = Source::of_all(from) else {
        findings.add(
            &rules::UNSUPPORTED_ENV_SOURCE,
            path,
            "names neither a ConfigMap nor a Secret; configMapRef and secretRef work",
        );
        return;
    };
    let Some(contents) = source.contents(inputs, path, findings) else { return };
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let mut skipped = Vec::new();
    for (key, bytes) in contents {
        let name = format!("{prefix}{key}");
        if !is_env_name(&name) {
            skipped.push(key.as_str());
        } else if let Some(text) = source.text(inputs, key, bytes, path, findings) {
            environment.insert(name, text);
        }
    }
    if !skipped.is_empty() {
        findings.add(
            &rules::INVALID_ENVIRONMENT_VARIABLE_NAMES,
            path,
            format!(
                "Keys [{}] from the EnvFrom {} {}/{} were skipped since they are considered invalid environment \
                 variable names.",
                skipped.join(", "),
                source.noun(),
                inputs.namespace(),
                source.name
            ),
        );
    }
}

fn value(
    inputs: &Inputs<'_>,
    package: Option<&Package>,
    variable: &EnvVar,
    path: &str,
    environment: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Option<String> {
    if !is_from_source(variable) {
        let text = variable.value.as_deref().unwrap_or_default();
        return Some(expand::expand(text, |name| environment.get(name).map(String::as_str)));
    }
    let from = variable.value_from.as_ref()?;
    if let Some(field) = &from.field_ref {
        return field::value(inputs, field, &format!("{path}.valueFrom.fieldRef"), findings);
    }
    if let Some(resource) = &from.resource_field_ref {
        return resource::value(
            inputs,
            package,
            resource,
            &format!("{path}.valueFrom.resourceFieldRef"),
            findings,
        );
    }
    let Some((source, key)) = Source::of_key(variable) else {
        findings.add(
            &rules::UNSUPPORTED_ENV_SOURCE,
            format!("{path}.valueFrom"),
            "the source is of a kind that does not work here; configMapKeyRef, secretKeyRef, fieldRef and \
             resourceFieldRef do",
        );
        return None;
    };
    let path = format!("{path}.valueFrom.{}KeyRef", source.field());
    let contents = source.contents(inputs, &path, findings)?;
    let Some(bytes) = contents.get(key) else {
        let place =
            format!("key {key} in {} {}/{}", source.kind_name(), inputs.namespace(), source.name);
        if source.optional {
            findings.add(
                source.optional_key_rule(),
                path,
                format!("couldn't find {place}; {:?} is not set", variable.name),
            );
        } else {
            findings.add(&rules::CONFIG_ERROR, path, format!("couldn't find {place}"));
        }
        return None;
    };
    source.text(inputs, key, bytes, &path, findings)
}

/// Printable ASCII without `=` (Kubernetes 1.34, relaxed environment variable validation).
fn is_env_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

/// A ConfigMap or Secret as the environment refers to it.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    kind: SourceKind,
    name: &'a str,
    optional: bool,
}

// === impl Source ===

impl<'a> Source<'a> {
    fn of_all(from: &'a EnvFromSource) -> Option<Self> {
        if let Some(source) = &from.config_map_ref {
            return Some(Self::new(SourceKind::ConfigMap, &source.name, source.optional));
        }
        from.secret_ref
            .as_ref()
            .map(|source| Self::new(SourceKind::Secret, &source.name, source.optional))
    }

    fn of_key(variable: &'a EnvVar) -> Option<(Self, &'a str)> {
        let from = variable.value_from.as_ref()?;
        if let Some(source) = &from.config_map_key_ref {
            return Some((
                Self::new(SourceKind::ConfigMap, &source.name, source.optional),
                source.key.as_str(),
            ));
        }
        let source = from.secret_key_ref.as_ref()?;
        Some((Self::new(SourceKind::Secret, &source.name, source.optional), source.key.as_str()))
    }

    fn new(kind: SourceKind, name: &'a str, optional: Option<bool>) -> Self {
        Self { kind, name, optional: optional.unwrap_or(false) }
    }

    fn reference(self) -> Reference {
        Reference { kind: self.kind, name: self.name.to_owned() }
    }

    /// What the object holds; says why when that is not known.
    fn contents<'i>(
        self,
        inputs: &Inputs<'i>,
        path: &str,
        findings: &mut Findings,
    ) -> Option<&'i BTreeMap<String, Vec<u8>>> {
        match inputs.sources.0.get(&self.reference()) {
            Some(Some(contents)) => return Some(contents),
            Some(None) if self.optional => findings.add(
                self.optional_rule(),
                path,
                format!(
                    "{} {:?} not found; what it would set is not set",
                    self.noun().to_lowercase(),
                    self.name
                ),
            ),
            Some(None) => {
                let noun = self.noun().to_lowercase();
                findings.add(
                    &rules::CONFIG_ERROR,
                    path,
                    format!("{noun} {:?} not found", self.name),
                );
            }
            // Not read is not absent, not even for an optional one.
            None => findings.add(
                &rules::UNREAD_SOURCE,
                path,
                format!("{} {:?} has not been read yet", self.noun().to_lowercase(), self.name),
            ),
        }
        None
    }

    /// Metadata holds text; the message never shows the value.
    fn text(
        self,
        inputs: &Inputs<'_>,
        key: &str,
        bytes: &[u8],
        path: &str,
        findings: &mut Findings,
    ) -> Option<String> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Some(text.to_owned());
        }
        findings.add(
            &rules::CONFIG_ERROR,
            path,
            format!(
                "key {} in {} {}/{} is not UTF-8 text; encode it, as base64 for example",
                quote(key),
                self.kind_name(),
                inputs.namespace(),
                self.name
            ),
        );
        None
    }

    fn field(self) -> &'static str {
        match self.kind {
            SourceKind::ConfigMap => "configMap",
            SourceKind::Secret => "secret",
        }
    }

    /// The kubelet's word in messages about a whole object.
    fn noun(self) -> &'static str {
        self.field()
    }

    fn kind_name(self) -> &'static str {
        match self.kind {
            SourceKind::ConfigMap => "ConfigMap",
            SourceKind::Secret => "Secret",
        }
    }

    fn optional_rule(self) -> &'static Rule {
        match self.kind {
            SourceKind::ConfigMap => &rules::OPTIONAL_CONFIG_MAP_NOT_FOUND,
            SourceKind::Secret => &rules::OPTIONAL_SECRET_NOT_FOUND,
        }
    }

    fn optional_key_rule(self) -> &'static Rule {
        match self.kind {
            SourceKind::ConfigMap => &rules::OPTIONAL_CONFIG_MAP_KEY_NOT_FOUND,
            SourceKind::Secret => &rules::OPTIONAL_SECRET_KEY_NOT_FOUND,
        }
    }
}
