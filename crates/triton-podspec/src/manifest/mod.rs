//! Manifests: what will become of them is told before they are applied, at line and column.
//!
//! Reads YAML and JSON, with several documents and lists, and looks into every Pod, Deployment, StatefulSet, DaemonSet,
//! ReplicaSet, Job and CronJob. Whatever the text is, there is a [`Report`]; text that would cost too much
//! (endless aliases, nesting, size) is a finding.
//!
//! ```
//! use triton_podspec::manifest::{Context, lint};
//!
//! let report = lint("\
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: web}
//! spec:
//!   hostNetwork: true
//!   containers:
//!   - name: web
//!     image: debian-12
//!     resources: {requests: {memory: 1Gi}}
//! ", &Context::default());
//! let finding = &report.findings[0];
//! assert_eq!((finding.rule.name, finding.line, finding.column), ("host-namespace", 5, 3));
//! ```

mod conform;
mod context;
mod finding;
mod inline;
mod json;
mod level;
mod lint;
mod objects;
mod scalar;
mod tree;
mod workload;
mod yaml;

pub use context::{Context, SavedCatalog};
pub use finding::{Finding, Plan, Report};
pub use level::{Level, Levels, UnknownRule, WARNINGS};
pub use lint::{lint, lint_all};
pub use tree::Span;
pub use yaml::TEXT_BYTES_MAX;
