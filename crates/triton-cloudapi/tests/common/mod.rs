//! What the tests of the client share.

use triton_cloudapi::Client;
use triton_cloudapi::client::{ClientBuilder, Config, KeySource};
use triton_signature::PrivateKey;

/// The example key of RFC 8410, section 10.3.
pub(crate) const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

/// The account `acme` at this URL, with [`KEY`].
pub(crate) fn config(url: &str) -> Config {
    Config::new(url.parse().unwrap(), "acme", KeySource::Text(KEY.into(), None))
}

/// A client of the account `acme` at this URL, not yet built.
pub(crate) fn builder(url: &str) -> ClientBuilder {
    Client::builder(config(url), PrivateKey::from_text(KEY, None).unwrap())
}
