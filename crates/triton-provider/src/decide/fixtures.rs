//! Instances and sightings for the tests of decisions.

use std::sync::Arc;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::Instance;
use uuid::Uuid;

use super::Sighting;

pub(crate) fn id(n: u128) -> InstanceId {
    InstanceId(Uuid::from_u128(n))
}

/// Instance `n`, created in second `n`.
pub(crate) fn instance(n: u128, state: &str) -> Arc<Instance> {
    let created = jiff::Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
    let value = serde_json::json!({
        "id": id(n), "name": format!("web-{n}"), "state": state, "brand": "lx", "created": created.to_string(),
    });
    Arc::new(serde_json::from_value(value).unwrap())
}

pub(crate) fn protected(n: u128, state: &str) -> Arc<Instance> {
    let mut instance = Arc::unwrap_or_clone(instance(n, state));
    instance.deletion_protection = true;
    Arc::new(instance)
}

pub(crate) fn list(taken_at: Instant, instances: &[Arc<Instance>]) -> Sighting {
    Sighting { taken_at, instances: instances.to_vec(), told: Vec::new() }
}
