//! What pods become: one module a concern, each a table of pods.

#![expect(clippy::unwrap_used, reason = "in a test, a helper that cannot go on fails the test")]

mod environment;
mod every_rule;
mod firewall;
mod fixture;
mod metadata;
mod placement;
mod properties;
mod tags;
mod walkthrough;
