//! The calls by name, one file a section of the manual. Each is a request of the pure half, sent.

mod access_keys;
mod account;
mod datacenters;
mod disks;
mod fabrics;
mod firewall_rules;
mod images;
mod instance_tags;
mod instances;
mod keys;
mod migrations;
mod networks;
mod nics;
mod packages;
mod policies;
mod roles;
mod snapshots;
mod users;
mod volumes;
