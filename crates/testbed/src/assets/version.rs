//! Which versions are wanted, and how programs say which they are.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes release this project builds its control plane from, pinned by a `go.mod` and a `go.sum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Module file that names the tools and pins every module.
    pub go_mod: &'static str,
    /// Checksums of those modules.
    pub go_sum: &'static str,
}

/// The etcd this project builds where the machine has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EtcdRelease {
    pub(crate) version: Version,
    pub(crate) go_mod: &'static str,
    pub(crate) go_sum: &'static str,
}

/// `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
    /// Patch.
    pub patch: u32,
}

/// The environment variable that says on which Kubernetes everything runs.
pub const CHOICE: &str = "VK_TRITON_KUBERNETES";

/// A Kubernetes version that is not pinned here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelease {
    text: String,
}

/// A text in which no version was found.
#[derive(Debug, PartialEq, Eq)]
pub struct NoVersion;

// === impl Release ===

impl Release {
    /// 1.37.
    pub const V1_37: Self = Self {
        version: Version::new(1, 37, 2),
        go_mod: include_str!("../../kubetools/kubernetes-1.37/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.37/go.sum"),
    };
    /// 1.36.
    pub const V1_36: Self = Self {
        version: Version::new(1, 36, 3),
        go_mod: include_str!("../../kubetools/kubernetes-1.36/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.36/go.sum"),
    };
    /// 1.35.
    pub const V1_35: Self = Self {
        version: Version::new(1, 35, 4),
        go_mod: include_str!("../../kubetools/kubernetes-1.35/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.35/go.sum"),
    };
    /// 1.34.
    pub const V1_34: Self = Self {
        version: Version::new(1, 34, 4),
        go_mod: include_str!("../../kubetools/kubernetes-1.34/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.34/go.sum"),
    };
    /// 1.33.
    pub const V1_33: Self = Self {
        version: Version::new(1, 33, 13),
        go_mod: include_str!("../../kubetools/kubernetes-1.33/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.33/go.sum"),
    };
    /// 1.32. Of its later patches the public module proxy lacks some modules.
    pub const V1_32: Self = Self {
        version: Version::new(1, 32, 0),
        go_mod: include_str!("../../kubetools/kubernetes-1.32/go.mod"),
        go_sum: include_str!("../../kubetools/kubernetes-1.32/go.sum"),
    };
    /// All of them, the newest first.
    pub const ALL: [Self; 6] =
        [Self::V1_37, Self::V1_36, Self::V1_35, Self::V1_34, Self::V1_33, Self::V1_32];
    /// The release everything runs on unless told otherwise.
    pub const NEWEST: Self = Self::V1_37;

    /// The release that the environment variable [`CHOICE`] names, as `1.35` or `1.35.4`; without it the newest.
    ///
    /// # Errors
    /// When it names none of [`Release::ALL`].
    pub fn chosen() -> Result<Self, UnknownRelease> {
        match std::env::var(CHOICE) {
            Ok(text) if !text.is_empty() => Self::named(&text),
            _ => Ok(Self::NEWEST),
        }
    }

    /// The release of that name, as `1.35`, `v1.35` or `1.35.4`.
    ///
    /// # Errors
    /// When there is none: a patch is only pinned as it is.
    pub fn named(text: &str) -> Result<Self, UnknownRelease> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let is_it = |release: &Self| {
            let Version { major, minor, .. } = release.version;
            bare == format!("{major}.{minor}") || bare == release.version.to_string()
        };
        let unknown = || UnknownRelease { text: text.to_owned() };
        Self::ALL.into_iter().find(is_it).ok_or_else(unknown)
    }

    /// Whether a program of this version may be used for this release: same major and minor.
    #[must_use]
    pub fn accepts(&self, found: Version) -> bool {
        (self.version.major, self.version.minor) == (found.major, found.minor)
    }
}

