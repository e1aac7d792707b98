//! Policies.

use crate::client::{Client, Error};
use crate::page::Page;
use crate::policies::{self, CreatePolicy, Policy, UpdatePolicy};

impl Client {
    /// ListPolicies.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_policies(&self) -> Result<Page<Policy>, Error> {
        self.send(policies::list()?).await
    }

    /// CreatePolicy.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_policy(&self, create: &CreatePolicy) -> Result<Policy, Error> {
        self.send(policies::create(create)?).await
    }

    /// GetPolicy, by UUID or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_policy(&self, name: &str) -> Result<Policy, Error> {
        self.send(policies::get(name)?).await
    }

    /// UpdatePolicy, by UUID or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_policy(&self, name: &str, update: &UpdatePolicy) -> Result<Policy, Error> {
        self.send(policies::update(name, update)?).await
    }

    /// DeletePolicy, by UUID or name. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_policy(&self, name: &str) -> Result<(), Error> {
        self.send(policies::delete(name)?).await
    }
}
