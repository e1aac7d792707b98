//! Pods at rest: compressed against another pod that looks like them.
//!
//! Thousands of pods on one node come from few templates. A pod is kept as what differs from a *sample*: a pod of the
//! same controller, or, until there are a few of those, a made-up one. So what a pod costs is its own name, addresses
//! and times, not its template.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Weak};

use k8s_openapi::api::core::v1::Pod;

use super::raw::RawPod;

/// So many pods of a group must have packed poorly before one of them becomes the group's first sample: a group of one
/// pod would only pay for it. Each sample after that takes twice as many, so that pods that do not look alike at all
/// do not all become samples.
const POOR_ENOUGH: u32 = 4;

/// A pod packs poorly if more than this part of it is left.
const POOR: usize = 12;

/// Groups remembered; beyond that, those without a sample are forgotten and begin anew.
const GROUPS_MAX: usize = 4096;

/// What pods without a better sample are compressed against: the words that all pods share, in the API server's order.
static TYPICAL: LazyLock<Arc<[u8]>> =
    LazyLock::new(|| Arc::from(include_bytes!("typical.json").as_slice()));

/// A pod at rest; cheap to clone.
#[derive(Clone)]
pub struct PackedPod(Arc<Packed>);

struct Packed {
    sample: Arc<[u8]>,
    bytes: Box<[u8]>,
    length: usize,
    hash: u64,
    version: Box<str>,
    phase: &'static str,
}

/// Packs pods; remembers which look alike.
#[derive(Debug, Default)]
pub struct Packer {
    groups: HashMap<u64, Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// Held by the pods that are packed with it: with the last of them it goes.
    sample: Option<Weak<[u8]>>,
    /// Pods that packed poorly since the last sample.
    poor: u32,
    /// Samples there were.
    samples: u32,
}

/// Why a packed pod could not be made into a pod again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It is not what was packed: a bug.
    #[error("unpacking a pod")]
    Unpack(#[source] lz4_flex::block::DecompressError),
    /// The API server sent something that is no pod of the Kubernetes version this node knows.
    #[error("reading a pod")]
    Read(#[source] serde_json::Error),
}

// === impl Packer ===

impl Packer {
    /// Packs.
    pub fn pack(&mut self, raw: &RawPod) -> PackedPod {
        if self.groups.len() >= GROUPS_MAX {
            self.groups.retain(|_, group| group.has_sample());
        }
        let json = raw.json();
        let group = self.groups.entry(group_of(raw)).or_default();
        let mut sample = group.sample().unwrap_or_else(|| Arc::clone(&TYPICAL));
        let mut bytes = lz4_flex::block::compress_with_dict(json, &sample);
        if bytes.len() > json.len() / POOR {
            group.poor = group.poor.saturating_add(1);
            if group.poor >= POOR_ENOUGH.saturating_mul(1 << group.samples.min(16)) {
                group.poor = 0;
                group.samples = group.samples.saturating_add(1);
                sample = Arc::from(json);
                group.sample = Some(Arc::downgrade(&sample));
                bytes = lz4_flex::block::compress_with_dict(json, &sample);
            }
        }
        PackedPod(Arc::new(Packed {
            sample,
            bytes: bytes.into_boxed_slice(),
            length: json.len(),
            hash: hash_of(json),
            version: raw.version().into(),
            phase: raw.phase(),
        }))
    }
}

// === impl Group ===

impl Group {
    fn sample(&self) -> Option<Arc<[u8]>> {
        self.sample.as_ref()?.upgrade()
    }

    fn has_sample(&self) -> bool {
        self.sample.as_ref().is_some_and(|sample| sample.strong_count() > 0)
    }
}

// === impl PackedPod ===

impl PackedPod {
    /// The pod again.
    ///
    /// # Errors
    /// When the API server sent something that is no pod. That is told when a pod is needed, and not when it is
    /// received, so that one odd pod does not stop the watch of all others.
    pub fn unpack(&self) -> Result<Pod, UnpackError> {
        let Packed { sample, bytes, length, version, .. } = &*self.0;
        let json = lz4_flex::block::decompress_with_dict(bytes, *length, sample)
            .map_err(UnpackError::Unpack)?;
        let mut pod: Pod = serde_json::from_slice(&json).map_err(UnpackError::Read)?;
        pod.metadata.resource_version =
            Some(version.to_string()).filter(|version| !version.is_empty());
        Ok(pod)
    }

    /// `metadata.resourceVersion`, empty if there is none.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// `status.phase`, as [`RawPod::phase`] says it.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.0.phase
    }

    /// Whether `raw` is this pod with nothing changed but its resource version.
    #[must_use]
    pub fn is_same(&self, raw: &RawPod) -> bool {
        self.0.length == raw.json().len() && self.0.hash == hash_of(raw.json())
    }

    /// Bytes that are this pod's alone.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.bytes.len()
    }
}

impl fmt::Debug for PackedPod {
    /// By version only: its environment may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedPod")
            .field("version", &self.0.version)
            .field("phase", &self.0.phase)
            .finish_non_exhaustive()
    }
}

/// Pods of one controller, or of no controller in one namespace, look alike.
fn group_of(raw: &RawPod) -> u64 {
    let mut hasher = DefaultHasher::new();
    match raw.controller() {
        Some(uid) => uid.hash(&mut hasher),
        None => raw.key().map(|key| key.namespace).hash(&mut hasher),
    }
    hasher.finish()
}

