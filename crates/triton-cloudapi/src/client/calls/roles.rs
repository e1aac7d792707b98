//! Roles and role tags.

use crate::client::{Client, Error};
use crate::page::Page;
use crate::role_tags::{self, RoleTags, Taggable};
use crate::roles::{self, CreateRole, Role, UpdateRole};

impl Client {
    /// ListRoles.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_roles(&self) -> Result<Page<Role>, Error> {
        self.send(roles::list()?).await
    }

    /// CreateRole.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_role(&self, create: &CreateRole) -> Result<Role, Error> {
        self.send(roles::create(create)?).await
    }

    /// GetRole, by UUID or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_role(&self, name: &str) -> Result<Role, Error> {
        self.send(roles::get(name)?).await
    }

    /// UpdateRole, by UUID or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_role(&self, name: &str, update: &UpdateRole) -> Result<Role, Error> {
        self.send(roles::update(name, update)?).await
    }

    /// DeleteRole, by UUID or name. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_role(&self, name: &str) -> Result<(), Error> {
        self.send(roles::delete(name)?).await
    }

    /// SetRoleTags: replaces all role tags of something by these, by name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn set_role_tags(&self, of: &Taggable, roles: &[String]) -> Result<RoleTags, Error> {
        self.send(role_tags::set(of, roles)?).await
    }
}
