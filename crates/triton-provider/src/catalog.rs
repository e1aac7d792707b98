//! The account's packages, images and networks, read rarely and shared by all pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::images::{Image, ListImages};
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_podspec::Catalog;

use crate::limits::Limits;

/// A catalog that is read when first needed and again when it is old.
#[derive(Debug)]
pub struct CatalogKeeper {
    client: Client,
    limits: Limits,
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Debug)]
struct Held {
    catalog: Arc<Catalog>,
    read_at: Instant,
}

// === impl CatalogKeeper ===

impl CatalogKeeper {
    /// A keeper that has read nothing yet.
    #[must_use]
    pub fn new(client: Client, limits: Limits) -> Self {
        Self { client, limits, held: Mutex::new(None) }
    }

    /// The catalog, at most [`Limits::catalog_life`] old.
    ///
    /// # Errors
    /// When there is none yet and it cannot be read. A catalog that has grown old and cannot be read again is still
    /// good: CloudAPI checks every create anyway.
    pub async fn get(&self) -> Result<Arc<Catalog>, Error> {
        self.at_most(self.limits.catalog_life).await
    }

    /// The catalog, read again because a pod names something that is not in it; not more often than
    /// [`Limits::catalog_retry`].
    ///
    /// # Errors
    /// As [`CatalogKeeper::get`].
    pub async fn refresh(&self) -> Result<Arc<Catalog>, Error> {
        self.at_most(self.limits.catalog_retry).await
    }

    async fn at_most(&self, age: std::time::Duration) -> Result<Arc<Catalog>, Error> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        match held.as_ref() {
            Some(found) if now.duration_since(found.read_at) < age => {
                Ok(Arc::clone(&found.catalog))
            }
            found => match (self.read().await, found) {
                (Ok(catalog), _) => {
                    let catalog = Arc::new(catalog);
                    *held = Some(Held { catalog: Arc::clone(&catalog), read_at: now });
                    Ok(catalog)
                }
                (Err(_), Some(old)) => Ok(Arc::clone(&old.catalog)),
                (Err(error), None) => Err(error),
            },
        }
    }

    async fn read(&self) -> Result<Catalog, Error> {
        let (packages, images, networks) =
            (ListPackages::default(), ListImages::default(), ListNetworks::default());
        let (packages, images, networks) = futures::try_join!(
            self.client.list_packages(&packages),
            self.client.list_images(&images),
            self.client.list_networks(&networks),
        )?;
        // What cannot be read cannot be chosen; the rest can.
        let images = images.items.into_iter().map(what_is_needed).collect();
        Ok(Catalog { images, packages: packages.items, networks: networks.items })
    }
}

/// An image without what nobody here asks of it: accounts have hundreds, with descriptions and licences of their own.
fn what_is_needed(mut image: Image) -> Image {
    (image.description, image.homepage, image.eula, image.error) = (None, None, None, None);
    (image.files, image.acl) = (Vec::new(), Vec::new());
    image.tags = BTreeMap::new();
    image
}
