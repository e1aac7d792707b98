//! What CloudAPI checks signatures and permissions against: a copy of the accounts that follows them with a delay.
//!
//! The real one is mahi, fed by a replicator; keys and roles that were just changed take seconds to get there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Account, World};
use crate::clock::add;

/// Accounts as they were a while ago.
///
/// It is no state of its own: an account it does not know it takes over at once.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    known: BTreeMap<Uuid, Arc<Account>>,
    logins: BTreeMap<String, Uuid>,
    /// Versions on their way, by when they arrive.
    pending: VecDeque<(Timestamp, Arc<Account>)>,
    touched: BTreeSet<Uuid>,
}

// === impl Directory ===

impl Directory {
    /// The account of this login.
    pub(crate) fn find(&self, login: &str) -> Option<&Arc<Account>> {
        self.logins.get(login).and_then(|id| self.known.get(id))
    }

    /// The account with this id.
    pub(crate) fn get(&self, id: Uuid) -> Option<&Arc<Account>> {
        self.known.get(&id)
    }

    /// The account is about to change.
    pub(super) fn touch(&mut self, id: Uuid) {
        self.touched.insert(id);
    }

    fn learn(&mut self, account: Arc<Account>) {
        self.logins.insert(account.login.clone(), account.id);
        self.known.insert(account.id, account);
    }
}

// === impl World ===

impl World {
    /// Sends accounts that changed on their way to the directory, and delivers those that are due.
    pub(super) fn replicate(&mut self, now: Timestamp) {
        for id in std::mem::take(&mut self.directory.touched) {
            let Some(account) = self.accounts.get(&id) else { continue };
            let account = Arc::new(account.clone());
            if self.directory.known.contains_key(&id) {
                let at = add(now, self.delays.replication);
                self.directory.pending.push_back((at, account));
            } else {
                self.directory.learn(account);
            }
        }
        while self.directory.pending.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, account)) = self.directory.pending.pop_front() {
                self.directory.learn(account);
            }
        }
        if self.directory.known.len() != self.accounts.len() {
            let new: Vec<Account> = (self.accounts.values())
                .filter(|account| !self.directory.known.contains_key(&account.id))
                .cloned()
                .collect();
            new.into_iter().for_each(|account| self.directory.learn(Arc::new(account)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::delays::Delays;

    #[test]
    fn a_change_arrives_after_the_delay() {
        let delays = Delays { replication: Duration::from_secs(2), ..Delays::none() };
        let mut world = World::new(delays, 1, 0, 1);
        let start = Timestamp::UNIX_EPOCH;
        let id = world.add_account("jill", start);
        world.advance(start);
        assert!(!world.directory.find("jill").unwrap().disabled, "known at once");
        world.account_mut(id).unwrap().disabled = true;
        world.advance(start);
        world.advance(add(start, Duration::from_millis(1999)));
        assert!(!world.directory.find("jill").unwrap().disabled);
        world.advance(add(start, Duration::from_secs(2)));
        assert!(world.directory.get(id).unwrap().disabled);
    }
}
