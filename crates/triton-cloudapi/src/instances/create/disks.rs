//! Disks that a new bhyve instance is to have.

use std::fmt;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::request::RequestError;

/// Disks that an instance can have.
pub const DISKS_MAX: usize = 8;

/// One disk of CreateMachine's `disks`. The first one boots: it holds the image, and its size may be left to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateDisk {
    /// Size; only the boot disk may leave it out, and has the image's size then.
    pub size: Option<DiskSize>,
    /// Bytes of a block: a power of two from 512 to 131072. Not for the boot disk.
    pub block_size: Option<u32>,
    /// Another image than the instance's to copy onto it.
    pub image: Option<Uuid>,
}

/// How large a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskSize {
    /// This many MiB.
    Mib(u64),
    /// All that the package has left; for one disk at most.
    Remaining,
}

// === impl CreateDisk ===

impl CreateDisk {
    /// A disk of this size.
    #[must_use]
    pub fn sized(size: DiskSize) -> Self {
        Self { size: Some(size), ..Self::default() }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({});
        if let Some(size) = self.size {
            json["size"] = size.to_json();
        }
        if let Some(block_size) = self.block_size {
            json["block_size"] = block_size.into();
        }
        if let Some(image) = self.image {
            json["image"] = image.to_string().into();
        }
        json
    }
}

// === impl DiskSize ===

impl DiskSize {
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Mib(mib) => mib.into(),
            Self::Remaining => "remaining".into(),
        }
    }
}

impl fmt::Display for DiskSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mib(mib) => write!(f, "{mib} MiB"),
            Self::Remaining => f.write_str("remaining"),
        }
    }
}

pub(super) fn check(disks: &[CreateDisk]) -> Result<(), RequestError> {
    if disks.len() > DISKS_MAX {
        return Err(RequestError::invalid("disks", disks.len(), "an instance has at most 8"));
    }
    let remaining = disks.iter().filter(|disk| disk.size == Some(DiskSize::Remaining)).count();
    if remaining > 1 {
        return Err(RequestError::invalid(
            "disks",
            format!("{remaining} times remaining"),
            "one disk at most takes what remains",
        ));
    }
    for (index, disk) in disks.iter().enumerate() {
        let field = format!("disks[{index}]");
        if index > 0 && disk.size.is_none() {
            return Err(RequestError::invalid(
                field,
                "without a size",
                "only the boot disk, the first, may leave its size to the image",
            ));
        }
        if disk.size == Some(DiskSize::Mib(0)) {
            return Err(RequestError::invalid(field, "0 MiB", "a size is 1 MiB or more"));
        }
        if let Some(block_size) = disk.block_size {
            if index == 0 || disk.image.is_some() {
                return Err(RequestError::invalid(
                    field,
                    format!("with a block size of {block_size}"),
                    "a disk with an image has the image's block size",
                ));
            }
            check_block_size(&field, block_size)?;
        }
    }
    Ok(())
}

pub(crate) fn check_block_size(field: &str, block_size: u32) -> Result<(), RequestError> {
    if block_size.is_power_of_two() && (512..=131_072).contains(&block_size) {
        return Ok(());
    }
    Err(RequestError::invalid(
        format!("the block size of {field}"),
        block_size,
        "it is a power of two from 512 to 131072",
    ))
}
