//! The one place of this program that asks what time it really is: to say how fast it was.

/// Now.
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "real time, for a report")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
