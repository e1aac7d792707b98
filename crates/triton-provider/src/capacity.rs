//! What the node can hold: what the operator says, and no more than CloudAPI lets the account have.
//!
//! The scheduler counts pods against it, so that pods which the account has no room for stay Pending with a reason
//! instead of being refused one by one.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::Client;
use triton_cloudapi::limits::{LimitBy, ProvisioningLimit};
use triton_podspec::quantity::Amount;
use virtual_node::Capacity;

use crate::observer::{Observer, chain};
use crate::tasks;

/// How often the limits of the account are asked for.
const EVERY: Duration = Duration::from_secs(600);

/// MiB in a GiB.
const GIB: u64 = 1024;

/// What the node can hold while its account has these limits, and `ours` of its instances belong to pods of the node.
///
/// Instances are counted exactly: those that others have made are no room of ours. Of memory and disk it is not known
/// which part of what is used is ours, so all that the account may have counts. Limits on one image, brand or operating
/// system say nothing about the node, and neither do those of 0 or less (CloudAPI manual, "GetProvisioningLimits").
#[must_use]
pub fn capacity(configured: &Capacity, limits: &[ProvisioningLimit], ours: u64) -> Capacity {
    let mut capacity = configured.clone();
    if capacity.allocatable.is_empty() {
        capacity.allocatable = capacity.total.clone();
    }
    for limit in limits.iter().filter(|limit| is_general(limit)) {
        let Some(value) = positive(limit.value) else { continue };
        let (resource, total, left) = match limit.by {
            LimitBy::Machines => {
                let others = positive(limit.used).unwrap_or_default().saturating_sub(ours);
                let left = value.saturating_sub(others);
                ("pods", whole(value), whole(left))
            }
            LimitBy::Ram => ("memory", mib(value), mib(value)),
            LimitBy::Quota => {
                let disk = mib(value.saturating_mul(GIB));
                ("ephemeral-storage", disk.clone(), disk)
            }
            _ => continue,
        };
        for (held, (most, text)) in
            [(&mut capacity.total, total), (&mut capacity.allocatable, left)]
        {
            let known = held.get(resource).and_then(|text| Amount::parse(&Quantity(text.clone())));
            if known.is_none_or(|known| most < known) {
                held.insert(resource.to_owned(), text);
            }
        }
    }
    capacity
}

/// Follows the limits of the account until `term` ends. Where they cannot be asked for, or there are none, the node holds
/// what the operator says.
pub(crate) fn follow(
    client: Client,
    observer: Observer,
    configured: Capacity,
    term: CancellationToken,
) -> watch::Receiver<Capacity> {
    let (told, capacities) = watch::channel(configured.clone());
    tasks::keep("capacity", term, async move {
        // How many instances are ours is known with the first list.
        let began = tokio::time::Instant::now();
        let _ = observer.next_after(began).await;
        let mut had_failed = false;
        loop {
            match client.get_provisioning_limits().await {
                Ok(limits) => {
                    let ours = observer.snapshot().map_or(0, |snapshot| snapshot.len());
                    let ours = u64::try_from(ours).unwrap_or(u64::MAX);
                    let capacity = capacity(&configured, &limits.items, ours);
                    told.send_if_modified(|known| {
                        let differs = *known != capacity;
                        *known = capacity;
                        differs
                    });
                    had_failed = false;
                }
                // What was known last holds; a sub-user may lack the right for good.
                Err(error) => {
                    if !std::mem::replace(&mut had_failed, true) {
                        tracing::info!(error = %chain(&error), "the limits of the account cannot be asked for; the node's capacity stays as it is");
                    }
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    capacities
}

fn is_general(limit: &ProvisioningLimit) -> bool {
    limit.check.is_none() && limit.os.is_none() && limit.image.is_none() && limit.brand.is_none()
}

fn positive(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0)
}

fn whole(units: u64) -> (Amount, String) {
    (Amount::whole(units), units.to_string())
}

fn mib(mib: u64) -> (Amount, String) {
    (Amount::mib(mib), format!("{mib}Mi"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn configured() -> Capacity {
        let total = [("cpu", "4000"), ("memory", "16Ti"), ("pods", "5000")];
        let total: BTreeMap<String, String> =
            total.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        Capacity { total, allocatable: BTreeMap::new() }
    }

    /// What the node holds of a resource, and what of it is left, under these limits with ten instances of ours.
    #[track_caller]
    fn check(limits: Value, resource: &str, total: &str, left: &str) {
        let limits: Vec<ProvisioningLimit> = serde_json::from_value(limits).unwrap();
        let found = capacity(&configured(), &limits, 10);
        let of = |held: &BTreeMap<String, String>| held.get(resource).cloned().unwrap_or_default();
        assert_eq!((of(&found.total), of(&found.allocatable)), (total.into(), left.into()));
    }

    #[test]
    fn an_account_without_limits_has_what_the_operator_says() {
        check(json!([]), "pods", "5000", "5000");
        check(json!([{ "by": "machines", "value": 0 }]), "pods", "5000", "5000");
        check(json!([{ "by": "machines", "value": -1 }]), "pods", "5000", "5000");
        check(json!([{ "by": "later", "value": 3 }]), "pods", "5000", "5000");
    }

    #[test]
    fn what_others_have_made_is_no_room_for_pods() {
        check(json!([{ "by": "machines", "value": 100 }]), "pods", "100", "100");
        check(json!([{ "by": "machines", "value": 100, "used": 10 }]), "pods", "100", "100");
        check(json!([{ "by": "machines", "value": 100, "used": 35 }]), "pods", "100", "75");
        check(json!([{ "by": "machines", "value": 100, "used": 200 }]), "pods", "100", "0");
        // A list may be ahead of the count.
        check(json!([{ "by": "machines", "value": 100, "used": 4 }]), "pods", "100", "100");
    }

    #[test]
    fn memory_and_disk_are_no_more_than_the_account_may_have() {
        check(json!([{ "by": "ram", "value": 65536, "used": 9 }]), "memory", "65536Mi", "65536Mi");
        let disk = json!([{ "by": "quota", "value": 200 }]);
        check(disk, "ephemeral-storage", "204800Mi", "204800Mi");
    }

    #[test]
    fn an_operator_may_say_less() {
        check(json!([{ "by": "machines", "value": 6000 }]), "pods", "5000", "5000");
        check(json!([{ "by": "ram", "value": 33_554_432 }]), "memory", "16Ti", "16Ti");
        // Of two limits the smaller one counts.
        let two = json!([{ "by": "machines", "value": 50 }, { "by": "machines", "value": 60 }]);
        check(two, "pods", "50", "50");
    }

    #[test]
    fn a_limit_on_one_kind_of_instance_is_none_on_the_node() {
        for kind in ["image", "os", "brand", "check"] {
            check(json!([{ "by": "machines", "value": 1, kind: "any" }]), "pods", "5000", "5000");
        }
    }
}