fn hash_of(json: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(json);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;

    /// As a Deployment makes them, with a status when it runs.
    fn pod(number: usize, controller: &str, running: bool) -> Value {
        let status = json!({
            "phase": "Running", "podIP": format!("10.0.{}.{}", number / 250, number % 250),
            "startTime": format!("2026-01-01T00:{:02}:{:02}Z", number / 60 % 60, number % 60),
            "conditions": (0..5).map(|n| json!({"type": format!("Condition{n}"), "status": "True"})).collect::<Vec<_>>(),
            "containerStatuses": [{"name": "app", "image": "img@1.2.3", "imageID": "", "ready": true, "restartCount": 0,
                "containerID": format!("triton://00000000-0000-4000-8000-{number:012}")}],
        });
        json!({
            "metadata": {
                "namespace": "default", "name": format!("app-{number}"), "uid": format!("uid-{number}"),
                "resourceVersion": number.to_string(),
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": controller, "uid": controller, "controller": true}],
            },
            "spec": {"containers": [{"name": "app", "image": "img@1.2.3",
                "env": (0..40).map(|n| json!({"name": format!("{controller}_SETTING_{n}"), "value": format!("value {}", n * 7919)})).collect::<Vec<_>>()}]},
            "status": if running { status } else { json!({"phase": "Pending"}) },
        })
    }

    fn raw(pod: &Value) -> RawPod {
        serde_json::from_value(pod.clone()).unwrap()
    }

    #[test]
    fn what_was_packed_comes_back_whole() {
        let mut packer = Packer::default();
        for number in 0..20 {
            for running in [false, true] {
                let given = pod(number, "web", running);
                let packed = packer.pack(&raw(&given));
                let expected: Pod = serde_json::from_value(given).unwrap();
                assert_eq!(packed.unpack().unwrap(), expected);
                assert_eq!(packed.version(), number.to_string());
                assert_eq!(packed.phase(), if running { "Running" } else { "Pending" });
            }
        }
    }

    #[test]
    fn pods_of_one_controller_cost_little_each() {
        let mut packer = Packer::default();
        let whole = raw(&pod(0, "web", true)).json().len();
        let mut all = |running| -> Vec<PackedPod> {
            (0..200).map(|number| packer.pack(&raw(&pod(number, "web", running)))).collect()
        };
        let pending = all(false);
        // They come to run, so that the sample must change with them.
        let running = all(true);
        drop(pending);
        let sizes: Vec<usize> = running.iter().map(PackedPod::size).collect();
        assert!(sizes[100..].iter().all(|size| size * 8 < whole), "{sizes:?} of {whole}");
    }

    #[test]
    fn pods_that_do_not_look_alike_do_not_all_become_samples() {
        let mut packer = Packer::default();
        let mut samples = HashSet::new();
        let pods: Vec<PackedPod> = (0..1000)
            .map(|number| packer.pack(&raw(&pod(number, &format!("c{}", number * 7919), true))))
            .chain((0..1000).map(|number| {
                let mut odd = pod(number, "odd", true);
                odd["spec"]["containers"][0]["env"] = (0..40)
                    .map(|n| json!({"name": format!("{:x}", n * (number + 3) * 104_729), "value": format!("{:x}", (n + 7) * (number + 1) * 7919)}))
                    .collect();
                packer.pack(&raw(&odd))
            }))
            .collect();
        samples.extend(pods.iter().map(|pod| Arc::as_ptr(&pod.0.sample)));
        assert!(samples.len() < 16, "{} samples", samples.len());
    }

    #[test]
    fn a_sample_lives_as_long_as_pods_that_need_it() {
        let mut packer = Packer::default();
        let pods: Vec<PackedPod> =
            (0..20).map(|number| packer.pack(&raw(&pod(number, "web", true)))).collect();
        let sample = Arc::downgrade(&pods[19].0.sample);
        drop(packer);
        assert!(pods[19].unpack().is_ok());
        drop(pods);
        assert!(sample.upgrade().is_none());
    }

    #[test]
    fn groups_are_bounded() {
        let mut packer = Packer::default();
        for number in 0..GROUPS_MAX * 2 {
            packer.pack(&raw(&json!({"metadata": {"ownerReferences": [
                {"uid": number.to_string(), "controller": true},
            ]}})));
        }
        assert!(packer.groups.len() <= GROUPS_MAX);
    }

    #[test]
    fn only_the_version_differs() {
        let mut packer = Packer::default();
        let mut given = pod(1, "web", true);
        let packed = packer.pack(&raw(&given));
        given["metadata"]["resourceVersion"] = json!("99");
        given["metadata"]["managedFields"] = json!([{"manager": "somebody"}]);
        assert!(packed.is_same(&raw(&given)));
        given["metadata"]["labels"] = json!({"a": "b"});
        assert!(!packed.is_same(&raw(&given)));
    }

    #[test]
    fn what_is_no_pod_is_told_when_it_is_needed() {
        let odd = raw(&json!({"metadata": {"uid": "u"}, "spec": {"containers": 7}}));
        let packed = Packer::default().pack(&odd);
        assert!(matches!(packed.unpack(), Err(UnpackError::Read(_))));
    }
}
