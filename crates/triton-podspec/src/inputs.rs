//! All that a translation depends on.

use std::fmt;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::catalog::Catalog;
use crate::sources::Sources;

/// All that a translation depends on; the same inputs always give the same [`crate::Translation`].
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// UID of the cluster's `kube-system` namespace.
    pub cluster: &'a str,
    /// Name of the node.
    pub node: &'a str,
    /// The node's address, for `status.hostIP` in the environment.
    pub host_ip: Option<IpAddr>,
    /// Packages, images and networks of the account.
    pub catalog: &'a Catalog,
    /// What the operator set for pods that say nothing.
    pub defaults: &'a Defaults,
    /// ConfigMaps and Secrets: every one that [`crate::references`] lists and that could be read.
    pub sources: &'a Sources,
}

/// What the operator set for pods that say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Networks by UUID or name, in order; with none the server chooses.
    pub networks: Vec<String>,
    /// Package by UUID or name, for pods without a `package` annotation and without resource requests.
    pub package: Option<String>,
    /// Somebody can run commands inside instances: then exec probes and hooks are no reason to reject a pod.
    pub commands: bool,
}

// === impl Inputs ===

impl<'a> Inputs<'a> {
    pub(crate) fn spec(&self) -> Option<&'a PodSpec> {
        self.pod.spec.as_ref()
    }

    /// The container that becomes the instance.
    pub(crate) fn container(&self) -> Option<&'a Container> {
        self.spec()?.containers.first()
    }

    pub(crate) fn namespace(&self) -> &'a str {
        self.pod.metadata.namespace.as_deref().unwrap_or("default")
    }
}

impl fmt::Debug for Inputs<'_> {
    /// The pod by name only: its environment may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("pod", &self.pod.metadata.name)
            .field("cluster", &self.cluster)
            .field("node", &self.node)
            .field("defaults", &self.defaults)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}
