//! One type per kind of UUID, so that a network cannot be passed where an image is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// An instance (the manual's paths say machine).
    InstanceId
);
id!(
    /// An image.
    ImageId
);
id!(
    /// A package.
    PackageId
);
id!(
    /// A network or a network pool.
    NetworkId
);
id!(
    /// A firewall rule.
    FirewallRuleId
);
id!(
    /// A disk of an instance.
    DiskId
);
id!(
    /// A volume.
    VolumeId
);
id!(
    /// A sub-user.
    UserId
);
id!(
    /// A role.
    RoleId
);
id!(
    /// A policy.
    PolicyId
);
