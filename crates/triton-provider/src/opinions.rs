//! What the probes have said: events for the pod's next report, and which lives are unhealthy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probe_engine::{ERRORED, Event, Kind, Verdict};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use virtual_node::{PodEvent, Pokes};

use crate::tasks;

/// Events kept per pod until its next pass; older ones go.
const EVENTS_MAX: usize = 8;
/// Bytes of an event's message that the API server takes (1024), less room for what is put around ours.
const MESSAGE_MAX: usize = 1000;

/// The kubelet's reason for an answer that was no success.
const UNHEALTHY: &str = "Unhealthy";
/// The kubelet's reason for a success that somebody should look at.
const PROBE_WARNING: &str = "ProbeWarning";

/// What the probes have said; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opinions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    events: HashMap<String, Vec<PodEvent>>,
    /// By pod UID: the life (incarnation) whose liveness or startup probe failed while it ran.
    unhealthy: HashMap<String, (String, Kind)>,
}

// === impl Opinions ===

impl Opinions {
    /// Hears the probe engine until `shutdown`: a change of belief is worth a pass, a failed answer an event too.
    pub(crate) fn listen(
        mut heard: mpsc::UnboundedReceiver<Event>,
        pokes: Pokes,
        shutdown: CancellationToken,
    ) -> Self {
        let opinions = Self::default();
        let ours = opinions.clone();
        tasks::keep("listener to probes", shutdown, async move {
            while let Some(event) = heard.recv().await {
                let target = ours.note(event);
                pokes.poke(&target);
            }
        });
        opinions
    }

    /// Takes the events of a pod. Those of its probes are about its container.
    pub(crate) fn take_events(&self, uid: &str, container: &str) -> Vec<PodEvent> {
        let mut events = self.lock().events.remove(uid).unwrap_or_default();
        for event in &mut events {
            if matches!(event.reason.as_str(), UNHEALTHY | PROBE_WARNING) {
                event.container.get_or_insert_with(|| container.to_owned());
            }
        }
        events
    }

    /// Which of liveness and startup is believed to have failed in this life. Failure because the instance does not
    /// run is none of these: only a probe that asked can have one restarted.
    pub(crate) fn failed_probe(&self, uid: &str, life: &str) -> Option<Kind> {
        let state = self.lock();
        state.unhealthy.get(uid).filter(|(found, _)| found == life).map(|(_, kind)| *kind)
    }

    /// Keeps the events of a pass that ended early for the pod's next report.
    pub(crate) fn keep_events(&self, uid: &str, events: Vec<PodEvent>) {
        let mut state = self.lock();
        for event in events {
            state.add(uid, event);
        }
    }

    /// Forgets a pod.
    pub(crate) fn forget(&self, uid: &str) {
        let mut state = self.lock();
        state.events.remove(uid);
        state.unhealthy.remove(uid);
    }

    fn note(&self, event: Event) -> String {
        let mut state = self.lock();
        match event {
            Event::Verdict {
                target,
                kind: kind @ (Kind::Liveness | Kind::Startup),
                incarnation,
                verdict,
                ..
            } => {
                match verdict {
                    Verdict::Failure => state.unhealthy.insert(target.clone(), (incarnation, kind)),
                    Verdict::Success | Verdict::Unknown => state.unhealthy.remove(&target),
                };
                target
            }
            Event::Verdict { target, .. } => target,
            Event::Unhealthy { target, kind, message } => {
                // An attempt that could not be made words itself.
                let verb = if message.starts_with(ERRORED) { "" } else { "failed: " };
                state.add(
                    &target,
                    PodEvent::warning(UNHEALTHY, cut(format!("{kind} probe {verb}{message}"))),
                );
                target
            }
            Event::Warning { target, kind, message } => {
                state.add(
                    &target,
                    PodEvent::warning(
                        PROBE_WARNING,
                        cut(format!("{kind} probe warning: {message}")),
                    ),
                );
                target
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn add(&mut self, uid: &str, event: PodEvent) {
        let waiting = self.events.entry(uid.to_owned()).or_default();
        if waiting.len() >= EVENTS_MAX {
            waiting.remove(0);
        }
        waiting.push(event);
    }
}

/// Cuts what a target answered to what an event may hold.
pub(crate) fn cut(mut message: String) -> String {
    let mut end = MESSAGE_MAX.min(message.len());
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(kind: Kind, life: &str, verdict: Verdict) -> Event {
        Event::Verdict {
            target: "u".to_owned(),
            kind,
            incarnation: life.to_owned(),
            verdict,
            message: String::new(),
        }
    }

    #[test]
    fn only_liveness_and_startup_of_the_present_life_make_it_unhealthy() {
        let opinions = Opinions::default();
        opinions.note(verdict(Kind::Readiness, "i#0", Verdict::Failure));
        assert_eq!(opinions.failed_probe("u", "i#0"), None);
        opinions.note(verdict(Kind::Liveness, "i#0", Verdict::Failure));
        assert_eq!(opinions.failed_probe("u", "i#0"), Some(Kind::Liveness));
        assert_eq!(opinions.failed_probe("u", "i#1"), None, "a restart begins a new life");
        opinions.note(verdict(Kind::Liveness, "i#0", Verdict::Success));
        assert_eq!(opinions.failed_probe("u", "i#0"), None);
    }

    /// `TestRecordContainerEvent` of the kubelet's `prober_test.go`, and what it says of errors.
    #[test]
    fn events_are_in_the_kubelets_words() {
        let opinions = Opinions::default();
        let target = || "u".to_owned();
        let kind = Kind::Readiness;
        let message = "output".to_owned();
        opinions.note(Event::Unhealthy { target: target(), kind, message: message.clone() });
        let errored = format!("{ERRORED}{message}");
        opinions.note(Event::Unhealthy { target: target(), kind, message: errored });
        opinions.note(Event::Warning { target: target(), kind, message });
        let events = opinions.take_events("u", "c");
        let told: Vec<_> =
            events.iter().map(|event| (event.reason.as_str(), event.message.as_str())).collect();
        assert_eq!(
            told,
            [
                ("Unhealthy", "Readiness probe failed: output"),
                ("Unhealthy", "Readiness probe errored and resulted in unknown state: output"),
                ("ProbeWarning", "Readiness probe warning: output"),
            ]
        );
        assert!(events.iter().all(|event| event.container.as_deref() == Some("c")));
    }

    #[test]
    fn events_of_a_pod_that_gets_no_pass_are_bounded() {
        let opinions = Opinions::default();
        for n in 0..100 {
            opinions.note(Event::Unhealthy {
                target: "u".to_owned(),
                kind: Kind::Liveness,
                message: n.to_string(),
            });
        }
        let events = opinions.take_events("u", "c");
        assert_eq!(events.len(), EVENTS_MAX);
        assert_eq!(events.last().unwrap().message, "Liveness probe failed: 99");
        assert_eq!(events.last().unwrap().container.as_deref(), Some("c"));
        assert!(opinions.take_events("u", "c").is_empty());
    }
}
