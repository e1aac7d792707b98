//! `volume-device`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, present, row};

/// Block devices cannot be attached to an instance.
pub const VOLUME_DEVICE: Rule = Rule {
    name: "volume-device",
    severity: Severity::Reject,
    reason: "VolumeDevicesNotSupported",
    summary: "Block devices cannot be attached to an instance.",
    needs: Needs::Manifest,
    page: include_str!("volume_device.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[row(
    "containers[*].volumeDevices",
    present,
    "block devices cannot be attached; choose a package with a larger disk",
)];
