//! NFS volumes, and which instances use them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Tracked, World, iso};
use crate::refusal::Refusal;

/// Sizes there are, in MiB, smallest first: one package of the storage instances each.
pub(crate) const SIZES_MIB: [u64; 7] =
    [10_240, 20_480, 51_200, 102_400, 204_800, 512_000, 1_024_000];
/// The only type there is.
pub(crate) const TYPE: &str = "tritonnfs";
/// Longer names are refused.
const NAME_LENGTH_MAX: usize = 256;

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) size_mib: u64,
    pub(crate) state: VolumeState,
    pub(crate) networks: Vec<Uuid>,
    /// Of the storage instance behind it, which nobody sees.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) tags: Map<String, Value>,
    pub(crate) created: Timestamp,
    /// Instances that mount it.
    pub(crate) refs: BTreeSet<Uuid>,
}

/// Where a volume is in its life; deleted ones are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VolumeState {
    Creating,
    Ready,
    Failed,
    Deleting,
}

/// What CreateVolume reads from its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct VolumeParams {
    pub(crate) name: Option<String>,
    pub(crate) size_mib: Option<u64>,
    /// `None` asks for the account's default fabric network.
    pub(crate) networks: Option<Vec<Uuid>>,
    pub(crate) tags: Map<String, Value>,
}

/// A volume in an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) name: String,
    pub(crate) mode: String,
    pub(crate) mountpoint: String,
}

// === impl VolumeState ===

impl VolumeState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }
}

// === impl Volume ===

impl Volume {
    /// Holds its name.
    fn is_active(&self) -> bool {
        matches!(self.state, VolumeState::Creating | VolumeState::Ready)
    }

    /// CloudAPI's volume object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "owner_uuid": self.owner,
            "type": TYPE,
            "size": self.size_mib,
            "state": self.state.as_str(),
            "networks": self.networks,
            "created": iso(self.created),
        });
        if let Some(address) = self.address {
            body["filesystem_path"] = json!(format!("{address}:/exports/data"));
        }
        if !self.refs.is_empty() {
            body["refs"] = json!(self.refs);
        }
        if !self.tags.is_empty() {
            body["tags"] = json!(self.tags);
        }
        body
    }
}

// === impl World ===

impl World {
    /// Records a new volume; it is ready after [`Delays::volume`](crate::Delays::volume).
    ///
    /// # Errors
    /// 409 VolumeAlreadyExists, VolumeSizeNotAvailable, InvalidArgument for networks that are no fabric networks, and
    /// DefaultFabricNetworkNotConfiguredError.
    pub(crate) fn create_volume(
        &mut self,
        owner: Uuid,
        params: VolumeParams,
        now: Timestamp,
    ) -> Result<Uuid, Refusal> {
        let networks = self.volume_networks(owner, params.networks)?;
        let id = self.new_id();
        let name = params.name.unwrap_or_else(|| id.simple().to_string());
        self.check_volume_name(owner, &name, None)?;
        let size_mib = params.size_mib.unwrap_or(SIZES_MIB[0]);
        if !SIZES_MIB.contains(&size_mib) {
            let sizes = SIZES_MIB.map(|size| size.to_string()).join(", ");
            let message =
                format!("Volume size {size_mib} is not available. Available sizes are: {sizes}");
            return Err(refused("VolumeSizeNotAvailable", "creating", message));
        }
        let state = VolumeState::Creating;
        let (address, refs, tags) = (None, BTreeSet::new(), params.tags);
        let created = now;
        let volume =
            Volume { id, owner, name, size_mib, state, networks, address, tags, created, refs };
        self.volumes.insert(id, volume);
        self.schedule_volume(id, now);
        Ok(id)
    }

    fn volume_networks(
        &self,
        owner: Uuid,
        networks: Option<Vec<Uuid>>,
    ) -> Result<Vec<Uuid>, Refusal> {
        let Some(networks) = networks else {
            let message = "default_network is not configured for account";
            let default = self.account(owner)?.default_network;
            return default.map(|network| vec![network]).ok_or_else(|| {
                Refusal::new(409, "DefaultFabricNetworkNotConfiguredError", message)
            });
        };
        let is_fabric = |id: &Uuid| {
            self.usable_networks(owner).any(|network| network.id == *id && network.fabric)
        };
        if networks.is_empty() || !networks.iter().all(is_fabric) {
            let list: Vec<String> = networks.iter().map(Uuid::to_string).collect();
            let message = format!("Invalid networks: {}", list.join(","));
            return Err(Refusal::invalid_argument(message));
        }
        Ok(networks)
    }

