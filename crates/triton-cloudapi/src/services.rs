//! Other services of the datacenter (manual, "Services").

use std::collections::BTreeMap;

use crate::answer::texts;
use crate::endpoint::{Endpoint, Group};
use crate::request::{Request, RequestError};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListServices", Group::Services);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST];

/// ListServices: names and URLs, such as `docker`, `cmon`, `manta`.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<BTreeMap<String, String>>, RequestError> {
    LIST.get(&Target::new("/services"), texts)
}
