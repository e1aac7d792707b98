//! What pods become: one module a concern, each a table of pods.

mod environment;
mod every_rule;
mod firewall;
mod fixture;
mod metadata;
mod placement;
mod properties;
mod tags;
mod walkthrough;
