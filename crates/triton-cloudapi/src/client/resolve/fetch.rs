//! The lists that names are looked up in.

use super::{ResolveError, image, instance, network, package};
use crate::client::list_all::unreadable;
use crate::client::{Client, Error};
use crate::ids::{ImageId, InstanceId, NetworkId};
use crate::images::{Image, ListImages};
use crate::instances::{Instance, ListInstances, Presence};
use crate::networks::{ListNetworks, Network};
use crate::packages::{ListPackages, Package};
use crate::page::{OddItem, Page};

// === impl Client ===

impl Client {
    /// The image that is meant by a UUID, `name@version`, `name` (the newest), or the beginning of a UUID.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] with the nearest names, or the candidates.
    pub async fn resolve_image(&self, wanted: &str) -> Result<Image, Error> {
        if let Ok(id) = wanted.parse::<ImageId>() {
            return found("image", wanted, self.get_image(id).await);
        }
        let Page { items: images, odd } = self.list_images(&ListImages::default()).await?;
        // Who owns what matters only where images of several owners share the name.
        let any = image(wanted, &images, None);
        let mut owners: Vec<_> = images
            .iter()
            .filter(|image| super::is_called(image, wanted))
            .map(|image| image.owner.as_deref())
            .collect();
        owners.sort_unstable();
        owners.dedup();
        if owners.len() < 2 {
            return sure(any, &odd);
        }
        let account = self.get_account().await?;
        sure(image(wanted, &images, Some(&account.id.to_string())), &odd)
    }

    /// The package that is meant by a UUID, a name (its highest version), or the beginning of a UUID.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] with the nearest names, or the candidates.
    pub async fn resolve_package(&self, wanted: &str) -> Result<Package, Error> {
        if uuid::Uuid::parse_str(wanted).is_ok() {
            return found("package", wanted, self.get_package(wanted).await);
        }
        let Page { items, odd } = self.list_packages(&ListPackages::default()).await?;
        sure(package(wanted, &items), &odd)
    }

    /// The network or pool that is meant by a UUID, a name, or the beginning of a UUID.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] with the nearest names, or the candidates.
    pub async fn resolve_network(&self, wanted: &str) -> Result<Network, Error> {
        if let Ok(id) = wanted.parse::<NetworkId>() {
            return found("network", wanted, self.get_network(id).await);
        }
        let Page { items, odd } = self.list_networks(&ListNetworks::default()).await?;
        sure(network(wanted, &items), &odd)
    }

    /// The instance that is meant by a UUID, a name, or the beginning of a UUID.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`] with the nearest names, or the candidates.
    pub async fn resolve_instance(&self, wanted: &str) -> Result<Instance, Error> {
        if let Ok(id) = wanted.parse::<InstanceId>() {
            return match self.find_instance(id).await? {
                Presence::Present(instance) => Ok(*instance),
                _ => Err(not_found("instance", wanted).into()),
            };
        }
        let instances = self.list_all_instances(&ListInstances::default()).await?;
        Ok(instance(wanted, &instances).cloned()?)
    }
}

/// What was found. That something is not there is not said while there are things in the list that cannot be read.
fn sure<T: Clone>(found: Result<&T, ResolveError>, odd: &[OddItem]) -> Result<T, Error> {
    match (found, odd.first()) {
        (Ok(thing), _) => Ok(thing.clone()),
        (Err(ResolveError::NotFound { .. }), Some(odd)) => Err(unreadable(odd)),
        (Err(error), _) => Err(error.into()),
    }
}

/// A thing asked for by its UUID; that it is not there is told in the same words as for a name.
fn found<T>(kind: &'static str, wanted: &str, result: Result<T, Error>) -> Result<T, Error> {
    match result {
        Err(error) if error.is_not_found() => Err(not_found(kind, wanted).into()),
        result => result,
    }
}

fn not_found(kind: &'static str, wanted: &str) -> ResolveError {
    ResolveError::NotFound { kind, wanted: wanted.to_owned(), nearest: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_not_to_be_there_beside_what_cannot_be_read() {
        let odd = [OddItem { index: 0, id: None, reason: "x".to_owned() }];
        let missing = || Err(not_found("image", "web"));
        assert!(matches!(sure::<u32>(missing(), &[]), Err(Error::Resolve(_))));
        assert!(matches!(sure::<u32>(missing(), &odd), Err(Error::Incomplete { .. })));
        assert_eq!(sure(Ok(&7), &odd).unwrap(), 7);
    }
}
