//! The ping, datacenters and services.

use std::collections::BTreeMap;

use crate::client::{Client, Error};
use crate::datacenters::{self, AddForeignDatacenter, ForeignDatacenter};
use crate::page::Page;
use crate::ping::{self, Pong};
use crate::secret::Secret;
use crate::services;

impl Client {
    /// Ping: whether anyone is there, without authentication.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn ping(&self) -> Result<Pong, Error> {
        self.send(ping::ping()?).await
    }

    /// ListDatacenters: names and URLs.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_datacenters(&self) -> Result<BTreeMap<String, String>, Error> {
        self.send(datacenters::list()?).await
    }

    /// GetDatacenter: its URL. The server answers with a redirect there, which is not followed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_datacenter(&self, name: &str) -> Result<String, Error> {
        self.send(datacenters::get(name)?).await
    }

    /// ListForeignDatacenters: those of other installations that the account may use through a portal.
    ///
    /// For portals, which act with a token of the account's (header `X-Auth-Token`); others get a 403.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_foreign_datacenters(
        &self,
        token: &Secret,
    ) -> Result<Page<ForeignDatacenter>, Error> {
        self.send(datacenters::list_foreign(token)?).await
    }

    /// AddForeignDatacenter, or replaces the one of that name; answers with all. For portals; others get a 403.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_foreign_datacenter(
        &self,
        token: &Secret,
        add: &AddForeignDatacenter,
    ) -> Result<Page<ForeignDatacenter>, Error> {
        self.send(datacenters::add_foreign(token, add)?).await
    }

    /// ListServices: names and URLs, such as `docker`, `cmon`, `manta`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_services(&self) -> Result<BTreeMap<String, String>, Error> {
        self.send(services::list()?).await
    }
}
