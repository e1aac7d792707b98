//! Pods and pod templates in a document.

use std::sync::LazyLock;

use k8s_openapi::api::apps::v1::{DaemonSetSpec, DeploymentSpec, ReplicaSetSpec, StatefulSetSpec};
use k8s_openapi::api::batch::v1::{CronJobSpec, JobSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec, ReplicationControllerSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::tree::{Content, Node};
use crate::shape::Shape;

/// Lists within lists that are followed.
const LISTS_MAX: usize = 4;

/// An object of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Object<'n, 'a> {
    /// As `Deployment`.
    pub(crate) kind: &'n str,
    pub(crate) name: Option<&'n str>,
    pub(crate) namespace: Option<&'n str>,
    /// Before its own field paths: empty, or `items[0].`.
    pub(crate) prefix: String,
    pub(crate) node: &'n Node<'a>,
}

/// What makes pods, and where its template is.
#[derive(Debug)]
pub(crate) struct Workload {
    kind: &'static str,
    groups: &'static [&'static str],
    /// Path of the template below the object; empty for a pod.
    pub(crate) template: &'static str,
    pub(crate) shape: &'static LazyLock<Shape>,
}

/// A type that cannot be traced is not checked; a test says that all can be.
macro_rules! shapes {
    ($($name:ident $type:ty;)+) => {$(
        pub(crate) static $name: LazyLock<Shape> =
            LazyLock::new(|| Shape::of::<$type>().unwrap_or(Shape::Any));
    )+};
}

shapes! {
    METADATA ObjectMeta;
    POD PodSpec;
    DEPLOYMENT DeploymentSpec;
    STATEFUL_SET StatefulSetSpec;
    DAEMON_SET DaemonSetSpec;
    REPLICA_SET ReplicaSetSpec;
    REPLICATION_CONTROLLER ReplicationControllerSpec;
    JOB JobSpec;
    CRON_JOB CronJobSpec;
    POD_TEMPLATE PodTemplateSpec;
}

const APPS: &[&str] = &["apps", "extensions"];

static WORKLOADS: [Workload; 9] = [
    Workload { kind: "Pod", groups: &[""], template: "", shape: &POD },
    Workload { kind: "Deployment", groups: APPS, template: "spec.template", shape: &DEPLOYMENT },
    Workload { kind: "StatefulSet", groups: APPS, template: "spec.template", shape: &STATEFUL_SET },
    Workload { kind: "DaemonSet", groups: APPS, template: "spec.template", shape: &DAEMON_SET },
    Workload { kind: "ReplicaSet", groups: APPS, template: "spec.template", shape: &REPLICA_SET },
    Workload {
        kind: "ReplicationController",
        groups: &[""],
        template: "spec.template",
        shape: &REPLICATION_CONTROLLER,
    },
    Workload { kind: "Job", groups: &["batch"], template: "spec.template", shape: &JOB },
    Workload {
        kind: "CronJob",
        groups: &["batch"],
        template: "spec.jobTemplate.spec.template",
        shape: &CRON_JOB,
    },
    Workload { kind: "PodTemplate", groups: &[""], template: "template", shape: &POD_TEMPLATE },
];

/// The objects of a document, those of its lists too.
pub(crate) fn objects<'n, 'a>(document: &'n Node<'a>) -> Vec<Object<'n, 'a>> {
    let mut found = Vec::new();
    collect(document, "", LISTS_MAX, &mut found);
    found
}

fn collect<'n, 'a>(
    node: &'n Node<'a>,
    prefix: &str,
    lists: usize,
    found: &mut Vec<Object<'n, 'a>>,
) {
    let Some(kind) = node.get("kind").and_then(Node::text) else { return };
    if let Some(items) = node.get("items").filter(|_| kind.ends_with("List") && lists > 0) {
        for (at, item) in items.elements().iter().enumerate() {
            collect(item, &format!("{prefix}items[{at}]."), lists - 1, found);
        }
        return;
    }
    let metadata = |field: &str| node.get("metadata")?.get(field)?.text();
    found.push(Object {
        kind,
        name: metadata("name").or_else(|| metadata("generateName")),
        namespace: metadata("namespace"),
        prefix: prefix.to_owned(),
        node,
    });
}

// === impl Object ===

impl<'n, 'a> Object<'n, 'a> {
    /// What the object is if it makes pods.
    pub(crate) fn workload(&self) -> Option<&'static Workload> {
        let version = self.node.get("apiVersion").and_then(Node::text)?;
        let group = version.split_once('/').map_or("", |(group, _)| group);
        WORKLOADS.iter().find(|known| known.kind == self.kind && known.groups.contains(&group))
    }

    /// The pod or the template, and the path to it with a dot at the end.
    pub(crate) fn template(&self, workload: &Workload) -> Option<(&'n Node<'a>, String)> {
        let mut node = self.node;
        let mut path = self.prefix.clone();
        for step in workload.template.split('.').filter(|step| !step.is_empty()) {
            node = node.get(step)?;
            path.push_str(step);
            path.push('.');
        }
        matches!(node.content, Content::Map(_)).then_some((node, path))
    }

    /// The name that one of its pods has, as far as it can be told before there is one.
    pub(crate) fn pod_name(&self) -> String {
        let name = self.name.unwrap_or("pod");
        match self.kind {
            "Pod" => name.to_owned(),
            "StatefulSet" => format!("{name}-0"),
            "Job" | "DaemonSet" | "ReplicaSet" | "ReplicationController" => format!("{name}-xxxxx"),
            _ => format!("{name}-xxxxxxxxxx-xxxxx"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_shape() {
        for workload in &WORKLOADS {
            assert!(matches!(**workload.shape, Shape::Struct { .. }), "{}", workload.kind);
        }
        assert!(matches!(*METADATA, Shape::Struct { .. }));
    }
}
