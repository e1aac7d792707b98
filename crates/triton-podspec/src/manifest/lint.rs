//! From texts to findings and plans.

use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::conform::conform;
use super::context::Context;
use super::finding::{Finding, Lines, Plan, Report};
use super::inline;
use super::json;
use super::level::{Level, Levels};
use super::objects::{self, ByNamespace};
use super::tree::{Node, locate};
use super::workload::{METADATA, Object, POD, Workload, objects};
use super::yaml;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Findings, Needs, Severity, quote};
use crate::rules;
use crate::shape::Shape;
use crate::sources::Sources;
use crate::translate::translate;

/// The taint of a node of this provider.
const TAINT: &str = "virtual-kubelet.io/provider";

/// Lints one text.
#[must_use]
pub fn lint(text: &str, context: &Context) -> Report {
    lint_all(&[text], context)
}

/// Lints texts that belong together: pods may refer to ConfigMaps and Secrets of another one.
#[must_use]
pub fn lint_all(texts: &[&str], context: &Context) -> Report {
    let mut report = Report::default();
    let mut sources = ByNamespace::new();
    let mut all = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let (documents, problems) = json::read(text).unwrap_or_else(|| yaml::read(text));
        let lines = Lines::of(text);
        let rule = &rules::MALFORMED_MANIFEST;
        let level = context.levels.of(rule);
        for problem in problems.into_iter().filter(|_| level != Level::Allow) {
            let (line, column) = lines.place(problem.span.start);
            report.findings.push(Finding {
                rule,
                level,
                message: problem.message,
                path: String::new(),
                object: String::new(),
                text: at,
                span: problem.span,
                line,
                column,
            });
        }
        all.push((at, lines, documents));
    }
    let mut found = Vec::new();
    for (at, lines, documents) in &all {
        for document in documents {
            found
                .extend(objects(document).into_iter().map(|object| (*at, lines, document, object)));
        }
    }
    for (.., object) in &found {
        let namespace = object.namespace.unwrap_or(&context.namespace);
        objects::add(object, namespace, &mut sources);
    }
    for (text, lines, document, object) in &found {
        let Some(workload) = object.workload() else { continue };
        let linter = Linter { context, sources: &sources, text: *text, lines, document };
        linter.workload(object, workload, &mut report);
    }
    report.findings.sort_by_key(|finding| (finding.text, finding.span.start));
    report
}

struct Linter<'a> {
    context: &'a Context,
    sources: &'a ByNamespace,
    text: usize,
    lines: &'a Lines<'a>,
    document: &'a Node<'a>,
}

// === impl Linter ===

