//! From a path relative to the account to the URL that goes on the wire, and is signed.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::error::BoxError;
use crate::request::Scope;
use crate::target::encode_into;

/// Where CloudAPI is, and whose things are asked for.
#[derive(Clone, Debug)]
pub(crate) struct BaseUri {
    scheme: Scheme,
    authority: Authority,
    /// What the URL has behind the host, without a slash at the end.
    prefix: String,
    /// `/ACCOUNT`, percent-encoded.
    account: String,
    /// `as-role=a,b`, percent-encoded; empty without roles.
    roles: String,
}

// === impl BaseUri ===

impl BaseUri {
    pub(crate) fn new(url: &Uri, account: &str, roles: &[String]) -> Result<Self, BoxError> {
        let parts = url.clone().into_parts();
        let mut path = String::from("/");
        encode_into(&mut path, account);
        let mut query = String::new();
        if !roles.is_empty() {
            query.push_str("as-role=");
            encode_into(&mut query, &roles.join(","));
        }
        Ok(Self {
            scheme: parts.scheme.ok_or("the URL has no scheme")?,
            authority: parts.authority.ok_or("the URL has no host")?,
            prefix: url.path().trim_end_matches('/').to_owned(),
            account: path,
            roles: query,
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether the host is this machine, whatever its name.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |address: std::net::IpAddr| address.is_loopback();
        host == "localhost" || host.parse().is_ok_and(is_loopback)
    }

    /// The URL of a request.
    pub(crate) fn resolve(&self, relative: &Uri, scope: Scope) -> Result<Uri, http::Error> {
        let account = if scope == Scope::Account { self.account.as_str() } else { "" };
        let path = match relative.path() {
            // The account itself has no slash behind it.
            "/" if scope == Scope::Account => "",
            path => path,
        };
        let roles = if scope == Scope::Account { self.roles.as_str() } else { "" };
        let query = [relative.query().unwrap_or_default(), roles];
        let query = query.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let path_and_query =
            PathAndQuery::try_from(format!("{}{account}{path}{mark}{query}", self.prefix))?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, roles: &[&str], relative: &'static str, scope: Scope, expected: &str) {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let base = BaseUri::new(&url.parse().unwrap(), "ac me", &roles).unwrap();
        assert_eq!(base.resolve(&Uri::from_static(relative), scope).unwrap().to_string(), expected);
    }

    #[test]
    fn the_account_comes_between_the_url_and_the_path() {
        let account = Scope::Account;
        check(
            "https://c.example.com",
            &[],
            "/machines",
            account,
            "https://c.example.com/ac%20me/machines",
        );
        check("https://c.example.com/", &[], "/", account, "https://c.example.com/ac%20me");
        check(
            "http://[::1]:8080/api/",
            &[],
            "/keys",
            account,
            "http://[::1]:8080/api/ac%20me/keys",
        );
        check(
            "https://c.example.com",
            &["x"],
            "/--ping",
            Scope::Root,
            "https://c.example.com/--ping",
        );
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            let base = BaseUri::new(&url.parse().unwrap(), "acme", &[]).unwrap();
            assert_eq!(base.is_loopback(), expected, "{url}");
        }
    }

    #[test]
    fn roles_are_part_of_what_is_signed() {
        check(
            "https://c.example.com",
            &["dev", "o p"],
            "/machines?limit=1",
            Scope::Account,
            "https://c.example.com/ac%20me/machines?limit=1&as-role=dev%2Co%20p",
        );
        check(
            "https://c.example.com",
            &["dev"],
            "/",
            Scope::Account,
            "https://c.example.com/ac%20me?as-role=dev",
        );
    }
}
