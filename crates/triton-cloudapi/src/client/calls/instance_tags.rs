//! Tags and metadata of instances.

use std::collections::BTreeMap;

use crate::client::{Client, Error};
use crate::ids::InstanceId;
use crate::instances::{self, Metadata};
use crate::tags::Tags;

impl Client {
    /// ListMachineTags.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_tags(&self, id: InstanceId) -> Result<Tags, Error> {
        self.send(instances::list_tags(id)?).await
    }

    /// AddMachineTags. The answer is what the tags will be; the change itself takes seconds.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_instance_tags(&self, id: InstanceId, tags: &Tags) -> Result<Tags, Error> {
        self.send(instances::add_tags(id, tags)?).await
    }

    /// ReplaceMachineTags. The answer is what the tags will be; the change itself takes seconds.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn replace_instance_tags(&self, id: InstanceId, tags: &Tags) -> Result<Tags, Error> {
        self.send(instances::replace_tags(id, tags)?).await
    }

    /// GetMachineTag: its value as text, whatever its type.
    ///
    /// Asked for as plain text, since the JSON form answers `""` for numbers and booleans; [`Client::list_instance_tags`] tells the type.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_instance_tag(&self, id: InstanceId, name: &str) -> Result<String, Error> {
        self.send(instances::get_tag(id, name)?).await
    }

    /// DeleteMachineTag. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance_tag(&self, id: InstanceId, name: &str) -> Result<(), Error> {
        self.send(instances::delete_tag(id, name)?).await
    }

    /// DeleteMachineTags: all of them.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_all_instance_tags(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::delete_all_tags(id)?).await
    }

    /// ListMachineMetadata.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_metadata(&self, id: InstanceId) -> Result<Metadata, Error> {
        self.send(instances::list_metadata(id)?).await
    }

    /// ListMachineMetadata with the passwords that the server made for the guest: see [`instances::Metadata::credentials`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_metadata_with_credentials(
        &self,
        id: InstanceId,
    ) -> Result<Metadata, Error> {
        self.send(instances::list_metadata_with_credentials(id)?).await
    }

    /// AddMachineMetadata (the manual: UpdateMachineMetadata). The answer is what the metadata will be, seconds later.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_instance_metadata(
        &self,
        id: InstanceId,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Metadata, Error> {
        self.send(instances::add_metadata(id, metadata)?).await
    }

    /// GetMachineMetadata: one value as text. A value that is no text is a 404.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_instance_metadata(&self, id: InstanceId, key: &str) -> Result<String, Error> {
        self.send(instances::get_metadata(id, key)?).await
    }

    /// DeleteMachineMetadata, one key. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance_metadata(&self, id: InstanceId, key: &str) -> Result<(), Error> {
        self.send(instances::delete_metadata(id, key)?).await
    }

    /// DeleteAllMachineMetadata; `root_authorized_keys` and `administrator_pw` stay.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_all_instance_metadata(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::delete_all_metadata(id)?).await
    }
}
