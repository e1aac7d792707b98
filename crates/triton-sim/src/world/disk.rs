//! Disks of hardware virtual machines: what CreateMachine makes of `disks`, and what is left of the package's.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Brand, Image, Instance, JobKind, Package};
use crate::refusal::Refusal;

/// More than this many disks no instance has.
pub(crate) const DISKS_MAX: usize = 8;

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) id: Uuid,
    pub(crate) pci_slot: String,
    pub(crate) size_mib: u64,
    pub(crate) boot: bool,
    pub(crate) image: Option<Uuid>,
    pub(crate) block_size: Option<u64>,
}

/// A disk that was asked for: `size` in MiB, `"remaining"`, or absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Mib(u64),
    Remaining,
    Absent,
}

// === impl Disk ===

impl Disk {
    /// The disk in a slot; its id follows from the instance and the slot, as CloudAPI derives it.
    pub(crate) fn in_slot(instance: Uuid, pci_slot: &str, size_mib: u64) -> Self {
        Self {
            id: disk_id(instance, pci_slot),
            pci_slot: pci_slot.to_owned(),
            size_mib,
            boot: false,
            image: None,
            block_size: None,
        }
    }

    /// As GetMachineDisk shows it.
    pub(crate) fn to_json(&self, state: &str) -> Value {
        let mut body = json!({
            "id": self.id,
            "pci_slot": self.pci_slot,
            "size": self.size_mib,
            "boot": self.boot,
            "state": state,
        });
        if let Some(block_size) = self.block_size {
            body["block_size"] = json!(block_size);
        }
        body
    }

    /// As the instance's own object shows it.
    pub(crate) fn in_instance_json(&self) -> Value {
        let mut body = json!({ "id": self.id, "size": self.size_mib });
        if let Some(block_size) = self.block_size {
            body["block_size"] = json!(block_size);
        }
        if self.boot {
            body["boot"] = json!(true);
        }
        if let Some(image) = self.image {
            body["image"] = json!(image);
        }
        body
    }
}

// === impl Instance ===

impl Instance {
    /// Disk of the package that no disk has; negative after a resize to a smaller package.
    pub(crate) fn free_disk_mib(&self) -> i64 {
        let used: u64 = self.disks.iter().map(|disk| disk.size_mib).sum();
        signed(self.disk_mib) - signed(used)
    }

    /// The first slot nothing is in.
    pub(crate) fn free_pci_slot(&self) -> String {
        let mut slots = (0..=DISKS_MAX).map(slot);
        let is_free = |slot: &String| self.disks.iter().all(|disk| disk.pci_slot != *slot);
        slots.find(is_free).unwrap_or_else(|| slot(DISKS_MAX))
    }

    /// Disks as CloudAPI lists them: those that are there, with what queued jobs do to them, and those being made.
    pub(crate) fn disks_json(&self) -> Vec<Value> {
        let mut disks: Vec<Value> =
            self.disks.iter().map(|disk| disk.to_json(self.disk_state(disk))).collect();
        for job in &self.jobs {
            // Without a slot nobody knows yet what the disk will be called.
            if let JobKind::CreateDisk(disk, true) = &job.kind
                && self.disks.iter().all(|there| there.pci_slot != disk.pci_slot)
            {
                disks.push(disk.to_json("creating"));
            }
        }
        disks
    }

    pub(crate) fn disk_state(&self, disk: &Disk) -> &'static str {
        let job = self.jobs.iter().find_map(|job| match &job.kind {
            JobKind::ResizeDisk(id, _) if *id == disk.id => Some("resizing"),
            JobKind::DeleteDisk(id) if *id == disk.id => Some("deleting"),
            _ => None,
        });
        job.unwrap_or_else(|| self.shown_state())
    }
}

