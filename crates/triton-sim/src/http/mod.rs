//! CloudAPI's endpoints, one file a resource: each reads its parameters and asks the world.

mod account;
mod call;
mod config;
mod firewall_rules;
mod images;
mod keys;
mod loaders;
mod machine_actions;
mod machine_audit;
mod machine_create;
mod machine_metadata;
mod machine_nics;
mod machine_tags;
mod machines;
mod networks;
mod packages;
mod params;
mod reply;
mod route;
mod services;

pub(crate) use call::{Call, Caught};
pub(crate) use loaders::load;
pub(crate) use params::{BODY_BYTES_MAX, Params};
pub(crate) use reply::{Answer, Body, Reply};
pub(crate) use route::{Found, Route, find};

/// Every endpoint; where two patterns match one path, the first wins.
const ROUTES: &[&[Route]] = &[
    services::ROUTES,
    config::ROUTES,
    keys::ROUTES,
    images::ROUTES,
    packages::ROUTES,
    networks::ROUTES,
    firewall_rules::ROUTES,
    machine_create::ROUTES,
    machines::ROUTES,
    machine_actions::ROUTES,
    machine_audit::ROUTES,
    machine_metadata::ROUTES,
    machine_tags::ROUTES,
    machine_nics::ROUTES,
    account::ROUTES,
];
