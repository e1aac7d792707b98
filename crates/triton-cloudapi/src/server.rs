//! Which version of CloudAPI's code answers, and what that version can do.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;

/// Version of the server's code, from the header `Server: cloudapi/9.20.0`.
///
/// Not the API version, which a client chooses (`Accept-Version`) and the header `Api-Version` names: features come with
/// the code, so this is what to look at before using one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

/// Text that is no version of CloudAPI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no version like 9.20.0 or cloudapi/9.20.0")]
pub struct NoVersion {
    /// The text.
    pub text: String,
}

// === impl ServerVersion ===

impl ServerVersion {
    /// A version of three numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The version that an answer's headers tell; `None` when somebody else answered, a proxy for instance.
    #[must_use]
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(http::header::SERVER)?.to_str().ok()?;
        text.strip_prefix("cloudapi/")?.parse().ok()
    }

    /// Disks of bhyve instances can be listed, added, resized (9.4).
    #[must_use]
    pub fn has_disks(self) -> bool {
        self >= Self::new(9, 4, 0)
    }

    /// Instances can be migrated (9.6).
    #[must_use]
    pub fn has_migrations(self) -> bool {
        self >= Self::new(9, 6, 0)
    }

    /// Consoles of hardware virtual machines can be reached, and URLs signed beforehand (9.8.7).
    #[must_use]
    pub fn has_vnc(self) -> bool {
        self >= Self::new(9, 8, 7)
    }

    /// Access keys exist (9.11).
    #[must_use]
    pub fn has_access_keys(self) -> bool {
        self >= Self::new(9, 11, 0)
    }

    /// The changefeed exists (9.14).
    #[must_use]
    pub fn has_changefeed(self) -> bool {
        self >= Self::new(9, 14, 0)
    }

    /// Ed25519 keys may sign (9.18).
    #[must_use]
    pub fn has_ed25519(self) -> bool {
        self >= Self::new(9, 18, 0)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for ServerVersion {
    type Err = NoVersion;

    /// Takes `9.20.0`, `9.20.0-master` and `cloudapi/9.20.0`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let version = text.strip_prefix("cloudapi/").unwrap_or(text);
        let numbers = version.split_once(['-', '+', ' ']).map_or(version, |(numbers, _)| numbers);
        let mut numbers = numbers.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self { major, minor, patch })
            }
            _ => Err(NoVersion { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u16, u16, u16)>) {
        let version = expected.map(|(major, minor, patch)| ServerVersion { major, minor, patch });
        assert_eq!(text.parse().ok(), version, "{text}");
    }

    #[test]
    fn versions_are_three_numbers() {
        check("9.20.0", Some((9, 20, 0)));
        check("cloudapi/9.8.7", Some((9, 8, 7)));
        check("9.20.0-master-20260101", Some((9, 20, 0)));
        for text in ["", "9", "9.20", "9.20.0.1", "9.x.0", "nginx/1.2.3", "99999999.0.0"] {
            check(text, None);
        }
    }

    #[test]
    fn only_cloudapi_itself_tells_its_version() {
        let headers = |server| HeaderMap::from_iter([(http::header::SERVER, server)]);
        let version =
            |server| ServerVersion::of_headers(&headers(HeaderValue::from_static(server)));
        assert_eq!(version("cloudapi/9.14.0"), Some(ServerVersion::new(9, 14, 0)));
        assert_eq!(version("haproxy/2.0.0"), None);
        assert_eq!(ServerVersion::of_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn features_come_with_versions_that_compare_as_numbers() {
        let version = |text: &str| text.parse::<ServerVersion>().unwrap();
        assert!(version("9.14.0").has_changefeed() && version("10.0.0").has_changefeed());
        assert!(!version("9.9.9").has_changefeed());
        assert!(version("9.4.0").has_disks() && !version("9.3.9").has_disks());
        assert!(version("9.8.7").has_vnc() && !version("9.8.6").has_vnc());
        assert!(version("9.6.0").has_migrations() && !version("9.5.0").has_migrations());
        assert!(version("9.11.0").has_access_keys() && !version("9.10.0").has_access_keys());
        assert!(version("9.18.0").has_ed25519() && !version("9.17.0").has_ed25519());
        assert_eq!(version("9.18.0").to_string(), "9.18.0");
    }
}
