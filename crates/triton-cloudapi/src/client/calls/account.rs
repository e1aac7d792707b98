//! The account, its configuration and its limits.

use crate::account::{self, Account, UpdateAccount};
use crate::client::{Client, Error};
use crate::config::{self, AccountConfig};
use crate::ids::NetworkId;
use crate::limits::{self, ProvisioningLimit};
use crate::page::Page;

impl Client {
    /// GetAccount.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_account(&self) -> Result<Account, Error> {
        self.send(account::get()?).await
    }

    /// UpdateAccount.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_account(&self, update: &UpdateAccount) -> Result<Account, Error> {
        self.send(account::update(update)?).await
    }

    /// GetConfig.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_config(&self) -> Result<AccountConfig, Error> {
        self.send(config::get()?).await
    }

    /// UpdateConfig: which of the account's fabric networks is the default.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_config(&self, default_network: NetworkId) -> Result<AccountConfig, Error> {
        self.send(config::update(default_network)?).await
    }

    /// GetProvisioningLimits.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_provisioning_limits(&self) -> Result<Page<ProvisioningLimit>, Error> {
        self.send(limits::get()?).await
    }
}
