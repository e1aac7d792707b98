//! `kernel-setting`: see its page.

use crate::diagnostic::{Needs, Rule, Severity};
use crate::rules::row::{Row, is_true, present, row};

/// Sysctls, procMount and shared process namespaces are settings of a container runtime.
pub const KERNEL_SETTING: Rule = Rule {
    name: "kernel-setting",
    severity: Severity::Reject,
    reason: "KernelSettingNotSupported",
    summary: "Sysctls, procMount and shared process namespaces are settings of a container runtime.",
    needs: Needs::Manifest,
    page: include_str!("kernel_setting.md"),
};

/// The fields that it looks at.
pub(super) const ROWS: &[Row] = &[
    row("shareProcessNamespace", is_true, "there is nobody to share with; remove it"),
    row(
        "securityContext.sysctls",
        present,
        "sysctls cannot be set from outside; set them in the image, or in the annotation user-script",
    ),
    row(
        "containers[*].securityContext.procMount",
        |it| present(it) && it != "Default",
        "/proc is the image's own; remove it",
    ),
];
