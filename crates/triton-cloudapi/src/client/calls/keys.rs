//! SSH keys and access keys.

use crate::client::{Client, Error};
use crate::keys::{self, CreateKey, Key};
use crate::page::Page;

impl Client {
    /// ListKeys.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_keys(&self) -> Result<Page<Key>, Error> {
        self.send(keys::list()?).await
    }

    /// CreateKey.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_key(&self, create: &CreateKey) -> Result<Key, Error> {
        self.send(keys::create(create)?).await
    }

    /// GetKey, by name or MD5 fingerprint.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_key(&self, name: &str) -> Result<Key, Error> {
        self.send(keys::get(name)?).await
    }

    /// GetKey past the server's cache, which may not know the key yet.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_fresh_key(&self, name: &str) -> Result<Key, Error> {
        self.send(keys::get_fresh(name)?).await
    }

    /// DeleteKey, by name or MD5 fingerprint. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_key(&self, name: &str) -> Result<(), Error> {
        self.send(keys::delete(name)?).await
    }

    /// ListUserKeys: of a sub-user, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_user_keys(&self, login: &str) -> Result<Page<Key>, Error> {
        self.send(keys::list_of_user(login)?).await
    }

    /// CreateUserKey: for a sub-user, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_user_key(&self, login: &str, create: &CreateKey) -> Result<Key, Error> {
        self.send(keys::create_of_user(login, create)?).await
    }

    /// GetUserKey: of a sub-user, by name or MD5 fingerprint.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_user_key(&self, login: &str, name: &str) -> Result<Key, Error> {
        self.send(keys::get_of_user(login, name)?).await
    }

    /// DeleteUserKey: of a sub-user, by name or MD5 fingerprint. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_user_key(&self, login: &str, name: &str) -> Result<(), Error> {
        self.send(keys::delete_of_user(login, name)?).await
    }
}
