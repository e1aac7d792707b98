//! Packages.

use crate::client::{Client, Error};
use crate::packages::{self, ListPackages, Package};
use crate::page::Page;

impl Client {
    /// ListPackages: active packages, all of them with the default filter.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_packages(&self, filter: &ListPackages) -> Result<Page<Package>, Error> {
        self.send(packages::list(filter)?).await
    }

    /// GetPackage, by UUID or by name (then the newest version).
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_package(&self, id_or_name: &str) -> Result<Package, Error> {
        self.send(packages::get(id_or_name)?).await
    }
}
