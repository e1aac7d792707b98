//! NFS volumes that a new instance is to mount.

use serde_json::{Value, json};

use crate::request::RequestError;
use crate::volumes::check_name;

/// One entry of CreateMachine's `volumes`.
///
/// Checked more strictly than other parameters: the server never answers to a list that it cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume's name. One that does not exist is made, with the smallest size.
    pub name: String,
    /// Where the guest sees it: an absolute path other than `/`.
    pub mountpoint: String,
    /// Whether the guest may write.
    pub mode: MountMode,
}

/// Whether a mounted volume can be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MountMode {
    /// It can.
    #[default]
    ReadWrite,
    /// It cannot.
    ReadOnly,
}

// === impl VolumeMount ===

impl VolumeMount {
    /// A volume that the guest may write to.
    #[must_use]
    pub fn new(name: impl Into<String>, mountpoint: impl Into<String>) -> Self {
        Self { name: name.into(), mountpoint: mountpoint.into(), mode: MountMode::default() }
    }

    pub(super) fn to_json(&self) -> Value {
        let mode = match self.mode {
            MountMode::ReadWrite => "rw",
            MountMode::ReadOnly => "ro",
        };
        json!({"name": self.name, "type": "tritonnfs", "mode": mode, "mountpoint": self.mountpoint})
    }

    pub(super) fn check(&self) -> Result<(), RequestError> {
        check_name(&self.name)?;
        let is_absolute = self.mountpoint.starts_with('/');
        if !is_absolute
            || self.mountpoint.trim_matches('/').is_empty()
            || self.mountpoint.contains('\0')
        {
            return Err(RequestError::invalid(
                format!("the mountpoint of volume {}", self.name),
                &self.mountpoint,
                "it is an absolute path other than /",
            ));
        }
        Ok(())
    }
}