    fn check_volume_name(
        &self,
        owner: Uuid,
        name: &str,
        except: Option<Uuid>,
    ) -> Result<(), Refusal> {
        let found = self.find_volume(owner, name);
        if found.is_some_and(|volume| volume.is_active() && Some(volume.id) != except) {
            let message = format!("Volume with name {name} already exists");
            let verb = if except.is_some() { "updating" } else { "creating" };
            return Err(refused("VolumeAlreadyExists", verb, message));
        }
        Ok(())
    }

    /// By name, one that holds it.
    pub(crate) fn find_volume(&self, owner: Uuid, name: &str) -> Option<&Volume> {
        let mut named = self.volumes.values().filter(|v| v.owner == owner && v.name == name);
        named.find(|volume| volume.is_active())
    }

    /// # Errors
    /// 404 VolumeNotFound.
    pub(crate) fn volume(&self, owner: Uuid, id: Uuid, verb: &str) -> Result<&Volume, Refusal> {
        let volume = self.volumes.get(&id).filter(|volume| volume.owner == owner);
        volume.ok_or_else(|| {
            let message = format!("Volume with uuid {id} could not be found");
            Refusal { status: 404, ..refused("VolumeNotFound", verb, message) }
        })
    }

    /// Renames a volume.
    ///
    /// # Errors
    /// 404; 409 VolumeInUse while an instance mounts it, VolumeAlreadyExists.
    pub(crate) fn rename_volume(
        &mut self,
        owner: Uuid,
        id: Uuid,
        name: &str,
    ) -> Result<(), Refusal> {
        in_use(self.volume(owner, id, "updating")?, "updating")?;
        self.check_volume_name(owner, name, Some(id))?;
        if let Some(volume) = self.volumes.get_mut(&id) {
            name.clone_into(&mut volume.name);
        }
        Ok(())
    }

    /// Begins to delete a volume; it is gone after [`Delays::delete`](crate::Delays::delete).
    ///
    /// # Errors
    /// 404; 409 VolumeInUse while an instance mounts it.
    pub(crate) fn delete_volume(
        &mut self,
        owner: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        in_use(self.volume(owner, id, "deleting")?, "deleting")?;
        let volume = self.volumes.get_mut(&id);
        if let Some(volume) = volume.filter(|volume| volume.state != VolumeState::Deleting) {
            volume.state = VolumeState::Deleting;
            self.schedule_volume_deletion(id, now);
        }
        Ok(())
    }

    /// Makes a volume `failed` at once; says whether there is one.
    pub(crate) fn fail_volume(&mut self, id: Uuid) -> bool {
        let Some(volume) = self.volumes.get_mut(&id) else { return false };
        volume.state = VolumeState::Failed;
        true
    }

    /// Mounts volumes in a new instance; those that are not there are made, as VMAPI reserves them.
    ///
    /// # Errors
    /// 409 VolumesNotReachableError when the instance has no NIC on a volume's network.
    pub(crate) fn check_reachable(
        &self,
        owner: Uuid,
        mounts: &[Mount],
        networks: &[Uuid],
    ) -> Result<(), Refusal> {
        let reaches = |mount: &&Mount| {
            let volume = self.find_volume(owner, &mount.name);
            volume.is_none_or(|volume| volume.networks.iter().any(|id| networks.contains(id)))
        };
        let lost: Vec<String> = mounts
            .iter()
            .filter(|mount| !reaches(mount))
            .map(|mount| {
                let networks: Vec<String> = networks.iter().map(Uuid::to_string).collect();
                format!("Volume {} not reachable on networks {}", mount.name, networks.join(", "))
            })
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let message = format!("Volumes not reachable from machine: {}", lost.join(", "));
        Err(Refusal::new(409, "VolumesNotReachableError", message))
    }

