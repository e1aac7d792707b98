//! What the account may have at most (manual, "GetProvisioningLimits").

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::page;
use crate::endpoint::{Endpoint, Group};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::text_enum::text_enum;

const GET: Endpoint = Endpoint::read("GetProvisioningLimits", Group::Account);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[GET];

/// One limit. There are none where the operator has not switched them on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvisioningLimit {
    /// What is counted.
    pub by: LimitBy,
    /// How much there may be: MiB of memory, GiB of disk, or instances. `0` or less stands for no limit.
    #[serde(default, deserialize_with = "lenient::signed")]
    pub value: Option<i64>,
    /// How much there is.
    #[serde(
        default,
        deserialize_with = "lenient::signed",
        skip_serializing_if = "Option::is_none"
    )]
    pub used: Option<i64>,
    /// What it is about, `image` or `os`; everything if `None`.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub check: Option<String>,
    /// Operating system that it is about, `any` for each by itself.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub os: Option<String>,
    /// Image name that it is about, `any` for each by itself.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub image: Option<String>,
    /// Brand that it is about.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub brand: Option<String>,
    /// Account it was set for, where the server says so.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub account: Option<Uuid>,
}

/// What a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitBy {
    /// Memory, in MiB.
    Ram,
    /// Disk, in GiB.
    Quota,
    /// Instances.
    Machines,
    /// Something else, as it came.
    Other(String),
}

text_enum!(LimitBy, Other, {
    Ram => "ram",
    Quota => "quota",
    Machines => "machines",
});

/// GetProvisioningLimits.
///
/// # Errors
///
/// [`RequestError`].
pub fn get() -> Result<Request<Page<ProvisioningLimit>>, RequestError> {
    GET.get(&Target::new("/limits"), page)
}
