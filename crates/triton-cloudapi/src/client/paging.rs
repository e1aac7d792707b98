//! What a page means for a list that is counted by offset.
//!
//! The list changes between two pages: an instance that goes moves all behind it one place forward, past the page
//! already read. So pages overlap, and a page that holds nothing of those before tells that something may have slipped
//! through: then the page before it is read again. The list is sorted by what does not change, so whatever follows the
//! last element seen follows any element seen, and a page that holds one has let nothing slip.

use std::collections::BTreeSet;

use crate::page::{OddItem, PAGE_MAX, Page};

/// Elements of a page that are asked for again with the next one.
const OVERLAP_MAX: u32 = 50;

/// Pages of one list: a hundred thousand elements.
pub(super) const PAGES_MAX: u32 = 100;

/// How far a list is.
#[derive(Debug)]
pub(super) struct Paging<K> {
    seen: BTreeSet<K>,
    /// Where the list begins.
    begin: u32,
    is_begun: bool,
    /// Where the page that was read last began.
    page: u32,
    /// Where the next page begins.
    pub(super) offset: u32,
    /// Elements to ask for.
    pub(super) limit: u32,
}

/// What a page brings.
#[derive(Debug)]
pub(super) struct Taken<T> {
    /// What was not on a page before.
    pub(super) fresh: Vec<T>,
    /// What could not be read.
    pub(super) odd: Vec<OddItem>,
    /// Whether this was the last page.
    pub(super) is_last: bool,
    /// Whether something may have slipped through before this page.
    pub(super) has_gap: bool,
}

// === impl Paging ===

impl<K: Ord> Paging<K> {
    pub(super) fn new(offset: Option<u32>, limit: Option<u32>) -> Self {
        let limit = limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let begin = offset.unwrap_or(0);
        Self { seen: BTreeSet::new(), begin, is_begun: false, page: begin, offset: begin, limit }
    }

    pub(super) fn take<T>(&mut self, page: Page<T>, key: impl Fn(&T) -> K) -> Taken<T> {
        let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let overlap = OVERLAP_MAX.min(self.limit / 2);
        // Before the first page there is nothing that could slip through.
        let mut overlaps = !self.is_begun || overlap == 0 || self.offset <= self.begin;
        let mut fresh = Vec::with_capacity(page.items.len());
        for item in page.items {
            if self.seen.insert(key(&item)) {
                fresh.push(item);
            } else {
                overlaps = true;
            }
        }
        self.is_begun = true;
        self.page = self.offset;
        self.offset = self.offset.saturating_add(count).saturating_sub(overlap);
        Taken { fresh, odd: page.odd, is_last: count < self.limit, has_gap: !overlaps }
    }

    /// Goes back by a page, as if the page with these elements had not been read: there was a gap before it.
    pub(super) fn step_back(&mut self, fresh: impl IntoIterator<Item = K>) {
        for key in fresh {
            self.seen.remove(&key);
        }
        self.offset = self.page.saturating_sub(self.limit).max(self.begin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements from one number up to another.
    type Span = (u32, u32);

    fn page((from, to): Span) -> Page<u32> {
        Page { items: (from..to).collect(), odd: Vec::new() }
    }

    /// The last page's fresh elements, whether it is the last, whether there is a gap, and where the next begins.
    #[track_caller]
    fn check(pages: &[Span], limit: u32, expected: (usize, bool, bool, u32)) {
        let mut paging = Paging::new(None, Some(limit));
        let mut last = None;
        for ids in pages {
            last = Some(paging.take(page(*ids), |id| *id));
        }
        let last = last.unwrap();
        let found = (last.fresh.len(), last.is_last, last.has_gap, paging.offset);
        assert_eq!(found, expected, "{pages:?}");
    }

    #[test]
    fn a_short_page_is_the_last() {
        check(&[(0, 3)], 4, (3, true, false, 1));
        check(&[(0, 0)], 4, (0, true, false, 0));
    }

    #[test]
    fn pages_overlap_and_what_comes_twice_is_kept_once() {
        check(&[(0, 4)], 4, (4, false, false, 2));
        check(&[(0, 4), (2, 6)], 4, (2, false, false, 4));
        check(&[(0, 4), (2, 6), (4, 6)], 4, (0, true, false, 4));
    }

    #[test]
    fn a_page_that_shares_nothing_with_the_one_before_shows_a_gap() {
        check(&[(0, 4), (4, 8)], 4, (4, false, true, 4));
        check(&[(0, 4), (0, 0)], 4, (0, true, true, 0));
    }

    #[test]
    fn after_a_gap_the_page_before_is_read_again_and_at_the_beginning_there_is_no_gap() {
        let mut paging = Paging::new(None, Some(4));
        for (ids, gap, next) in [((0, 4), false, 2), ((2, 6), false, 4), ((8, 12), true, 0)] {
            let taken = paging.take(page(ids), |id| *id);
            assert_eq!(taken.has_gap, gap, "{ids:?}");
            if taken.has_gap {
                paging.step_back(taken.fresh);
            }
            assert_eq!(paging.offset, next, "{ids:?}");
        }
        let taken = paging.take(page((8, 12)), |id| *id);
        assert!(!taken.has_gap && taken.fresh == [8, 9, 10, 11]);
    }

    #[test]
    fn pages_of_one_element_cannot_overlap() {
        check(&[(0, 1), (1, 2)], 1, (1, false, false, 2));
    }

    #[test]
    fn what_cannot_be_read_counts_for_the_length_of_the_page() {
        let mut paging = Paging::new(None, Some(2));
        let odd = OddItem { index: 1, id: None, reason: String::new() };
        let taken = paging.take(Page { items: vec![1], odd: vec![odd] }, |id| *id);
        assert!(!taken.is_last && taken.odd.len() == 1);
    }

    /// Reads a set, sorted as CloudAPI sorts it, that other people change between pages: what was read, and what lived
    /// all the while. `None`: it took too many pages.
    fn read_while_it_changes(
        mut set: BTreeSet<u32>,
        limit: u32,
        changes: &[(Vec<u32>, Vec<u32>)],
    ) -> Option<(BTreeSet<u32>, BTreeSet<u32>)> {
        let mut paging = Paging::new(None, Some(limit));
        let (mut all, mut lived) = (BTreeSet::new(), set.clone());
        let mut changes = changes.iter();
        for _ in 0..PAGES_MAX {
            let (offset, limit) = (paging.offset as usize, paging.limit as usize);
            let items: Vec<u32> = set.iter().rev().skip(offset).take(limit).copied().collect();
            let taken = paging.take(Page { items, odd: Vec::new() }, |id| *id);
            if taken.has_gap {
                paging.step_back(taken.fresh);
            } else {
                all.extend(taken.fresh);
                if taken.is_last {
                    return Some((all, lived));
                }
            }
            if let Some((come, gone)) = changes.next() {
                set.extend(come);
                for gone in gone {
                    set.remove(gone);
                    lived.remove(gone);
                }
            }
        }
        None
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn nothing_that_lives_all_the_while_slips_through(
            set in proptest::collection::btree_set(0_u32..200, 0..120),
            limit in 4_u32..40,
            changes in proptest::collection::vec(
                (
                    proptest::collection::vec(0_u32..200, 0..12),
                    proptest::collection::vec(0_u32..200, 0..40),
                ),
                0..20,
            ),
        ) {
            let read = read_while_it_changes(set, limit, &changes);
            proptest::prop_assume!(read.is_some());
            let (all, lived) = read.unwrap_or_default();
            proptest::prop_assert!(all.is_superset(&lived), "missing: {:?}", &lived - &all);
        }
    }
}