    /// Writes down that an instance uses its volumes.
    pub(super) fn mount(
        &mut self,
        owner: Uuid,
        instance: Uuid,
        mounts: &[Mount],
        networks: &[Uuid],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let is_fabric =
            |id: &&Uuid| self.catalog.find_network(**id).is_some_and(|network| network.fabric);
        let fabrics: Vec<Uuid> = networks.iter().filter(is_fabric).copied().collect();
        for mount in mounts {
            let id = match self.find_volume(owner, &mount.name) {
                Some(volume) => volume.id,
                None => {
                    let networks = Some(fabrics.clone()).filter(|fabrics| !fabrics.is_empty());
                    let name = Some(mount.name.clone());
                    let params = VolumeParams { name, networks, ..VolumeParams::default() };
                    self.create_volume(owner, params, now)?
                }
            };
            if let Some(volume) = self.volumes.get_mut(&id) {
                volume.refs.insert(instance);
            }
        }
        Ok(())
    }

    /// Writes down that an instance uses nothing any more.
    pub(super) fn unmount(&mut self, instance: Uuid) {
        for volume in self.volumes.values_mut() {
            volume.refs.remove(&instance);
        }
    }

    pub(super) fn volume_is_made(&mut self, id: Uuid) {
        let network = self.volumes.get(&id).and_then(|volume| volume.networks.first().copied());
        let address = network.and_then(|network| self.addresses.take_next(network, id));
        if let Some(volume) = self.volumes.get_mut(&id)
            && volume.state == VolumeState::Creating
        {
            volume.address = address;
            // Without an address its storage instance cannot be made.
            volume.state = if address.is_some() { VolumeState::Ready } else { VolumeState::Failed };
        }
    }

    pub(super) fn volume_is_gone(&mut self, id: Uuid) {
        self.volumes.remove(&id);
        self.addresses.release(id);
    }
}

/// Volumes by id.
pub(crate) type Volumes = Tracked<Volume>;

/// `/^[a-z0-9][\w.-]+$/i`, and not too long.
pub(crate) fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && name.len() >= 2
        && name.len() <= NAME_LENGTH_MAX
        && chars.all(word)
}

fn in_use(volume: &Volume, verb: &str) -> Result<(), Refusal> {
    if volume.refs.is_empty() {
        return Ok(());
    }
    let refs: Vec<String> = volume.refs.iter().map(Uuid::to_string).collect();
    let message = format!("Volume with name {} is used by vms: {}", volume.name, refs.join(", "));
    Err(refused("VolumeInUse", verb, message))
}

/// VOLAPI's refusal, as CloudAPI passes it on.
fn refused(code: &'static str, verb: &str, message: String) -> Refusal {
    Refusal::new(409, code, format!("Error when {verb} volume: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delays::Delays;

    #[test]
    fn names_have_a_grammar() {
        for (name, good) in [
            ("data", true),
            ("a1", true),
            ("0_.-", true),
            ("a", false),
            ("-a", false),
            ("a b", false),
            ("a/b", false),
            ("", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(is_name(&"a".repeat(256)) && !is_name(&"a".repeat(257)));
    }

    #[track_caller]
    fn check(params: VolumeParams, expected: Result<(u64, VolumeState), &str>) {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let owner = world.add_account("jill", now);
        let taken = VolumeParams { name: Some("taken".to_owned()), ..VolumeParams::default() };
        world.create_volume(owner, taken, now).unwrap();
        let made = world.create_volume(owner, params.clone(), now);
        world.advance(now);
        let made = made.as_ref().map(|id| (world.volumes[id].size_mib, world.volumes[id].state));
        assert_eq!(made.map_err(|refusal| refusal.code), expected, "{params:?}");
    }

    #[test]
    fn volumes_come_in_sizes_on_fabric_networks() {
        let ready = |size| Ok((size, VolumeState::Ready));
        let params = VolumeParams::default;
        check(params(), ready(10_240));
        check(VolumeParams { size_mib: Some(51_200), ..params() }, ready(51_200));
        check(VolumeParams { size_mib: Some(10_241), ..params() }, Err("VolumeSizeNotAvailable"));
        check(
            VolumeParams { name: Some("taken".to_owned()), ..params() },
            Err("VolumeAlreadyExists"),
        );
        let on =
            |network| VolumeParams { networks: Some(vec![network]), ..VolumeParams::default() };
        check(on(super::super::seed::FABRIC_NETWORK), ready(10_240));
        check(on(super::super::seed::EXTERNAL_NETWORK), Err("InvalidArgument"));
        check(on(Uuid::nil()), Err("InvalidArgument"));
    }
}
