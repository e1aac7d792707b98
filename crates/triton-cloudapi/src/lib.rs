//! Triton CloudAPI for Rust: its nouns and requests as plain values, and a client that signs, retries and pages.
//!
//! The first half of this crate does no I/O: [`instances`], [`images`], [`packages`], [`networks`],
//! [`firewall_rules`], [`account`] hold the types of the manual's sections and functions that make a [`Request`] of
//! parameters. A request knows its method, path and body, whether it may be sent twice, and how to read the answer.
//! With `default-features = false` that is all there is, without tokio or hyper.
//!
//! The second half, the feature `client` (on by default), sends them: the `client` module holds `Client`, which signs,
//! keeps to the server's rate limit, retries what may be retried and pages; and `Config`, which reads the environment
//! and profiles that Triton's own tools read.
//!
//! Words are CloudAPI's, with one exception: what its paths call a machine is an instance here, as in its prose.
//!
//! # Example
//!
#![cfg_attr(feature = "client", doc = "```no_run")]
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
//! use triton_cloudapi::client::Client;
//! use triton_cloudapi::instances::ListInstances;
//!
//! # async fn list() -> Result<(), Box<dyn std::error::Error>> {
//! // TRITON_URL, TRITON_ACCOUNT and TRITON_KEY_ID, or SDC_…, or the profile that `triton profile` shows.
//! let client = Client::from_env().await?;
//! for instance in client.list_all_instances(&ListInstances::default()).await? {
//!     println!("{} {} {}", instance.id, instance.name, instance.state);
//! }
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

pub mod access_keys;
pub mod account;
pub mod changefeed;
pub mod config;
pub mod datacenters;
pub mod disks;
pub mod error;
pub mod fabrics;
pub mod firewall_rules;
pub mod ids;
pub mod images;
pub mod instances;
pub mod keys;
pub mod limits;
pub mod migrations;
pub mod network_ips;
pub mod networks;
pub mod nics;
pub mod packages;
pub mod page;
pub mod ping;
pub mod policies;
pub mod request;
pub mod role_tags;
pub mod roles;
pub mod secret;
pub mod server;
pub mod services;
pub mod snapshots;
pub mod tags;
pub mod users;
pub mod volumes;

mod answer;
mod endpoint;
mod lenient;
mod target;
mod text_enum;
mod timestamp;

#[cfg(feature = "client")]
pub mod client;

pub use endpoint::endpoints;
pub use error::{ApiError, ErrorCode, FieldError};
pub use ids::{
    DiskId, FirewallRuleId, ImageId, InstanceId, NetworkId, PackageId, PolicyId, RoleId, UserId,
    VolumeId,
};
pub use page::{OddItem, Page};
pub use request::{Answer, AnswerError, Endpoint, Request, RequestError};
pub use secret::Secret;
pub use server::ServerVersion;

#[cfg(feature = "client")]
pub use client::{Client, Config};
