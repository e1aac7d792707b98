//! What an operator may switch on and off.

use serde::{Deserialize, Serialize};

/// Abilities of the datacenter that an operator decides on.
///
/// By default the simulator can all but delegate datasets, so that everything can be tried; a real datacenter has most
/// of them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Features {
    /// `experimental_cloudapi_nfs_shared_volumes`: without it every path of volumes is 404.
    pub volumes: bool,
    /// `experimental_cloudapi_automount_nfs_shared_volumes`: `volumes` in CreateMachine.
    pub volumes_at_create: bool,
    /// `experimental_cloudapi_delegate_dataset`: `delegate_dataset` in CreateMachine.
    pub delegate_dataset: bool,
    /// `experimental_cloudapi_bhyve_snapshots`: snapshots of bhyve instances.
    pub bhyve_snapshots: bool,
    /// Accounts may migrate their instances.
    pub migrations: bool,
    /// `allow_multiple_public_networks`: more than one public network an instance.
    pub multiple_public_networks: bool,
}

// === impl Features ===

impl Default for Features {
    fn default() -> Self {
        Self {
            volumes: true,
            volumes_at_create: true,
            delegate_dataset: false,
            bhyve_snapshots: false,
            migrations: true,
            multiple_public_networks: false,
        }
    }
}
