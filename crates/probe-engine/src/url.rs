//! Just enough of a URL to ask one and to follow redirects (RFC 3986), spelled on the wire as Go spells it.

use std::fmt::Write as _;

use crate::dial::{authority, parse_address};
use crate::probe::Scheme;

/// Where one GET goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Plain or TLS.
    pub(crate) scheme: Scheme,
    /// Address or name, without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// What the Host header says unless the probe has its own.
    pub(crate) authority: String,
    /// Path and query, beginning with a slash.
    pub(crate) target: String,
}

/// A `Location` resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// It names no authority: a Host header of the probe's own stays right.
    Relative(Url),
    /// It names an authority of its own.
    Absolute(Url),
}

// === impl Url ===

impl Url {
    /// The URL of a probe. `path` may lack its slash, carry a query, and hold what a URL may not.
    pub(crate) fn new(scheme: Scheme, host: &str, port: u16, path: &str) -> Self {
        let host = bare(host);
        Self {
            scheme,
            host: host.to_owned(),
            port,
            authority: authority(host, port),
            target: request_target(path),
        }
    }

    /// Resolves a `Location`; `None` for what is no http or https URL.
    pub(crate) fn resolve(&self, location: &str) -> Option<Location> {
        let location = location.trim();
        if let Some((scheme, rest)) = location.split_once("://")
            && !scheme.contains(['/', '?', '#'])
        {
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "http" => Scheme::Http,
                "https" => Scheme::Https,
                _ => return None,
            };
            return absolute(scheme, rest).map(Location::Absolute);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return absolute(self.scheme, rest).map(Location::Absolute);
        }
        let head = location.split(['/', '?', '#']).next().unwrap_or_default();
        if head.contains(':') {
            // `mailto:`, `data:` and their kind.
            return None;
        }
        let base = self.target.split('?').next().unwrap_or_default();
        let target = match location.chars().next() {
            None | Some('#') => self.target.clone(),
            Some('/') => without_dots(&request_target(location)),
            Some('?') => format!("{base}{}", &request_target(location)[1..]),
            Some(_) => {
                let folder = base.rfind('/').map_or("/", |slash| &base[..=slash]);
                without_dots(&request_target(&format!("{folder}{location}")))
            }
        };
        Some(Location::Relative(Self { target, ..self.clone() }))
    }

    /// Whether both are on the same host, whatever their ports.
    pub(crate) fn has_host_of(&self, other: &Self) -> bool {
        match (parse_address(&self.host), parse_address(&other.host)) {
            (Some(this), Some(that)) => this == that,
            _ => self.host.eq_ignore_ascii_case(&other.host),
        }
    }

    /// For people: without the query, which may hold a secret.
    pub(crate) fn display(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{scheme}://{}{path}", self.authority)
    }
}

fn absolute(scheme: Scheme, rest: &str) -> Option<Url> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let place = place.rsplit('@').next().unwrap_or_default();
    let (host, port) = match place.rsplit_once(':') {
        // The last colon of `[::1]` is inside the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    let port = match (port, scheme) {
        (None | Some(""), Scheme::Http) => 80,
        (None | Some(""), Scheme::Https) => 443,
        (Some(port), _) => port.parse().ok()?,
    };
    let host = bare(host);
    (!host.is_empty()).then(|| Url {
        scheme,
        host: host.to_owned(),
        port,
        authority: place.to_owned(),
        target: request_target(path),
    })
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Path and query as they go on the wire: a slash first, no fragment, everything else escaped that must be.
///
/// As in Go's `url.Parse`, a path with a broken escape is taken to mean its characters, question mark and all.
fn request_target(path: &str) -> String {
    let mut target = String::with_capacity(path.len() + 1);
    let uncut = path.split('#').next().unwrap_or_default();
    let (before, query) = match uncut.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (uncut, None),
    };
    if !path.starts_with('/') {
        target.push('/');
    }
    if has_broken_escape(before) {
        escape(path, b"%?#", &mut target);
        return target;
    }
    escape(before, b"", &mut target);
    if let Some(query) = query {
        target.push('?');
        escape(query, b"", &mut target);
    }
    target
}

