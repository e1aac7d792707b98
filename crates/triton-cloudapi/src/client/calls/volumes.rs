//! Volumes.

use crate::client::{Client, Error};
use crate::ids::VolumeId;
use crate::page::Page;
use crate::volumes::{self, CreateVolume, ListVolumes, Volume, VolumeSize};

impl Client {
    /// ListVolumes, all in one page.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_volumes(&self, filter: &ListVolumes) -> Result<Page<Volume>, Error> {
        self.send(volumes::list(filter)?).await
    }

    /// CreateVolume. The answer is creating: read it until it is ready or failed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_volume(&self, create: &CreateVolume) -> Result<Volume, Error> {
        self.send(volumes::create(create)?).await
    }

    /// GetVolume.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_volume(&self, id: VolumeId) -> Result<Volume, Error> {
        self.send(volumes::get(id)?).await
    }

    /// UpdateVolume: gives it another name. Refused while it is mounted.
    ///
    /// The manual says that nothing is answered; the server answers with the volume.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rename_volume(&self, id: VolumeId, name: &str) -> Result<Option<Volume>, Error> {
        self.send(volumes::rename(id, name)?).await
    }

    /// DeleteVolume. It takes a while; in use, it is refused (409). That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_volume(&self, id: VolumeId) -> Result<(), Error> {
        self.send(volumes::delete(id)?).await
    }

    /// ListVolumeSizes.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_volume_sizes(&self) -> Result<Page<VolumeSize>, Error> {
        self.send(volumes::list_sizes()?).await
    }
}
