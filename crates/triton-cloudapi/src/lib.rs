//! Triton CloudAPI: its nouns and requests as plain values.
//!
//! Nothing in these modules does I/O; the sending half is the feature `client`.

pub mod error;
pub mod firewall_rules;
pub mod ids;
pub mod images;
pub mod instances;
pub mod networks;
pub mod packages;
pub mod tags;

pub use error::{ApiError, ErrorCode, FieldError};
pub use ids::{FirewallRuleId, ImageId, InstanceId, NetworkId, PackageId};
