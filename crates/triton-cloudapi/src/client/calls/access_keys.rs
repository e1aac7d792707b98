//! Access keys for object storage.

use crate::access_keys::{self, AccessKey};
use crate::client::{Client, Error};
use crate::page::Page;

impl Client {
    /// ListAccessKeys.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_access_keys(&self) -> Result<Page<AccessKey>, Error> {
        self.send(access_keys::list()?).await
    }

    /// CreateAccessKey.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_access_key(&self) -> Result<AccessKey, Error> {
        self.send(access_keys::create()?).await
    }

    /// GetAccessKey.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_access_key(&self, id: &str) -> Result<AccessKey, Error> {
        self.send(access_keys::get(id)?).await
    }

    /// DeleteAccessKey. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        self.send(access_keys::delete(id)?).await
    }

    /// ListUserAccessKeys: of a sub-user, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_user_access_keys(&self, login: &str) -> Result<Page<AccessKey>, Error> {
        self.send(access_keys::list_of_user(login)?).await
    }

    /// CreateUserAccessKey: for a sub-user, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_user_access_key(&self, login: &str) -> Result<AccessKey, Error> {
        self.send(access_keys::create_of_user(login)?).await
    }

    /// GetUserAccessKey.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_user_access_key(&self, login: &str, id: &str) -> Result<AccessKey, Error> {
        self.send(access_keys::get_of_user(login, id)?).await
    }

    /// DeleteUserAccessKey. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_user_access_key(&self, login: &str, id: &str) -> Result<(), Error> {
        self.send(access_keys::delete_of_user(login, id)?).await
    }
}