fn has_broken_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let mut bytes = after.bytes();
        !(bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
            && bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit()))
    })
}

/// Escapes what may not stand in a request line, and `more`.
fn escape(text: &str, more: &[u8], onto: &mut String) {
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if is_plain && !more.contains(&byte) {
            onto.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(onto, "%{byte:02X}");
        }
    }
}

/// Removes `.` and `..` from a path (RFC 3986, 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if let Some(query) = query {
        clean.push('?');
        clean.push_str(query);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probes_path_becomes_a_request_target() {
        #[track_caller]
        fn check(path: &str, target: &str) {
            assert_eq!(Url::new(Scheme::Http, "localhost", 93, path).target, target);
        }
        check("", "/");
        check("/path?bar", "/path?bar");
        check("?foo", "/?foo");
        check("healthz", "/healthz");
        check("/a b/ü", "/a%20b/%C3%BC");
        check("/a%2Fb?c=%zz", "/a%2Fb?c=%zz");
        check("/100%?x", "/100%25%3Fx");
        check("/here#there", "/here");
        check("/a?b=c d", "/a?b=c%20d");
    }

    #[test]
    fn the_authority_always_names_the_port() {
        #[track_caller]
        fn check(scheme: Scheme, host: &str, port: u16, expected: &str) {
            assert_eq!(Url::new(scheme, host, port, "/x?secret").display(), expected);
        }
        check(Scheme::Http, "localhost", 93, "http://localhost:93/x");
        check(Scheme::Https, "localhost", 443, "https://localhost:443/x");
        check(Scheme::Http, "fd00::1", 80, "http://[fd00::1]:80/x");
        check(Scheme::Http, "[fd00::1]", 80, "http://[fd00::1]:80/x");
    }

    #[test]
    fn locations_are_resolved_against_the_last_url() {
        #[track_caller]
        fn check(location: &str, expected: Option<(&str, &str, u16, &str)>) {
            let base = Url::new(Scheme::Http, "10.0.0.1", 8080, "/a/b?c");
            let found = base.resolve(location);
            let found = found.as_ref().map(|location| match location {
                Location::Relative(url) => ("relative", url),
                Location::Absolute(url) => ("absolute", url),
            });
            let found =
                found.map(|(form, url)| (form, url.host.as_str(), url.port, url.target.as_str()));
            assert_eq!(found, expected, "{location}");
        }
        check("/new", Some(("relative", "10.0.0.1", 8080, "/new")));
        check("new", Some(("relative", "10.0.0.1", 8080, "/a/new")));
        check("../new?x=1", Some(("relative", "10.0.0.1", 8080, "/new?x=1")));
        check("..", Some(("relative", "10.0.0.1", 8080, "/")));
        check("?d", Some(("relative", "10.0.0.1", 8080, "/a/b?d")));
        check("#d", Some(("relative", "10.0.0.1", 8080, "/a/b?c")));
        check("http://10.0.0.1/new", Some(("absolute", "10.0.0.1", 80, "/new")));
        check("HTTPS://example.com", Some(("absolute", "example.com", 443, "/")));
        check("https://u:p@h:8443/x?y=//z", Some(("absolute", "h", 8443, "/x?y=//z")));
        check("//other:1/x", Some(("absolute", "other", 1, "/x")));
        check("http://[::1]:81/x", Some(("absolute", "::1", 81, "/x")));
        check("http://[::1]/x", Some(("absolute", "::1", 80, "/x")));
        check("/x?next=http://y/", Some(("relative", "10.0.0.1", 8080, "/x?next=http://y/")));
        check("ftp://10.0.0.1/x", None);
        check("mailto:x@y", None);
        check("http://h:99999/", None);
        check("http:///x", None);
    }

    #[test]
    fn the_same_host_is_the_same_in_any_spelling() {
        #[track_caller]
        fn check(this: &str, that: &str, same: bool) {
            let url = |host| Url::new(Scheme::Http, host, 1, "/");
            assert_eq!(url(this).has_host_of(&url(that)), same, "{this} {that}");
        }
        check("a.example", "A.example", true);
        check("::1", "0:0::1", true);
        check("127.0.0.1", "0.0.0.0", false);
        check("a.example", "b.example", false);
    }
}
