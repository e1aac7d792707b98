//! Sub-users.

use crate::client::{Client, Error};
use crate::page::Page;
use crate::secret::Secret;
use crate::users::{self, CreateUser, UpdateUser, User};

impl Client {
    /// ListUsers.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_users(&self) -> Result<Page<User>, Error> {
        self.send(users::list()?).await
    }

    /// CreateUser.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_user(&self, create: &CreateUser) -> Result<User, Error> {
        self.send(users::create(create)?).await
    }

    /// GetUser, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_user(&self, login: &str) -> Result<User, Error> {
        self.send(users::get(login)?).await
    }

    /// GetUser with the roles it has.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_user_with_roles(&self, login: &str) -> Result<User, Error> {
        self.send(users::get_with_roles(login)?).await
    }

    /// UpdateUser, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_user(&self, login: &str, update: &UpdateUser) -> Result<User, Error> {
        self.send(users::update(login, update)?).await
    }

    /// ChangeUserPassword, by UUID or login.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn change_user_password(
        &self,
        login: &str,
        password: &Secret,
    ) -> Result<User, Error> {
        self.send(users::change_password(login, password)?).await
    }

    /// DeleteUser, by UUID or login. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_user(&self, login: &str) -> Result<(), Error> {
        self.send(users::delete(login)?).await
    }
}
