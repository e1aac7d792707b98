//! The account's packages, images and networks, read rarely and shared by all pods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::images::{Image, ListImages};
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_podspec::Catalog;

use crate::limits::Limits;

/// How long a read that failed answers for those who come after it.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// A catalog that is read when first needed and again when it is old.
#[derive(Debug)]
pub struct CatalogKeeper {
    client: Client,
    limits: Limits,
    kept: Mutex<Kept>,
}

/// What the last reads came to.
#[derive(Debug, Default)]
struct Kept {
    held: Option<Held>,
    failed: Option<Failed>,
}

#[derive(Clone, Debug)]
struct Held {
    catalog: Arc<Catalog>,
    read_at: Instant,
}

#[derive(Clone, Debug)]
struct Failed {
    error: Arc<Error>,
    at: Instant,
}

// === impl CatalogKeeper ===

impl CatalogKeeper {
    /// A keeper that has read nothing yet.
    #[must_use]
    pub fn new(client: Client, limits: Limits) -> Self {
        Self { client, limits, kept: Mutex::default() }
    }

    /// The catalog, at most [`Limits::catalog_life`] old.
    ///
    /// # Errors
    /// When there is none yet and it cannot be read. A catalog that has grown old and cannot be read again is still
    /// good: CloudAPI checks every create anyway. A read that failed answers for all who waited for it, and for who
    /// comes within a second after it: else a thousand pods would each ask a CloudAPI that does not answer.
    pub async fn get(&self) -> Result<Arc<Catalog>, Arc<Error>> {
        self.at_most(self.limits.catalog_life).await
    }

    /// The catalog, read again because a pod names something that is not in it; not more often than
    /// [`Limits::catalog_retry`].
    ///
    /// # Errors
    /// As [`CatalogKeeper::get`].
    pub async fn refresh(&self) -> Result<Arc<Catalog>, Arc<Error>> {
        self.at_most(self.limits.catalog_retry).await
    }

    async fn at_most(&self, age: Duration) -> Result<Arc<Catalog>, Arc<Error>> {
        let mut kept = self.kept.lock().await;
        let now = Instant::now();
        if let Some(found) = kept.held.as_ref().filter(|found| now < found.read_at + age) {
            return Ok(Arc::clone(&found.catalog));
        }
        let failed = kept.failed.as_ref().filter(|failed| now < failed.at + FAILED_FOR);
        let error = match failed {
            Some(failed) => Arc::clone(&failed.error),
            None => match self.read().await {
                Ok(catalog) => {
                    let catalog = Arc::new(catalog);
                    let held = Held { catalog: Arc::clone(&catalog), read_at: now };
                    *kept = Kept { held: Some(held), failed: None };
                    return Ok(catalog);
                }
                Err(error) => {
                    let error = Arc::new(error);
                    let failed = Failed { error: Arc::clone(&error), at: Instant::now() };
                    kept.failed = Some(failed);
                    error
                }
            },
        };
        match &kept.held {
            Some(old) => Ok(Arc::clone(&old.catalog)),
            None => Err(error),
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
