//! What annotations say of restarts: what a failed probe leads to, and how long a pod may crash before it is failed.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use crate::annotations::{self, Annotation, CRASH_LOOP_WINDOW, LIVENESS_ACTION};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// What a failed liveness or startup probe leads to, where the restart policy wants another run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LivenessAction {
    /// The instance is rebooted and the pod stays.
    #[default]
    Reboot,
    /// The pod fails, so that its controller makes another one.
    Replace,
}

/// How long a pod may be restarted again and again before it is failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashLoopWindow {
    /// For ever, as under a kubelet.
    Endless,
    /// So long after the first of the restarts in a row.
    After(Duration),
}

/// What the pod says a failed probe leads to; what cannot be read counts as not said.
#[must_use]
pub fn liveness_action(pod: &Pod) -> LivenessAction {
    let found = annotations::find(pod, LIVENESS_ACTION);
    found.and_then(|annotation| action(annotation.value).ok()).unwrap_or_default()
}

/// What the pod says of its crash loops; `None` where it says nothing, or nothing that can be read.
#[must_use]
pub fn crash_loop_window(pod: &Pod) -> Option<CrashLoopWindow> {
    annotations::find(pod, CRASH_LOOP_WINDOW).and_then(|annotation| window(annotation.value).ok())
}

/// Findings about both.
pub(crate) fn check(inputs: &Inputs<'_>, findings: &mut Findings) {
    check_one(inputs, LIVENESS_ACTION, action, findings);
    check_one(inputs, CRASH_LOOP_WINDOW, window, findings);
}

fn check_one<T>(
    inputs: &Inputs<'_>,
    key: &str,
    read: fn(&str) -> Result<T, String>,
    findings: &mut Findings,
) {
    if let Some(Annotation { path, value }) = annotations::find(inputs.pod, key)
        && let Err(problem) = read(value)
    {
        findings.add(&rules::MALFORMED_ANNOTATION, path, problem);
    }
}

fn action(value: &str) -> Result<LivenessAction, String> {
    match value.trim() {
        "reboot" | "" => Ok(LivenessAction::Reboot),
        "replace" => Ok(LivenessAction::Replace),
        other => Err(format!("{} is neither \"reboot\" nor \"replace\"", quote(other))),
    }
}

fn window(value: &str) -> Result<CrashLoopWindow, String> {
    let value = value.trim();
    if value == "off" {
        return Ok(CrashLoopWindow::Endless);
    }
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    let length = number.zip(seconds).and_then(|(number, seconds)| number.checked_mul(seconds));
    length.map(|seconds| CrashLoopWindow::After(Duration::from_secs(seconds))).ok_or_else(|| {
        format!("{} is no time: write it as \"90s\", \"5m\", \"1h\", or \"off\"", quote(value))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn pod(annotations: &[(&str, &str)]) -> Pod {
        let annotations: BTreeMap<_, _> = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut pod = Pod::default();
        pod.metadata.annotations = Some(annotations);
        pod
    }

    #[test]
    fn a_probe_that_fails_reboots_unless_the_pod_says_otherwise() {
        #[track_caller]
        fn check(annotations: &[(&str, &str)], expected: LivenessAction) {
            assert_eq!(liveness_action(&pod(annotations)), expected);
        }
        check(&[], LivenessAction::Reboot);
        check(&[("liveness-action", "replace")], LivenessAction::Replace);
        check(&[("tritondatacenter.com/liveness-action", " replace ")], LivenessAction::Replace);
        check(
            &[("liveness-action", "replace"), ("tritondatacenter.com/liveness-action", "reboot")],
            LivenessAction::Reboot,
        );
        check(&[("liveness-action", "Replace")], LivenessAction::Reboot);
    }

    #[test]
    fn the_window_of_a_crash_loop_is_a_time_or_off() {
        #[track_caller]
        fn check(value: &str, expected: Option<CrashLoopWindow>) {
            assert_eq!(
                crash_loop_window(&pod(&[("crash-loop-window", value)])),
                expected,
                "{value}"
            );
        }
        let after = |seconds| Some(CrashLoopWindow::After(Duration::from_secs(seconds)));
        check("90s", after(90));
        check("5m", after(300));
        check(" 1h", after(3600));
        check("off", Some(CrashLoopWindow::Endless));
        for wrong in [
            "",
            "5",
            "0s",
            "-1s",
            "5 m",
            "m",
            "1d",
            "99999999999999999999s",
            "9999999999999999999h",
        ] {
            check(wrong, None);
        }
        assert_eq!(crash_loop_window(&Pod::default()), None);
    }
}
