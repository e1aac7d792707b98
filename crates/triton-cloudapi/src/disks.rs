//! Disks of bhyve instances whose package is flexible (manual, "Disks"). Changes want the instance stopped.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{json, json_if_any, nothing, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::{DiskId, ImageId, InstanceId};
use crate::instances::{DiskSize, check_block_size, path};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListMachineDisks", Group::Machines);
const CREATE: Endpoint = Endpoint::once("CreateMachineDisk", Group::Machines);
const GET: Endpoint = Endpoint::read("GetMachineDisk", Group::Machines);
const RESIZE: Endpoint = Endpoint::set("ResizeMachineDisk", Group::Machines);
const DELETE: Endpoint = Endpoint::remove("DeleteMachineDisk", Group::Machines);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, RESIZE, DELETE];

/// A disk of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Disk {
    /// Identity.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<DiskId>,
    /// Slot the guest sees it in, `0:4:1`; also names the disk.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub pci_slot: Option<String>,
    /// Size in MiB.
    #[serde(rename = "size", default, deserialize_with = "lenient::number")]
    pub size_mib: Option<u64>,
    /// Whether the guest boots from it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub boot: bool,
    /// `creating`, `running`, `stopped`, …; only from the calls of this section.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub state: Option<String>,
    /// Bytes of a block.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub block_size: Option<u64>,
    /// Image that was copied onto it.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub image: Option<ImageId>,
}

/// Parameters of CreateMachineDisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddDisk {
    /// Size.
    pub size: DiskSize,
    /// Slot the guest sees it in; the next free one if `None`.
    pub pci_slot: Option<String>,
    /// Bytes of a block: a power of two from 512 to 131072.
    pub block_size: Option<u32>,
}

// === impl AddDisk ===

impl AddDisk {
    /// A disk of this size, in the next free slot.
    #[must_use]
    pub fn new(size: DiskSize) -> Self {
        Self { size, pci_slot: None, block_size: None }
    }
}

/// ListMachineDisks.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(instance: InstanceId) -> Result<Request<Page<Disk>>, RequestError> {
    LIST.get(&disks(instance), page)
}

/// CreateMachineDisk. The server describes the new disk only if a slot was given; else look at the list.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a size or block size that no disk has.
pub fn create(instance: InstanceId, disk: &AddDisk) -> Result<Request<Option<Disk>>, RequestError> {
    check_size(disk.size)?;
    let mut body = json!({"size": disk.size.to_json()});
    if let Some(pci_slot) = &disk.pci_slot {
        body["pci_slot"] = pci_slot.as_str().into();
    }
    if let Some(block_size) = disk.block_size {
        check_block_size("the disk", block_size)?;
        body["block_size"] = block_size.into();
    }
    CREATE.post(&disks(instance), &body, json_if_any)
}

/// GetMachineDisk.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(instance: InstanceId, id: DiskId) -> Result<Request<Disk>, RequestError> {
    GET.get(&disks(instance).segment(id), json)
}

/// ResizeMachineDisk, to a size in MiB.
///
/// # Errors
///
/// [`RequestError::Invalid`] for no size at all.
pub fn resize(
    instance: InstanceId,
    id: DiskId,
    size_mib: u64,
) -> Result<Request<()>, RequestError> {
    check_size(DiskSize::Mib(size_mib))?;
    RESIZE.post(&disks(instance).segment(id), &json!({"size": size_mib}), nothing)
}

/// ResizeMachineDisk to a smaller size: what is beyond it is lost, and a file system that reaches there is broken.
///
/// # Errors
///
/// [`RequestError::Invalid`] for no size at all.
pub fn shrink(
    instance: InstanceId,
    id: DiskId,
    size_mib: u64,
) -> Result<Request<()>, RequestError> {
    check_size(DiskSize::Mib(size_mib))?;
    let body = json!({"size": size_mib, "dangerous_allow_shrink": true});
    RESIZE.post(&disks(instance).segment(id), &body, nothing)
}

/// DeleteMachineDisk. That it is not there is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(instance: InstanceId, id: DiskId) -> Result<Request<()>, RequestError> {
    DELETE.delete(&disks(instance).segment(id))
}

fn disks(instance: InstanceId) -> Target {
    path(instance).fixed("disks")
}

fn check_size(size: DiskSize) -> Result<(), RequestError> {
    match size {
        DiskSize::Mib(0) => Err(RequestError::invalid("size", size, "a disk has 1 MiB or more")),
        _ => Ok(()),
    }
}
