//! The account itself, its keys, the datacenters, and the ping (manual, "Account", "Keys", "Datacenters", "Ping").

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::page::Page;
use crate::request::{Endpoint, Group, Idempotency, Priority, Request, RequestError, Scope};
use crate::target::Target;

/// The account that the key belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Identity.
    pub id: uuid::Uuid,
    /// Login, as in paths and key ids.
    pub login: String,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether CNS names instances of this account; then names have at most 63 characters.
    #[serde(default)]
    pub triton_cns_enabled: bool,
}

/// A public key of the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Key {
    /// Name.
    pub name: String,
    /// MD5 fingerprint with colons.
    pub fingerprint: String,
    /// The key, in OpenSSH's one-line form.
    #[serde(default)]
    pub key: String,
}

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pong {
    /// `pong`.
    pub ping: String,
    /// API versions, where given.
    #[serde(default)]
    pub cloudapi: PongVersions,
    /// The datacenter's name, from the header `Triton-Datacenter-Name`.
    #[serde(skip)]
    pub datacenter: Option<String>,
}

/// API versions a server has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PongVersions {
    /// `7.0.0`, …, `9.0.0`.
    pub versions: Vec<String>,
}

/// GetAccount.
///
/// # Errors
///
/// [`RequestError`], as for every function that makes a request.
pub fn get() -> Result<Request<Account>, RequestError> {
    let endpoint = Endpoint::read("GetAccount", Group::Account);
    Request::build(endpoint, Method::GET, &Target::new("/"), None, |answer| answer.json())
}

/// ListKeys.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_keys() -> Result<Request<Page<Key>>, RequestError> {
    let endpoint = Endpoint::read("ListKeys", Group::Account);
    Request::build(endpoint, Method::GET, &Target::new("/keys"), None, |answer| answer.page())
}

/// ListDatacenters: names and URLs.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_datacenters() -> Result<Request<BTreeMap<String, String>>, RequestError> {
    let endpoint = Endpoint::read("ListDatacenters", Group::Account);
    Request::build(endpoint, Method::GET, &Target::new("/datacenters"), None, |answer| {
        answer.json()
    })
}

/// Ping: whether anyone is there, without authentication.
///
/// # Errors
///
/// [`RequestError`].
pub fn ping() -> Result<Request<Pong>, RequestError> {
    let endpoint = Endpoint {
        name: "Ping",
        group: Group::Unlimited,
        idempotency: Idempotency::Read,
        priority: Priority::List,
        scope: Scope::Root,
    };
    Request::build(endpoint, Method::GET, &Target::new("/--ping"), None, |answer| {
        let mut pong: Pong = answer.json()?;
        let name = answer.headers.get("triton-datacenter-name").and_then(|name| name.to_str().ok());
        pong.datacenter = name.map(str::to_owned);
        Ok(pong)
    })
}
