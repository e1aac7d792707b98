//! From what a user writes to the thing that is meant: a UUID, a name, or the first digits of a UUID.
//!
//! What counts, in this order: the whole UUID; a name; the beginning of a UUID, four hex digits at least. Names are
//! compared exactly, as the server's own filters do not.

mod fetch;
mod nearest;

use std::cmp::Ordering;

use uuid::Uuid;

use crate::images::Image;
use crate::instances::Instance;
use crate::networks::Network;
use crate::packages::Package;

/// Digits of a UUID that a short id must have.
const SHORT_ID_MIN: usize = 4;

/// Candidates named in an error.
const CANDIDATES_MAX: usize = 5;

/// Why a name stands for nothing, or for more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nothing has that name or id.
    #[error("there is no {kind} {wanted:?}{}", nearest::sentence(nearest))]
    NotFound {
        /// `image`, `package`, `network`, `instance`.
        kind: &'static str,
        /// What was asked for.
        wanted: String,
        /// Names that are nearly the same, the nearest first.
        nearest: Vec<String>,
    },
    /// More than one thing has it.
    #[error("{wanted:?} stands for more than one {kind}: {}; name it by its whole UUID", candidates.join(", "))]
    Ambiguous {
        /// `image`, `package`, `network`, `instance`.
        kind: &'static str,
        /// What was asked for.
        wanted: String,
        /// Some of them: id and name.
        candidates: Vec<String>,
    },
}

/// Something with an id and a name.
trait Named {
    const KIND: &'static str;
    fn id(&self) -> Uuid;
    fn name(&self) -> String;
}

/// The image that is meant by a UUID, `name@version`, `name` (the newest), or the beginning of a UUID.
///
/// Several images may share name and version: the account's own come first, then the most recently published.
///
/// # Errors
///
/// [`ResolveError`] with the nearest names, or the candidates.
pub fn image<'a>(
    wanted: &str,
    images: &'a [Image],
    own: Option<&str>,
) -> Result<&'a Image, ResolveError> {
    if let Some(image) = by_id(wanted, images) {
        return Ok(image);
    }
    let named: Vec<&Image> = images.iter().filter(|image| is_called(image, wanted)).collect();
    if named.is_empty() {
        return by_short_id(wanted, images);
    }
    let is_own = |image: &&Image| own.is_some() && image.owner.as_deref() == own;
    let own: Vec<&Image> = named.iter().copied().filter(is_own).collect();
    let candidates = if own.is_empty() { named } else { own };
    let newest = candidates.iter().map(|image| image.published_at).max().flatten();
    let newest: Vec<&Image> =
        candidates.into_iter().filter(|image| image.published_at == newest).collect();
    one(wanted, newest)
}

/// The package that is meant by a UUID, a name (its highest version), or the beginning of a UUID.
///
/// # Errors
///
/// [`ResolveError`] with the nearest names, or the candidates.
pub fn package<'a>(wanted: &str, packages: &'a [Package]) -> Result<&'a Package, ResolveError> {
    if let Some(package) = by_id(wanted, packages) {
        return Ok(package);
    }
    let named: Vec<&Package> = packages.iter().filter(|package| package.name == wanted).collect();
    let Some(highest) = named.iter().max_by(|a, b| compare_versions(&a.version, &b.version)) else {
        return by_short_id(wanted, packages);
    };
    let is_highest =
        |package: &&Package| compare_versions(&package.version, &highest.version).is_eq();
    let highest = named.iter().copied().filter(is_highest).collect();
    one(wanted, highest)
}

/// The network or pool that is meant by a UUID, a name, or the beginning of a UUID.
///
/// # Errors
///
/// [`ResolveError`] with the nearest names, or the candidates.
pub fn network<'a>(wanted: &str, networks: &'a [Network]) -> Result<&'a Network, ResolveError> {
    by_id_or_name(wanted, networks)
}

/// The instance that is meant by a UUID, a name, or the beginning of a UUID.
///
/// # Errors
///
/// [`ResolveError`] with the nearest names, or the candidates.
pub fn instance<'a>(wanted: &str, instances: &'a [Instance]) -> Result<&'a Instance, ResolveError> {
    by_id_or_name(wanted, instances)
}

fn by_id_or_name<'a, T: Named>(wanted: &str, things: &'a [T]) -> Result<&'a T, ResolveError> {
    if let Some(thing) = by_id(wanted, things) {
        return Ok(thing);
    }
    let named: Vec<&T> = things.iter().filter(|thing| thing.name() == wanted).collect();
    if named.is_empty() { by_short_id(wanted, things) } else { one(wanted, named) }
}

fn by_id<'a, T: Named>(wanted: &str, things: &'a [T]) -> Option<&'a T> {
    let id = Uuid::parse_str(wanted).ok()?;
    things.iter().find(|thing| thing.id() == id)
}

fn by_short_id<'a, T: Named>(wanted: &str, things: &'a [T]) -> Result<&'a T, ResolveError> {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let may_be = wanted.len() >= SHORT_ID_MIN && wanted.bytes().all(is_hex);
    let prefix = wanted.to_ascii_lowercase();
    let begins = |thing: &&T| may_be && thing.id().to_string().starts_with(&prefix);
    one_of(wanted, things.iter().filter(begins).collect(), things)
}

fn one<'a, T: Named>(wanted: &str, found: Vec<&'a T>) -> Result<&'a T, ResolveError> {
    one_of(wanted, found, &[])
}

fn one_of<'a, T: Named>(wanted: &str, found: Vec<&'a T>, all: &[T]) -> Result<&'a T, ResolveError> {
    let (kind, wanted) = (T::KIND, wanted.to_owned());
    match found[..] {
        [thing] => Ok(thing),
        [] => {
            let nearest = nearest::nearest(&wanted, all.iter().map(Named::name).collect());
            Err(ResolveError::NotFound { kind, wanted, nearest })
        }
        _ => {
            let say = |thing: &&T| format!("{} ({})", thing.id(), thing.name());
            let candidates = found.iter().take(CANDIDATES_MAX).map(say).collect();
            Err(ResolveError::Ambiguous { kind, wanted, candidates })
        }
    }
}

/// By `name`, or by `name@version`; a name may hold an `@` itself.
fn is_called(image: &Image, wanted: &str) -> bool {
    image.name == wanted
        || wanted
            .rsplit_once('@')
            .is_some_and(|(name, version)| image.name == name && image.version == version)
}

/// Compares versions as semver does (section 11), and text that is none by its leading numbers.
fn compare_versions(one: &str, other: &str) -> Ordering {
    let key = |text: &str| {
        let text = text.split('+').next().unwrap_or_default().to_owned();
        let (release, suffix) = match text.split_once('-') {
            Some((release, suffix)) => (release.to_owned(), Some(suffix.to_owned())),
            None => (text, None),
        };
        let numbers: Vec<u64> =
            release.split('.').map(|part| part.parse().unwrap_or_default()).collect();
        // A version without a suffix comes after the one with it.
        (numbers, suffix.is_none(), suffix)
    };
    key(one).cmp(&key(other))
}

// === impl Named ===

impl Named for Image {
    const KIND: &'static str = "image";

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl Named for Package {
    const KIND: &'static str = "package";

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Network {
    const KIND: &'static str = "network";

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Named for Instance {
    const KIND: &'static str = "instance";

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests;
