//! S1, the sending half: no create while an instance lives, and none while an earlier one may come true.

use jiff::SignedDuration;

use super::scene::Scene;
use super::{Invariant, Tell};
use crate::history::Call;

/// How long a create whose outcome is not known may still come true.
const WINDOW: SignedDuration = SignedDuration::from_secs(180);

pub(super) fn check(scene: &Scene<'_>, call: &Call, tell: &mut Tell<'_>) {
    let Some(uid) = call.pod.as_deref().filter(|_| call.is_create()) else { return };
    let sent = call.sent;
    let twin = scene.living(uid).find(|living| living.made_at < sent);
    if let Some(twin) = twin {
        let message = format!("a create was sent while instance {} lives", twin.record.id);
        tell(Invariant::S1, Some(uid), message);
        return;
    }
    if let Some(pod) = scene.pods.get(uid)
        && pod.is_gone
    {
        // The pod may go while the request is on its way, but not long before.
        return;
    }
    for earlier in scene.creates.get(uid).into_iter().flatten() {
        let age = sent.duration_since(earlier.sent);
        // 507: a network without free addresses, which is found out before anything is made.
        let is_refused =
            earlier.status.is_some_and(|status| (300..500).contains(&status) || status == 507);
        // What it made is known, and dead: nothing more comes of it.
        let made = scene.instances.values().any(|seen| {
            seen.made_for == uid && seen.made_at >= earlier.sent && seen.made_at <= sent
        });
        if !is_refused && !made && age < WINDOW {
            let message = format!(
                "a create was sent {age:#} after one that was answered {:?} and may still come true",
                earlier.status
            );
            tell(Invariant::S1, Some(uid), message);
        }
    }
}