/// The disks of a new instance; none for containers.
///
/// # Errors
/// 409 InvalidArgument and the like, for `disks` that cannot be.
pub(crate) fn plan_disks(
    instance: Uuid,
    requested: Option<&Value>,
    brand: Brand,
    image: &Image,
    package: &Package,
) -> Result<Vec<Disk>, Refusal> {
    if !brand.is_hvm() {
        return Ok(Vec::new());
    }
    let is_flexible = package.flexible_disk && brand == Brand::Bhyve;
    if requested.is_some() && !is_flexible {
        return Err(Refusal::invalid_argument(
            "The use of `disks` is only supported if the package has the flexible_disk attr set to true",
        ));
    }
    let image_mib = image.image_size_mib.unwrap_or(0);
    let sizes = match requested {
        Some(requested) => {
            let items = requested.as_array().ok_or_else(|| Refusal::internal("Internal Error"))?;
            check_block_sizes(items)?;
            read_sizes(items, image_mib, package.disk_mib)?
        }
        None if is_flexible => vec![image_mib, package.disk_mib.saturating_sub(image_mib)],
        None => vec![image_mib, package.disk_mib],
    };
    let block_size = |index: usize| requested.and_then(|r| r[index]["block_size"].as_u64());
    let disks = sizes.into_iter().enumerate().map(|(index, size_mib)| Disk {
        boot: index == 0,
        image: (index == 0).then_some(image.id),
        block_size: block_size(index),
        ..Disk::in_slot(instance, &slot(index), size_mib)
    });
    Ok(disks.collect())
}

fn check_block_sizes(items: &[Value]) -> Result<(), Refusal> {
    if items.len() > DISKS_MAX {
        return Err(too_many());
    }
    for (index, item) in items.iter().enumerate() {
        let Some(block_size) = item.get("block_size") else { continue };
        if index == 0 || item.get("image_uuid").is_some() {
            return Err(Refusal::invalid_argument("Cannot set block_size and image_uuid."));
        }
        let fits = |size: u64| (512..=131_072).contains(&size) && size.is_power_of_two();
        if !block_size.as_u64().is_some_and(fits) {
            let message = format!(
                "Invalid block_size: {block_size} on disk: {index}. Must be 512-131072 and a power of 2."
            );
            return Err(Refusal::invalid_argument(message));
        }
    }
    Ok(())
}

fn read_sizes(items: &[Value], image_mib: u64, quota_mib: u64) -> Result<Vec<u64>, Refusal> {
    let too_big = || {
        Refusal::invalid_argument(
            "The size of the disks must not be greater than the package quota",
        )
    };
    let sizes: Vec<Size> = items.iter().map(read_size).collect::<Result<_, _>>()?;
    if sizes.iter().filter(|size| **size == Size::Remaining).count() > 1 {
        return Err(Refusal::invalid_argument("Only one disk.size can be set to `remaining`"));
    }
    if sizes.iter().skip(1).any(|size| *size == Size::Absent) {
        return Err(Refusal::new(
            409,
            "MissingParameter",
            "disk.size must be set if disk is not the boot disk",
        ));
    }
    let fixed: u64 = sizes
        .iter()
        .map(|size| match size {
            Size::Mib(mib) => *mib,
            Size::Remaining => 0,
            Size::Absent => image_mib,
        })
        .fold(0, u64::saturating_add);
    let remaining = quota_mib.checked_sub(fixed).ok_or_else(too_big)?;
    match sizes.first() {
        Some(Size::Remaining) if image_mib > remaining => return Err(too_big()),
        Some(Size::Mib(mib)) if *mib < image_mib => {
            return Err(Refusal::invalid_argument(
                "Size must be greater than or equal to image size for the boot disk",
            ));
        }
        _ => {}
    }
    let resolve = |size: Size| match size {
        Size::Mib(mib) => mib,
        Size::Remaining => remaining,
        Size::Absent => image_mib,
    };
    Ok(sizes.into_iter().map(resolve).collect())
}

