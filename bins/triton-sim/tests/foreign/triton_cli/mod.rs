//! The official `triton` CLI (npm `triton`), through whole lives of what it knows.

mod account;
mod fabrics;
mod firewall_rules;
mod images;
mod instances;
mod labels;
mod lookups;
mod migrations;
mod nics;
mod rbac;
mod storage;
mod streams;
