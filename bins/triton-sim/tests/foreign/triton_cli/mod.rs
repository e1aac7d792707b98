//! The official `triton` CLI (npm `triton`), through whole lives of what it knows.

mod account;
mod firewall_rules;
mod instances;
mod labels;
mod lookups;