impl Linter<'_> {
    fn workload(&self, object: &Object<'_, '_>, workload: &Workload, report: &mut Report) {
        let mut findings = Findings::default();
        let mut levels = self.context.levels.clone();
        inline::levels(object.node.get("metadata"), &object.prefix, &mut levels, &mut findings);
        let Some((template, path)) = object.template(workload) else {
            findings.add(
                &rules::MALFORMED_MANIFEST,
                format!("{}{}", object.prefix, workload.template),
                format!("a {} has its pods' template here, and there is none", object.kind),
            );
            self.tell(object, &levels, findings.into_vec(), report);
            return;
        };
        if !workload.template.is_empty() {
            inline::levels(template.get("metadata"), &path, &mut levels, &mut findings);
            self.around(object, workload, template, &mut findings);
        }
        let pod = self.pod(object, template, &path, &mut findings);
        if object.kind == "DaemonSet" {
            if !comes_here(&pod) {
                return;
            }
            findings.add(
                &rules::DAEMON_SET,
                format!("{path}spec.tolerations"),
                "the pods of this DaemonSet would be bound to the node, which is no machine and refuses them; keep it \
                 away with a node affinity such as `type NotIn [virtual-kubelet]`",
            );
        }
        if self.context.catalog.is_none() {
            image(&pod, &path, &mut findings);
        }
        let broken = !findings.can_run();
        let plan = self.plan(object, pod, &path, broken, &mut findings);
        report.plans.push(plan);
        self.tell(object, &levels, findings.into_vec(), report);
    }

    /// The fields around the template; the template's own are looked at with the pod.
    fn around(
        &self,
        object: &Object<'_, '_>,
        workload: &Workload,
        template: &Node<'_>,
        findings: &mut Findings,
    ) {
        let outer = workload.template.split('.').next().unwrap_or_default();
        let Some(spec) = object.node.get(outer) else { return };
        let left = [template.get("metadata"), template.get("spec")];
        let path = format!("{}{outer}", object.prefix);
        let IgnoredAny = conform(spec, workload.shape, &path, &left, findings);
    }

    fn pod(
        &self,
        object: &Object<'_, '_>,
        template: &Node<'_>,
        path: &str,
        findings: &mut Findings,
    ) -> Pod {
        let mut metadata: ObjectMeta = read(template, "metadata", &METADATA, path, findings);
        let spec: PodSpec = read(template, "spec", &POD, path, findings);
        if object.kind != "Pod" || metadata.name.is_none() {
            metadata.name = Some(object.pod_name());
        }
        metadata.namespace = Some(self.namespace(object).to_owned());
        Pod { metadata, spec: Some(spec), ..Pod::default() }
    }

    fn namespace<'o>(&'o self, object: &Object<'o, '_>) -> &'o str {
        object.namespace.unwrap_or(&self.context.namespace)
    }

    fn plan(
        &self,
        object: &Object<'_, '_>,
        pod: Pod,
        path: &str,
        broken: bool,
        findings: &mut Findings,
    ) -> Plan {
        let (nothing, unknown) = (Sources::default(), Catalog::default());
        let namespace = self.namespace(object);
        let catalog = self.context.catalog.as_ref().unwrap_or(&unknown);
        let sources = self.sources.get(namespace).unwrap_or(&nothing);
        let translation = translate(&self.context.inputs(&pod, catalog, sources));
        let mut why_not = Vec::new();
        for mut diagnostic in translation.diagnostics {
            if self.context.catalog.is_none() && needs(&diagnostic) == Needs::Catalog {
                continue;
            }
            diagnostic.path.insert_str(0, path);
            if diagnostic.severity != Severity::Warning {
                why_not.push(format!("{}: {}", diagnostic.path, diagnostic.message));
            }
            if needs(&diagnostic) != Needs::Cluster {
                findings.push(diagnostic);
            }
        }
        if self.context.catalog.is_none() {
            why_not.insert(
                0,
                "packages, images and networks are not known: give --catalog".to_owned(),
            );
        }
        if broken {
            why_not.push("the manifest is not one that Kubernetes takes".to_owned());
        }
        let instance = translation.instance.filter(|_| !broken);
        Plan {
            object: shown(object),
            namespace: namespace.to_owned(),
            text: self.text,
            instance,
            why_not,
            pod,
        }
    }

    fn tell(
        &self,
        object: &Object<'_, '_>,
        levels: &Levels,
        diagnostics: Vec<Diagnostic>,
        report: &mut Report,
    ) {
        for diagnostic in diagnostics {
            let Some(rule) = rules::find(diagnostic.rule) else { continue };
            let level = levels.of(rule);
            if level == Level::Allow {
                continue;
            }
            let span = locate(self.document, &diagnostic.path);
            let (line, column) = self.lines.place(span.start);
            report.findings.push(Finding {
                rule,
                level,
                message: diagnostic.message,
                path: diagnostic.path,
                object: shown(object),
                text: self.text,
                span,
                line,
                column,
            });
        }
    }
}

fn needs(diagnostic: &Diagnostic) -> Needs {
    rules::find(diagnostic.rule).map_or(Needs::Manifest, |rule| rule.needs)
}

fn shown(object: &Object<'_, '_>) -> String {
    format!("{}/{}", object.kind, object.name.unwrap_or("(unnamed)"))
}

fn read<T: DeserializeOwned + Default>(
    template: &Node<'_>,
    field: &str,
    shape: &Shape,
    path: &str,
    findings: &mut Findings,
) -> T {
    let node = template.get(field);
    node.map(|node| conform(node, shape, &format!("{path}{field}"), &[], findings))
        .unwrap_or_default()
}

/// Names that container registries have; Triton's own have neither slash nor colon.
fn image(pod: &Pod, path: &str, findings: &mut Findings) {
    let first = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let Some(image) = first.and_then(|container| container.image.as_deref()) else { return };
    if image.contains(['/', ':']) {
        findings.add(
            &rules::REGISTRY_IMAGE,
            format!("{path}spec.containers[0].image"),
            format!(
                "{} looks like an image of a container registry, and an instance boots an image of Triton; see \
                 `triton image list`",
                quote(image)
            ),
        );
    }
}

/// Whether a DaemonSet's pods would be bound to the node: they tolerate its taint, and no affinity keeps them away.
fn comes_here(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let tolerates = |toleration: &Toleration| {
        let exists = toleration.operator.as_deref() == Some("Exists");
        let effect = toleration.effect.as_deref().unwrap_or_default();
        let key = toleration.key.as_deref().unwrap_or_default();
        matches!(effect, "" | "NoSchedule") && ((key.is_empty() && exists) || key == TAINT)
    };
    let kept_away = spec.node_selector.as_ref().is_some_and(|selector| !selector.is_empty())
        || spec.affinity.as_ref().is_some_and(|affinity| affinity.node_affinity.is_some());
    spec.tolerations.iter().flatten().any(tolerates) && !kept_away
}
