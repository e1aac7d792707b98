//! Doing what a plan says.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, json};
use tokio::time::Instant;
use triton_sim::{FaultScope, InstanceRecord, InstanceState};

use super::World;
use crate::apiserver::{Resource, text};
use crate::history::What;
use crate::life::{NAMESPACE, NODE};
use crate::plan::{Deed, Kind};
use crate::pods;

// === impl World ===

impl World {
    pub(super) fn perform(&mut self, deed: &Deed) {
        if let Some(fault) = deed.fault() {
            *self.deeds.entry(fault).or_default() += 1;
        }
        // That there is nothing left to do it to is no mistake.
        let _nothing_there = self.try_to_perform(deed);
    }

    fn try_to_perform(&mut self, deed: &Deed) -> Option<()> {
        match *deed {
            Deed::Create(kind, count) => {
                for _ in 0..count {
                    self.made += 1;
                    self.create(&format!("{}-{}", name_of(kind), self.made), kind);
                }
            }
            Deed::Delete(which, grace) => {
                let name = self.pick_pod(which)?;
                self.kube.delete(Resource::Pods, "default", &name, grace).ok()?;
            }
            Deed::Recreate(which) => {
                let name = self.pick_pod(which)?;
                self.kube.delete(Resource::Pods, "default", &name, Some(0)).ok()?;
                self.made += 1;
                self.create(&name, kind_of(&name));
            }
            Deed::GuestStops(which) => {
                self.sim.stop_behind_back(self.pick_running(which)?.id);
            }
            Deed::GuestReboots(which) => {
                let id = self.pick_running(which)?.id;
                self.sim.stop_behind_back(id);
                let sim = self.sim.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    if sim.instance(id).is_some_and(|now| now.state == InstanceState::Stopped) {
                        sim.start_behind_back(id);
                    }
                });
            }
            Deed::InstanceDeleted(which) => {
                self.sim.destroy_behind_back(self.pick(which)?.id);
            }
            Deed::InstanceFails(which) => {
                self.sim.fail_behind_back(self.pick(which)?.id);
            }
            Deed::InstanceRenamed(which) => {
                self.sim.rename_behind_back(self.pick(which)?.id, "renamed");
            }
            Deed::InstanceRetagged(which) => {
                self.sim.retag_behind_back(self.pick(which)?.id, Map::new());
            }
            Deed::InstanceReaddressed(which) => {
                self.sim.readdress_behind_back(self.pick_running(which)?.id);
            }
            Deed::InstanceMigrates(which) => {
                self.sim.migrate_behind_back(self.pick_running(which)?.id);
            }
            Deed::Kube(kind, often, lasting) => {
                self.kube.fault(kind, f64::from(often) / 1000.0, lasting);
            }
            Deed::Cloud(kind, ref fault) => {
                self.has_planned_behind_back |= kind.entry().scope == FaultScope::BehindBack;
                self.sim.fault(kind, fault.clone());
            }
            Deed::Door(kind, every, lasting) => self.doors.set(kind, every, lasting),
            Deed::Kill(pause) => {
                self.kill_oldest();
                if self.lives.is_empty() {
                    self.next_life = Some(Instant::now() + pause);
                }
            }
            Deed::Replace => {
                if let Some(life) = (!self.lives.is_empty()).then(|| self.lives.remove(0)) {
                    self.history.add(self.sim.now(), What::Life(life.line.id, false));
                    tokio::spawn(life.stop());
                }
                self.begin_life();
            }
            Deed::Overlap(lasting) => {
                self.begin_life();
                self.overlap_ends = Some(Instant::now() + lasting);
            }
            Deed::Freeze(lasting) => self.lives.first()?.line.freeze(lasting),
            Deed::CutOff(way, lasting) => {
                let life = self.lives.first()?;
                way.cuts().into_iter().for_each(|cut| life.line.cut(cut, lasting));
            }
            Deed::ClockJumps(seconds) => self.luck.skew().set(SignedDuration::from_secs(seconds)),
            Deed::NodeDeleted => self.kube.delete(Resource::Nodes, "", NODE, None).ok()?,
            Deed::LeaseDeleted => {
                self.kube.delete(Resource::Leases, "kube-node-lease", NODE, None).ok()?;
            }
            Deed::ElectionStolen => {
                let now = self.sim.now();
                let spec = json!({ "holderIdentity": "somebody-else", "renewTime": now, "acquireTime": now });
                let patch = json!({ "spec": spec });
                self.kube.edit(Resource::Leases, NAMESPACE, &journal(), &patch).ok()?;
            }
            Deed::ElectionDeleted => {
                self.kube.delete(Resource::Leases, NAMESPACE, &journal(), None).ok()?;
            }
            Deed::JournalStolen => {
                let text = json!({ "holder": "somebody-else", "intents": {} }).to_string();
                let patch = json!({ "data": { "intents.json": text } });
                self.kube.edit(Resource::ConfigMaps, NAMESPACE, &journal(), &patch).ok()?;
            }
            Deed::JournalDeleted => {
                self.kube.delete(Resource::ConfigMaps, NAMESPACE, &journal(), None).ok()?;
            }
        }
        Some(())
    }

    fn create(&self, name: &str, kind: Kind) {
        // A name that is taken belongs to a pod that is still on its way out.
        let _taken = self.kube.create(Resource::Pods, "default", pods::pod(name, kind));
    }

    fn pick_pod(&self, which: u32) -> Option<String> {
        let pods = self.kube.list(Resource::Pods);
        let chosen = pods.get(which as usize % pods.len().max(1))?;
        Some(text(chosen, "/metadata/name"))
    }

    fn pick(&self, which: u32) -> Option<InstanceRecord> {
        pick_from(self.instances(|_| true), which)
    }

    fn pick_running(&self, which: u32) -> Option<InstanceRecord> {
        pick_from(self.instances(|instance| instance.state == InstanceState::Running), which)
    }
}

fn journal() -> String {
    format!("vk-triton-{NODE}")
}

fn pick_from(mut instances: Vec<InstanceRecord>, which: u32) -> Option<InstanceRecord> {
    let count = instances.len();
    (count > 0).then(|| instances.swap_remove(which as usize % count))
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Plain => "plain",
        Kind::Job => "job",
        Kind::OnFailure => "try",
        Kind::Open => "open",
        Kind::Group => "group",
        Kind::Protected => "safe",
        Kind::Secret => "secret",
        Kind::Broken => "broken",
    }
}

fn kind_of(name: &str) -> Kind {
    let kinds = [
        Kind::Job,
        Kind::OnFailure,
        Kind::Open,
        Kind::Group,
        Kind::Protected,
        Kind::Secret,
        Kind::Broken,
    ];
    kinds.into_iter().find(|&kind| name.starts_with(name_of(kind))).unwrap_or(Kind::Plain)
}
