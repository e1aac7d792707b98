//! What operators, crashes and other people do to instances without a job.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ChangedBy, InstanceState, World};

/// Something that happens to an instance at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It is in this state.
    Enter(InstanceState),
    /// It has another name: this one, or one that nobody knows.
    Rename(Option<String>),
    /// It has none of its tags: these, or one that nobody knows.
    Retag(Option<Map<String, Value>>),
    /// It has other addresses on the same networks.
    Readdress,
    /// It was stopped and started on another compute node.
    Migrate,
}

/// The tag that [`Deed::Retag`] leaves.
const STRANGE_TAG: &str = "sim.retagged";

// === impl World ===

impl World {
    /// Does it, whatever the instance is at; no job, no audit. Says whether there is such an instance.
    pub(crate) fn do_behind_back(&mut self, id: Uuid, deed: Deed, now: Timestamp) -> bool {
        if !self.instances.contains_key(&id) {
            return false;
        }
        self.journal.begin_by(ChangedBy::Operator);
        self.changes += 1;
        match deed {
            Deed::Enter(state) => return self.force(id, state, now),
            Deed::Rename(name) => self.rename_behind_back(id, name),
            Deed::Retag(tags) => {
                let strange = || Map::from_iter([(STRANGE_TAG.to_owned(), json!(true))]);
                if let Some(instance) = self.instances.get_mut(&id) {
                    instance.tags = tags.unwrap_or_else(strange);
                }
            }
            Deed::Readdress => self.readdress(id),
            Deed::Migrate => self.migrate_behind_back(id, now),
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.updated = now;
        }
        true
    }

    fn rename_behind_back(&mut self, id: Uuid, name: Option<String>) {
        let strange = format!("renamed-{}", self.new_id()).chars().take(16).collect();
        let name = name.unwrap_or(strange);
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.name = name;
        }
    }

    fn readdress(&mut self, id: Uuid) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        // The next address is taken before the old one is given back, so that it is another.
        let next: Vec<_> = instance
            .nics
            .iter()
            .map(|nic| self.addresses.take_next(nic.network, id).unwrap_or(nic.ip))
            .collect();
        self.addresses.release(id);
        for (nic, ip) in instance.nics.iter_mut().zip(next) {
            self.addresses.take(nic.network, ip, id);
            nic.ip = ip;
        }
    }

    fn migrate_behind_back(&mut self, id: Uuid, now: Timestamp) {
        let target = self.find_target(id);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        instance.compute_node = target.or(instance.compute_node);
        instance.enter(InstanceState::Stopped, now);
        instance.enter(InstanceState::Running, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delays::Delays;
    use crate::world::CreateParams;
    use crate::world::create::tests::key;

    fn world_with_one() -> (World, Uuid) {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new(Delays::none(), 1, 0, 3);
        let account = world.add_account("jill", now);
        world.account_mut(account).unwrap().keys.add(key()).unwrap();
        let params = CreateParams {
            package: Some("g4-highcpu-1G".to_owned()),
            image: Some("7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned()),
            ..CreateParams::default()
        };
        let id = world.create(account, params, now).unwrap();
        world.advance(now);
        (world, id)
    }

    #[test]
    fn each_deed_changes_what_it_says() {
        let (mut world, id) = world_with_one();
        let now = Timestamp::UNIX_EPOCH;
        let before = world.instances[&id].clone();
        for deed in [Deed::Rename(None), Deed::Retag(None), Deed::Readdress, Deed::Migrate] {
            assert!(world.do_behind_back(id, deed, now));
        }
        let after = &world.instances[&id];
        assert_ne!(after.name, before.name);
        assert_ne!(after.tags, before.tags);
        assert!(before.nics.iter().zip(&after.nics).all(|(old, new)| old.ip != new.ip));
        assert_ne!(after.compute_node, before.compute_node);
        assert!(after.transitions.iter().any(|move_| move_.to == InstanceState::Stopped));
        assert_eq!(after.state, InstanceState::Running);
        let held = |ip| world.addresses.record(after.nics[0].network, ip).holder.is_some();
        assert!(held(after.nics[0].ip) && !held(before.nics[0].ip));
        assert!(!world.do_behind_back(Uuid::nil(), Deed::Rename(None), now));
    }
}
