//! `volume`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_other_volume, present, row};

/// Volumes cannot be attached to an instance yet.
pub const VOLUME: Rule = Rule {
    name: "volume",
    severity: Severity::Reject,
    reason: "VolumeNotSupported",
    summary: "Volumes cannot be attached to an instance yet.",
    needs: Needs::Manifest,
    page: include_str!("volume.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row(
        "volumes[*].hostPath",
        present,
        "compute nodes share no directories with instances; put the files into the image",
    ),
    row(
        "volumes[*].emptyDir",
        present,
        "not supported yet; an instance has a disk of its own (see its package): use a directory on it",
    ),
    row(
        "volumes[*].configMap",
        present,
        "not supported yet; give the values to the guest with env or envFrom",
    ),
    row(
        "volumes[*].secret",
        present,
        "not supported yet; give the values to the guest with env or envFrom",
    ),
    row(
        "volumes[*].downwardAPI",
        present,
        "not supported yet; give the fields to the guest with env",
    ),
    row(
        "volumes[*].persistentVolumeClaim",
        present,
        "not supported yet; mount shared storage from within the guest, in the annotation user-script",
    ),
    row(
        "volumes[*].ephemeral",
        present,
        "not supported yet; an instance has a disk of its own (see its package)",
    ),
    row(
        "volumes[*].nfs",
        present,
        "not supported yet; mount it from within the guest, in the annotation user-script",
    ),
    row(
        "volumes[*]",
        is_other_volume,
        "volumes of this kind cannot be attached to an instance; put the files into the image, or fetch them in the annotation user-script",
    ),
];
