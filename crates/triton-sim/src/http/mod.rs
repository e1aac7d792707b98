//! CloudAPI's endpoints, one file a resource: each reads its parameters and asks the world.

mod access_keys;
mod account;
mod body;
mod call;
mod changefeed;
mod config;
mod fabrics;
mod firewall_rules;
mod images;
mod instance_actions;
mod instance_audit;
mod instance_create;
mod instance_disks;
mod instance_metadata;
mod instance_nics;
mod instance_snapshots;
mod instance_tags;
mod instance_vnc;
mod instances;
mod keys;
mod list_faults;
mod loaders;
mod migrations;
mod networks;
mod packages;
mod params;
mod permission;
mod policies;
mod reply;
mod role_tags;
mod roles;
mod route;
mod services;
mod users;
mod volumes;

pub(crate) use body::{BODY_BYTES_MAX, read_body};
pub(crate) use call::Call;
pub(crate) use loaders::load;
pub(crate) use params::Params;
pub(crate) use permission::{Asking, authorize, shown_tags, tag, untag};
pub(crate) use reply::{Answer, Body, Reply, Upgrade};
pub(crate) use route::{Found, Route, endpoint_names, find};
pub(crate) use services::CMON_HOST;

/// Every endpoint; where two patterns match one path, the first wins.
const ROUTES: &[&[Route]] = &[
    services::ROUTES,
    config::ROUTES,
    users::ROUTES,
    changefeed::ROUTES,
    keys::ROUTES,
    access_keys::ROUTES,
    roles::ROUTES,
    policies::ROUTES,
    images::ROUTES,
    packages::ROUTES,
    networks::ROUTES,
    fabrics::ROUTES,
    firewall_rules::ROUTES,
    instance_create::ROUTES,
    instances::ROUTES,
    instance_actions::ROUTES,
    instance_audit::ROUTES,
    instance_metadata::ROUTES,
    instance_tags::ROUTES,
    instance_nics::ROUTES,
    instance_disks::ROUTES,
    instance_snapshots::ROUTES,
    instance_vnc::ROUTES,
    migrations::ROUTES,
    volumes::ROUTES,
    account::ROUTES,
    role_tags::ROUTES,
];
