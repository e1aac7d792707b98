//! Listing instances to the end, and being sure of it: a list with a gap is begun again.

use super::paging::{PAGES_MAX, Paging};
use super::{Client, Error};
use crate::instances::{self, Instance, ListInstances};
use crate::page::OddItem;
use crate::request::Priority;

/// How often a list that changes too fast is begun.
const STARTS_MAX: u32 = 3;

pub(super) async fn list_all(
    client: &Client,
    filter: &ListInstances,
    priority: Priority,
) -> Result<Vec<Instance>, Error> {
    collect(client, filter, priority, Some).await
}

/// What `keep` makes of every instance; of one that is seen again in a list that is begun anew it may be asked twice.
pub(super) async fn collect<T>(
    client: &Client,
    filter: &ListInstances,
    priority: Priority,
    mut keep: impl FnMut(Instance) -> Option<T>,
) -> Result<Vec<T>, Error> {
    for _ in 0..STARTS_MAX {
        if let Some(instances) = list_once(client, filter, priority, &mut keep).await? {
            return Ok(instances);
        }
    }
    Err(Error::Incomplete {
        reason: format!("it changed while it was read, {STARTS_MAX} times in a row"),
    })
}

/// `None` if the list changed too fast.
async fn list_once<T>(
    client: &Client,
    filter: &ListInstances,
    priority: Priority,
    keep: &mut impl FnMut(Instance) -> Option<T>,
) -> Result<Option<Vec<T>>, Error> {
    let mut paging = Paging::new(filter.offset, filter.limit);
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let (limit, offset) = (Some(paging.limit), Some(paging.offset));
        let mut request = instances::list(&ListInstances { limit, offset, ..filter.clone() })?;
        request.endpoint.priority = priority;
        let taken = paging.take(client.send(request).await?, |instance| instance.id);
        if let Some(odd) = taken.odd.first() {
            return Err(unreadable(odd));
        }
        if taken.has_gap {
            return Ok(None);
        }
        all.extend(taken.fresh.into_iter().filter_map(&mut *keep));
        if taken.is_last {
            return Ok(Some(all));
        }
    }
    Err(too_long())
}

pub(super) fn unreadable(odd: &OddItem) -> Error {
    let id = odd.id.as_deref().unwrap_or("without a readable id");
    Error::Incomplete { reason: format!("element {id}: {}", odd.reason) }
}

pub(super) fn too_long() -> Error {
    Error::Incomplete { reason: format!("it has more than {PAGES_MAX} pages") }
}