impl EtcdRelease {
    /// Newest 3.6.
    pub(crate) const V3_6: Self = Self {
        version: Version::new(3, 6, 16),
        go_mod: include_str!("../../kubetools/etcd-3.6/go.mod"),
        go_sum: include_str!("../../kubetools/etcd-3.6/go.sum"),
    };
    /// Oldest that current API servers are known to work with; Debian 12 has 3.4.23.
    pub(crate) const OLDEST: Version = Version::new(3, 4, 0);
}

// === impl UnknownRelease ===

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<String> =
            Release::ALL.iter().map(|release| release.version.to_string()).collect();
        write!(
            f,
            "{:?} is none of the Kubernetes versions that can be built: {}",
            self.text,
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownRelease {}

// === impl Version ===

impl Version {
    /// A version from its numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The first version in what a program prints about itself, e.g. `Kubernetes v1.37.2`, `Client Version: v1.37.2`,
    /// `etcd Version: 3.4.23`.
    ///
    /// # Errors
    /// [`NoVersion`] when there is none.
    pub fn in_output(output: &str) -> Result<Self, NoVersion> {
        output.split_whitespace().find_map(|word| word.parse().ok()).ok_or(NoVersion)
    }
}

impl FromStr for Version {
    type Err = NoVersion;

    /// Takes `v1.2.3`, `go1.2.3`, and drops what follows a `-` or `+`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = text.strip_prefix("go").or_else(|| text.strip_prefix('v')).unwrap_or(text);
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(str::parse::<u32>);
        let mut next = || parts.next().transpose().map_err(|_| NoVersion);
        let (Some(major), Some(minor)) = (next()?, next()?) else { return Err(NoVersion) };
        let patch = next()?.unwrap_or(0);
        Ok(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, expected: Option<(u32, u32, u32)>) {
        let expected = expected.map(|(major, minor, patch)| Version::new(major, minor, patch));
        assert_eq!(Version::in_output(output).ok(), expected);
    }

    #[test]
    fn programs_say_their_version_in_several_ways() {
        check("Kubernetes v1.37.2\n", Some((1, 37, 2)));
        check("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", Some((1, 32, 4)));
        check(
            "etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n",
            Some((3, 4, 23)),
        );
        check("go1.26\n", Some((1, 26, 0)));
        check("Kubernetes v1.38.0-alpha.1+abc", Some((1, 38, 0)));
        check("usage: etcd [flags]", None);
        check("", None);
    }

    #[test]
    fn only_the_minor_decides_whether_a_program_fits() {
        assert!(Release::V1_37.accepts(Version::new(1, 37, 0)));
        assert!(!Release::V1_37.accepts(Version::new(1, 36, 3)));
        assert!(!Release::V1_37.accepts(Version::new(2, 37, 2)));
    }

    #[test]
    fn a_release_is_named_by_its_minor_or_by_all_of_it() {
        assert_eq!(Release::named("1.35"), Ok(Release::V1_35));
        assert_eq!(Release::named("v1.37.2"), Ok(Release::V1_37));
        for unknown in ["1.31", "1.35.0", "35", "1", "newest"] {
            let error = Release::named(unknown).unwrap_err().to_string();
            assert!(error.contains(unknown) && error.contains("1.33.13"), "{error}");
        }
    }

    #[test]
    fn the_module_files_pin_the_version_they_are_named_for() {
        for release in Release::ALL {
            let pinned = format!("k8s.io/kubernetes v{}", release.version);
            assert!(release.go_mod.contains(&pinned), "{pinned}");
            // The libraries that are published with it are of the same release.
            let library =
                format!("k8s.io/apiserver v0.{}.{}", release.version.minor, release.version.patch);
            assert!(release.go_mod.contains(&library), "{library}");
        }
        let pinned = format!("go.etcd.io/etcd/server/v3 v{}", EtcdRelease::V3_6.version);
        assert!(EtcdRelease::V3_6.go_mod.contains(&pinned));
    }
}
