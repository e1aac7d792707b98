//! Listing instances to the end, and being sure of it: where there is a gap between pages, one is read again.

use super::paging::{PAGES_MAX, Paging};
use super::{Client, Error};
use crate::instances::{self, Instance, ListInstances};
use crate::page::OddItem;
use crate::request::Priority;

/// Gaps with nothing new between them until a list is given up: it does not change, something is wrong with it.
const GAPS_MAX: u32 = 3;

pub(super) async fn list_all(
    client: &Client,
    filter: &ListInstances,
    priority: Priority,
) -> Result<Vec<Instance>, Error> {
    collect(client, filter, priority, Some).await
}

/// What `keep` makes of every instance.
pub(super) async fn collect<T>(
    client: &Client,
    filter: &ListInstances,
    priority: Priority,
    mut keep: impl FnMut(Instance) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let mut paging = Paging::new(filter.offset, filter.limit);
    let mut all = Vec::new();
    let mut gaps = 0;
    for _ in 0..PAGES_MAX {
        let (limit, offset) = (Some(paging.limit), Some(paging.offset));
        let mut request = instances::list(&ListInstances { limit, offset, ..filter.clone() })?;
        request.endpoint.priority = priority;
        let taken = paging.take(client.send(request).await?, |instance| instance.id);
        if let Some(odd) = taken.odd.first() {
            return Err(unreadable(odd));
        }
        if taken.has_gap {
            gaps += 1;
            if gaps >= GAPS_MAX {
                return Err(Error::Incomplete {
                    reason: format!("pages do not fit together, {GAPS_MAX} times in a row"),
                });
            }
            paging.step_back(taken.fresh.iter().map(|instance| instance.id));
            continue;
        }
        if !taken.fresh.is_empty() {
            gaps = 0;
        }
        all.extend(taken.fresh.into_iter().filter_map(&mut keep));
        if taken.is_last {
            return Ok(all);
        }
    }
    Err(too_long())
}

pub(super) fn unreadable(odd: &OddItem) -> Error {
    let id = odd.id.as_deref().unwrap_or("without a readable id");
    Error::Incomplete { reason: format!("element {id}: {}", odd.reason) }
}

pub(super) fn too_long() -> Error {
    Error::Incomplete { reason: format!("it has more than {PAGES_MAX} pages, or changes too fast") }
}
