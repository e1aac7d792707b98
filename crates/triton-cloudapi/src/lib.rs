//! [Triton](https://github.com/tritondatacenter/triton) CloudAPI for Rust: every call as a plain value, and a client
//! that signs, retries, pages, waits and follows.
//!
//! # From nothing to a list of instances
//!
//! ```sh
//! cargo add triton-cloudapi
//! cargo add tokio --features macros,rt-multi-thread
//! ```
//!
#![cfg_attr(feature = "client", doc = "```no_run")]
#![cfg_attr(not(feature = "client"), doc = "```text")]
//! use triton_cloudapi::client::{BoxError, Client};
//! use triton_cloudapi::instances::ListInstances;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     // TRITON_URL, TRITON_ACCOUNT and TRITON_KEY_ID, or SDC_…, or the current profile of the `triton` command.
//!     let client = Client::from_env().await?;
//!     for instance in client.list_all_instances(&ListInstances::default()).await? {
//!         println!("{} {} {}", instance.id, instance.name, instance.state);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Two halves
//!
//! The first half does no I/O. Each module is a section of the manual: its types, and functions that make a [`Request`]
//! of parameters. A request knows its method, path and body, whether it may be sent twice, and how to read the answer.
//! With `default-features = false` that is all there is, without tokio or hyper:
//!
//! ```
//! use triton_cloudapi::instances::{self, ListInstances};
//!
//! # fn main() -> Result<(), triton_cloudapi::RequestError> {
//! let request = instances::list(&ListInstances::default().with_tag("role", "web"))?;
//! assert_eq!(request.http.uri(), "/machines?tag.role=web");
//! # Ok(())
//! # }
//! ```
//!
//! The second half, the feature `client`, sends them: `Client` has a method for each of those functions, and
//! `Client::send` takes any request. It signs, keeps to the server's rate limit and retries what may be retried.
//! `Config` reads the environment and the profiles that Triton's own tools read.
//!
//! # What is where
//!
//! | What | Where |
//! |---|---|
//! | instances, with their tags, metadata, audit and screen | [`instances`], [`tags`] |
//! | their NICs, disks, snapshots, migrations | [`nics`], [`disks`], [`snapshots`], [`migrations`] |
//! | images, packages | [`images`], [`packages`] |
//! | networks and their addresses, fabrics | [`networks`], [`network_ips`], [`fabrics`] |
//! | firewall rules | [`firewall_rules`] |
//! | volumes | [`volumes`] |
//! | the account, its settings, limits, keys, access keys | [`account`], [`config`], [`limits`], [`keys`], [`access_keys`] |
//! | sub-users, roles, policies, who may do what with a thing | [`users`], [`roles`], [`policies`], [`role_tags`] |
//! | datacenters, services, what CloudAPI says of itself | [`datacenters`], [`services`], [`ping`], [`server`] |
//! | changes as they happen | [`changefeed`], and `client::changefeed` |
//! | a request and its answer, refusals | [`request`], [`error`] |
//! | the client: configuration, waiting, names, streams of lists, dry runs | `client` |
//!
//! Words are the manual's, with one exception: what its paths call a machine is an instance here, as in its prose.
//!
//! What servers send is read as they really send it. One strange instance does not make a list unreadable
//! ([`Page::odd`]); a state or an error code that is new keeps its text.
//!
//! # What a caller should know
//!
//! - Nothing that would act twice is sent twice. `client::Error::is_ambiguous` says whether a create that failed may
//!   have been carried out all the same: then look before sending it again.
//! - `client::Error` is sorted by what its caller can do about it; its text says what to do.
//! - Starting, stopping, tagging and enabling are jobs: the answer says that CloudAPI accepted them, not that they are
//!   done. `Client::wait_for_instance` and `Client::send_and_confirm` wait until they are.
//! - No error, log or `Debug` output holds a key, a signature, a password or metadata's values.
//!
//! The [README](https://github.com/tritondatacenter/vk-triton/tree/main/crates/triton-cloudapi) has the policies of
//! retry and rate limit, the features, and the examples.
#![cfg_attr(
    all(doctest, feature = "changefeed"),
    doc = "# README",
    doc = include_str!("../README.md")
)]
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
mod unreadable;

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
