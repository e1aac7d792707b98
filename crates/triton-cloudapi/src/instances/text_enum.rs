//! States and brands as text that may be new to this version.

use serde::{Deserialize, Serialize};

use super::{Brand, InstanceState};

/// Gives an enum whose last variant keeps what is not known its text, both ways.
macro_rules! text_enum {
    ($name:ident, $other:ident, { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $name {
            /// The wire text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::$other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::$other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Ok(Self::from(text.as_str()))
            }
        }
    };
}

text_enum!(InstanceState, Unknown, {
    Provisioning => "provisioning",
    Ready => "ready",
    Running => "running",
    Stopping => "stopping",
    Stopped => "stopped",
    Offline => "offline",
    Deleted => "deleted",
    Failed => "failed",
});

text_enum!(Brand, Other, {
    Joyent => "joyent",
    JoyentMinimal => "joyent-minimal",
    Lx => "lx",
    Kvm => "kvm",
    Bhyve => "bhyve",
});
