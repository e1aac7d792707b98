//! What the caller has not taken yet.

use std::collections::VecDeque;

use super::item::{ChangefeedItem, ResyncReason};

/// Items on their way to the caller: changes up to a limit, everything else at most once each.
#[derive(Debug)]
pub(super) struct Outbox {
    items: VecDeque<ChangefeedItem>,
    changes: usize,
    changes_max: usize,
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn new(changes_max: usize) -> Self {
        Self { items: VecDeque::new(), changes: 0, changes_max: changes_max.max(1) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<ChangefeedItem> {
        let item = self.items.pop_front()?;
        if matches!(item, ChangefeedItem::Change(_)) {
            self.changes -= 1;
        }
        Some(item)
    }

    pub(super) fn push(&mut self, item: ChangefeedItem) {
        match item {
            ChangefeedItem::Change(_) if self.changes >= self.changes_max => {
                self.items.retain(|item| !matches!(item, ChangefeedItem::Change(_)));
                self.changes = 0;
                // A list from now on shows this change as well.
                self.push(ChangefeedItem::Resync { reason: ResyncReason::Overflow });
            }
            ChangefeedItem::Change(_) => {
                self.changes += 1;
                self.items.push_back(item);
            }
            // Of two that say the same the later one is true, and one list answers any number of reasons.
            _ => {
                let kind = std::mem::discriminant(&item);
                self.items.retain(|waiting| std::mem::discriminant(waiting) != kind);
                self.items.push_back(item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changefeed::Change;

    fn change(id: u32) -> ChangefeedItem {
        let id = format!(r#"{{"changedResourceId":"00000000-0000-4000-8000-{id:012}"}}"#);
        ChangefeedItem::Change(Change::from_frame(&id).unwrap())
    }

    fn resync(reason: ResyncReason) -> ChangefeedItem {
        ChangefeedItem::Resync { reason }
    }

    fn shown(item: &ChangefeedItem) -> String {
        match item {
            ChangefeedItem::Change(change) => change.instance_id.to_string()[35..].to_owned(),
            other => other.to_string(),
        }
    }

    #[track_caller]
    fn check(items: Vec<ChangefeedItem>, expected: &[&str]) {
        let mut outbox = Outbox::new(3);
        for item in items {
            outbox.push(item);
        }
        let mut left = Vec::new();
        while let Some(item) = outbox.take() {
            left.push(shown(&item));
        }
        assert_eq!(left, expected);
        assert!(outbox.is_empty() && outbox.changes == 0);
    }

    #[test]
    fn items_keep_their_order() {
        check(
            vec![
                ChangefeedItem::Connected,
                resync(ResyncReason::FirstConnect),
                change(1),
                change(2),
            ],
            &["connected", "list again: the feed begins", "1", "2"],
        );
    }

    #[test]
    fn changes_beyond_the_limit_become_one_list() {
        let overflow = "list again: changes came faster than they were taken";
        check((1..=4).map(change).collect(), &[overflow]);
        check((1..=6).map(change).collect(), &[overflow, "5", "6"]);
        check((1..=40).map(change).collect(), &[overflow]);
    }

    #[test]
    fn what_is_said_twice_is_said_once_and_last() {
        check(
            vec![resync(ResyncReason::Reconnect), change(1), resync(ResyncReason::Interval)],
            &["1", "list again: it is time"],
        );
    }
}
