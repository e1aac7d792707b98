//! What a pod looks like over its life: every step is published, and the next one builds on it.

#![expect(clippy::unwrap_used, reason = "in a test, a helper that cannot go on fails the test")]

mod conditions;
mod deletion;
mod fixture;
mod hooks;
mod restarts;
mod stability;
mod states;