fn read_size(item: &Value) -> Result<Size, Refusal> {
    match item.get("size") {
        None | Some(Value::Null) => Ok(Size::Absent),
        Some(Value::String(text)) if text == "remaining" => Ok(Size::Remaining),
        Some(size) => size
            .as_u64()
            .filter(|mib| *mib > 0)
            .map(Size::Mib)
            .ok_or_else(|| Refusal::validation("disks", "Invalid", "Invalid disk size")),
    }
}

/// What a ninth disk is told.
pub(crate) fn too_many() -> Refusal {
    Refusal::invalid_argument(format!("A maximum of {DISKS_MAX} disks per VM are supported"))
}

/// One id for a slot of an instance, the same at each reading.
pub(crate) fn disk_id(instance: Uuid, pci_slot: &str) -> Uuid {
    let digest = pci_slot
        .bytes()
        .fold(0_u128, |digest, byte| digest.wrapping_mul(257).wrapping_add(u128::from(byte)));
    uuid::Builder::from_random_bytes((instance.as_u128() ^ digest).to_be_bytes()).into_uuid()
}

fn slot(index: usize) -> String {
    format!("0:4:{index}")
}

fn signed(mib: u64) -> i64 {
    i64::try_from(mib).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::seed;
    use super::*;

    /// Sizes on the flexible package of 204 800 MiB with an image of 10 240 MiB, or the refusal's code.
    #[track_caller]
    fn check(disks: Value, expected: Result<&[u64], &str>) {
        let catalog = seed::catalog();
        let package = catalog.find_package("g4-bhyve-flex-8G").unwrap();
        let image = catalog.images.iter().find(|i| i.name == "ubuntu-certified-22.04").unwrap();
        let requested = Some(&disks).filter(|disks| !disks.is_null());
        let planned = plan_disks(Uuid::from_u128(7), requested, Brand::Bhyve, image, package);
        let sizes = planned.map(|disks| disks.iter().map(|disk| disk.size_mib).collect::<Vec<_>>());
        let sizes = sizes.as_deref().map_err(|refusal| refusal.code);
        assert_eq!(sizes, expected, "{disks}");
    }

    #[test]
    fn disks_share_the_package() {
        check(Value::Null, Ok(&[10_240, 194_560]));
        check(json!([{}]), Ok(&[10_240]));
        check(json!([{}, { "size": 1024 }]), Ok(&[10_240, 1024]));
        check(json!([{}, { "size": "remaining" }]), Ok(&[10_240, 194_560]));
        check(json!([{ "size": "remaining" }, { "size": 4800 }]), Ok(&[200_000, 4800]));
        check(json!([{ "size": 20_480 }, { "size": 512, "block_size": 4096 }]), Ok(&[20_480, 512]));
    }

    #[test]
    fn disks_that_cannot_be_are_refused() {
        let invalid = Err("InvalidArgument");
        check(json!([{ "size": 10_239 }]), invalid);
        check(json!([{}, { "size": 194_561 }]), invalid);
        check(json!([{ "size": "remaining" }, { "size": "remaining" }]), invalid);
        check(json!([{ "size": "remaining" }, { "size": 200_000 }]), invalid);
        check(json!([{}, {}]), Err("MissingParameter"));
        check(json!([{}, { "size": "big" }]), Err("ValidationFailed"));
        check(json!([{ "block_size": 4096 }]), invalid);
        check(json!([{}, { "size": 1, "block_size": 4097 }]), invalid);
        check(json!([{}, { "size": 1, "block_size": 256 }]), invalid);
        check(json!([{}, {}, {}, {}, {}, {}, {}, {}, {}]), invalid);
        check(json!({}), Err("InternalError"));
    }

    #[test]
    fn slots_have_ids_of_their_own() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(disk_id(a, "0:4:0"), disk_id(a, "0:4:0"));
        assert_ne!(disk_id(a, "0:4:0"), disk_id(a, "0:4:1"));
        assert_ne!(disk_id(a, "0:4:0"), disk_id(b, "0:4:0"));
    }
}
