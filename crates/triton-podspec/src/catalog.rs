//! A snapshot of what the account may use.

use triton_cloudapi::images::Image;
use triton_cloudapi::networks::Network;
use triton_cloudapi::packages::Package;

/// Packages, images and networks as CloudAPI listed them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Images the account may use.
    pub images: Vec<Image>,
    /// Active packages.
    pub packages: Vec<Package>,
    /// Networks and network pools.
    pub networks: Vec<Network>,
}
