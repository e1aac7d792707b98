//! What pods become: one module a concern, each a table of pods.

mod fixture;
mod walkthrough;
