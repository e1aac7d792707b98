//! Listing instances to the end, and being sure of it.
//!
//! Pages are counted by offset, and the list changes between two of them: an instance that goes moves all behind it
//! one place forward, past the page already read. So pages overlap, and a page that holds nothing of the one before
//! starts the list again.

use std::collections::BTreeSet;

use super::{Client, Error};
use crate::ids::InstanceId;
use crate::instances::{Instance, ListInstances, PAGE_MAX};
use crate::page::Page;

/// Instances of a page that are asked for again with the next one.
const OVERLAP_MAX: u32 = 50;

/// Pages of one list: a hundred thousand instances.
const PAGES_MAX: u32 = 100;

/// How often a list that changes too fast is begun.
const STARTS_MAX: u32 = 3;

/// The list so far.
#[derive(Debug, Default)]
struct Listing {
    instances: Vec<Instance>,
    seen: BTreeSet<InstanceId>,
}

/// What a page means for the listing.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Ask for the page that begins here.
    Page { offset: u32 },
    /// That was the last one.
    Done,
    /// Something may have slipped through: begin again.
    Gap,
}

pub(super) async fn list_all(
    client: &Client,
    filter: &ListInstances,
) -> Result<Vec<Instance>, Error> {
    for _ in 0..STARTS_MAX {
        if let Some(instances) = list_once(client, filter).await? {
            return Ok(instances);
        }
    }
    Err(Error::Incomplete {
        reason: format!("it changed while it was read, {STARTS_MAX} times in a row"),
    })
}

/// `None` if the list changed too fast.
async fn list_once(
    client: &Client,
    filter: &ListInstances,
) -> Result<Option<Vec<Instance>>, Error> {
    let limit = filter.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut listing = Listing::default();
    let mut offset = filter.offset.unwrap_or(0);
    for _ in 0..PAGES_MAX {
        let filter = ListInstances { limit: Some(limit), offset: Some(offset), ..filter.clone() };
        let page = client.list_instances(&filter).await?;
        match listing.take(page, offset, limit)? {
            Next::Page { offset: next } => offset = next,
            Next::Done => return Ok(Some(listing.instances)),
            Next::Gap => return Ok(None),
        }
    }
    Err(Error::Incomplete { reason: format!("it has more than {PAGES_MAX} pages") })
}

// === impl Listing ===

impl Listing {
    fn take(&mut self, page: Page<Instance>, offset: u32, limit: u32) -> Result<Next, Error> {
        if let Some(odd) = page.odd.first() {
            let id = odd.id.as_deref().unwrap_or("without a readable id");
            return Err(Error::Incomplete { reason: format!("instance {id}: {}", odd.reason) });
        }
        let count = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
        let is_first = self.instances.is_empty();
        let mut overlaps = is_first;
        for instance in page.items {
            if self.seen.insert(instance.id) {
                self.instances.push(instance);
            } else {
                overlaps = true;
            }
        }
        let overlap = OVERLAP_MAX.min(limit / 2);
        if !overlaps && overlap > 0 {
            return Ok(Next::Gap);
        }
        if count < limit {
            Ok(Next::Done)
        } else {
            Ok(Next::Page { offset: offset + count - overlap })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(ids: std::ops::Range<u32>) -> Page<Instance> {
        Page::from_values(
            ids.map(|id| json!({"id": format!("00000000-0000-4000-8000-{id:012}"), "tags": {}}))
                .collect(),
        )
    }

    #[track_caller]
    fn check(pages: &[(u32, std::ops::Range<u32>)], limit: u32, last: Next, count: usize) {
        let mut listing = Listing::default();
        let (final_page, before) = pages.split_last().unwrap();
        for (offset, ids) in before {
            assert!(matches!(
                listing.take(page(ids.clone()), *offset, limit),
                Ok(Next::Page { .. })
            ));
        }
        assert_eq!(listing.take(page(final_page.1.clone()), final_page.0, limit).unwrap(), last);
        assert_eq!(listing.instances.len(), count);
    }

    #[test]
    fn a_short_page_is_the_last() {
        check(&[(0, 0..3)], 4, Next::Done, 3);
        check(&[(0, 0..0)], 4, Next::Done, 0);
    }

    #[test]
    fn pages_overlap_and_what_comes_twice_is_kept_once() {
        check(&[(0, 0..4)], 4, Next::Page { offset: 2 }, 4);
        check(&[(0, 0..4), (2, 2..6)], 4, Next::Page { offset: 4 }, 6);
        check(&[(0, 0..4), (2, 2..6), (4, 4..6)], 4, Next::Done, 6);
    }

    #[test]
    fn a_page_that_shares_nothing_with_the_one_before_begins_the_list_again() {
        check(&[(0, 0..4), (2, 4..8)], 4, Next::Gap, 8);
        check(&[(0, 0..4), (2, 0..0)], 4, Next::Gap, 4);
    }

    #[test]
    fn an_instance_that_cannot_be_read_makes_the_list_incomplete() {
        let page = Page::from_values(vec![
            json!({"id": "00000000-0000-4000-8000-000000000001", "tags": "x"}),
        ]);
        let error = Listing::default().take(page, 0, 4).unwrap_err();
        assert!(error.to_string().contains("00000000-0000-4000-8000-000000000001"), "{error}");
        assert!(!error.is_ambiguous());
    }
}
