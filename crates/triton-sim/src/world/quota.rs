//! How much an account may have: the operator's provision limits.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Image, Instance, Package, World};
use crate::refusal::Refusal;

/// A limit on what an account may have at a time, as GetProvisioningLimits shows it and as operators write it:
/// `{"value": 8192, "by": "ram", "check": "os", "os": "linux"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionLimit {
    /// How much; 0 is no limit and -1 allows nothing at all.
    pub value: i64,
    /// What is counted.
    #[serde(default)]
    pub by: LimitBy,
    /// Only instances of one kind count: `brand`, `image` or `os`, and which in the field of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<LimitCheck>,
    /// With `check` [`LimitCheck::Brand`]: the brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// With `check` [`LimitCheck::Image`]: the image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// With `check` [`LimitCheck::Os`]: the image's operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
}

/// What a [`ProvisionLimit`] counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitBy {
    /// Instances.
    #[default]
    Machines,
    /// Their memory, in MiB.
    Ram,
    /// Their disk, in GiB.
    Quota,
}

/// Which instances a [`ProvisionLimit`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitCheck {
    /// Those of a brand.
    Brand,
    /// Those of images of a name.
    Image,
    /// Those of images of an operating system.
    Os,
}

/// Stands for every brand, image or operating system.
const ANY: &str = "any";
const MIB_PER_GIB: u64 = 1024;

// === impl ProvisionLimit ===

impl ProvisionLimit {
    /// A limit of everything the account has.
    #[must_use]
    pub fn new(by: LimitBy, value: i64) -> Self {
        Self { value, by, check: None, brand: None, image: None, os: None }
    }

    /// Whether an instance of this brand and image counts.
    fn counts(&self, brand: &str, image: Option<&Image>) -> bool {
        let (wanted, found) = match self.check {
            None => return true,
            Some(LimitCheck::Brand) => (&self.brand, Some(brand)),
            Some(LimitCheck::Image) => (&self.image, image.map(|image| image.name.as_str())),
            Some(LimitCheck::Os) => (&self.os, image.map(|image| &*image.os)),
        };
        // A limit that does not say which is not in force.
        wanted.as_deref().is_some_and(|wanted| wanted == ANY || Some(wanted) == found)
    }

    fn amount(&self, memory_mib: u64, disk_mib: u64) -> u64 {
        match self.by {
            LimitBy::Machines => 1,
            LimitBy::Ram => memory_mib,
            LimitBy::Quota => disk_mib / MIB_PER_GIB,
        }
    }
}

// === impl World ===

impl World {
    /// The limits of an account.
    pub(crate) fn limits(&self, account: Uuid) -> &[ProvisionLimit] {
        self.limits.get(&account).map(Vec::as_slice).unwrap_or_default()
    }

    /// As GetProvisioningLimits shows them; limits of 0 are none.
    pub(crate) fn limits_json(&self, account: Uuid) -> Value {
        let limits = self.limits(account).iter().filter(|limit| limit.value != 0);
        limits
            .map(|limit| {
                let mut body = json!(limit);
                body["used"] = json!(self.used(account, limit, None));
                body
            })
            .collect()
    }

    /// Whether the account may have one more instance of this kind, or `resized` may become one.
    ///
    /// # Errors
    /// 403 NotAuthorized "Quota exceeded".
    pub(crate) fn check_quota(
        &self,
        account: Uuid,
        brand: &str,
        image: Option<&Image>,
        package: &Package,
        resized: Option<Uuid>,
    ) -> Result<(), Refusal> {
        let exceeds = |limit: &ProvisionLimit| {
            if limit.value < 0 {
                return true;
            }
            if limit.value == 0 || !limit.counts(brand, image) {
                return false;
            }
            // Resizing makes no instance more.
            if resized.is_some() && limit.by == LimitBy::Machines {
                return false;
            }
            let wanted = limit.amount(package.memory_mib, package.disk_mib);
            self.used(account, limit, resized).saturating_add(wanted) > limit.value.unsigned_abs()
        };
        if self.limits(account).iter().any(exceeds) {
            let message = "Quota exceeded; to have your limits raised please contact Support";
            return Err(Refusal::not_authorized(message));
        }
        Ok(())
    }

    fn used(&self, account: Uuid, limit: &ProvisionLimit, except: Option<Uuid>) -> u64 {
        let counts = |instance: &&Instance| {
            Some(instance.id) != except
                && limit.counts(instance.brand.as_str(), self.catalog.find_image(instance.image))
        };
        let amount = |instance: &Instance| limit.amount(instance.memory_mib, instance.disk_mib);
        self.active_of(account).filter(counts).map(amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::delays::Delays;

    /// Whether an account with one instance of 1 GiB and 25 GiB may have one more.
    #[track_caller]
    fn check(limit: Value, allowed: bool) {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let account = world.add_account("jill", Timestamp::UNIX_EPOCH);
        let image = world.catalog.images[0].clone();
        let mut instance = Instance::sample("web");
        (instance.owner, instance.image) = (account, image.id);
        world.instances.insert(instance.id, instance);
        world.limits.insert(account, vec![serde_json::from_value(limit.clone()).unwrap()]);
        let package = world.catalog.find_package("g4-highcpu-1G").unwrap();
        let verdict = world.check_quota(account, "lx", Some(&image), package, None);
        assert_eq!(verdict.is_ok(), allowed, "{limit}");
    }

    #[test]
    fn limits_count_what_they_are_about() {
        check(json!({ "value": 2 }), true);
        check(json!({ "value": 1 }), false);
        check(json!({ "value": 0 }), true);
        check(json!({ "value": -1 }), false);
        check(json!({ "value": 2048, "by": "ram" }), true);
        check(json!({ "value": 2047, "by": "ram" }), false);
        check(json!({ "value": 50, "by": "quota" }), true);
        check(json!({ "value": 49, "by": "quota" }), false);
        check(json!({ "value": 1, "check": "brand", "brand": "lx" }), false);
        check(json!({ "value": 1, "check": "brand", "brand": "kvm" }), true);
        check(json!({ "value": 1, "check": "os", "os": "linux" }), false);
        check(json!({ "value": 1, "check": "os", "os": "smartos" }), true);
        check(json!({ "value": 1, "check": "image", "image": "any" }), false);
        check(json!({ "value": 1, "check": "image" }), true);
    }
}
