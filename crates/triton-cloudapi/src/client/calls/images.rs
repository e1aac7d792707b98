//! Images.

use crate::client::{Client, Error};
use crate::ids::ImageId;
use crate::images::{self, CreateImage, ExportedImage, Image, ListImages, UpdateImage};
use crate::page::Page;

impl Client {
    /// ListImages.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_images(&self, filter: &ListImages) -> Result<Page<Image>, Error> {
        self.send(images::list(filter)?).await
    }

    /// GetImage.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_image(&self, id: ImageId) -> Result<Image, Error> {
        self.send(images::get(id)?).await
    }

    /// CreateImageFromMachine. The answer is `creating`: read it until it is `active` or `failed`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_image(&self, create: &CreateImage) -> Result<Image, Error> {
        self.send(images::create(create)?).await
    }

    /// ImportImageFromDatacenter: copies one of the account's images from another datacenter, by its name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn import_image(&self, datacenter: &str, id: ImageId) -> Result<Image, Error> {
        self.send(images::import(datacenter, id)?).await
    }

    /// UpdateImage.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_image(&self, id: ImageId, update: &UpdateImage) -> Result<Image, Error> {
        self.send(images::update(id, update)?).await
    }

    /// ExportImage to a path in Manta.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn export_image(
        &self,
        id: ImageId,
        manta_path: &str,
    ) -> Result<ExportedImage, Error> {
        self.send(images::export(id, manta_path)?).await
    }

    /// CloneImage: makes an image that was shared with the account its own, under a new id.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn clone_image(&self, id: ImageId) -> Result<Image, Error> {
        self.send(images::clone(id)?).await
    }

    /// DeleteImage. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_image(&self, id: ImageId) -> Result<(), Error> {
        self.send(images::delete(id)?).await
    }
}
