//! Instances and sightings for the tests of decisions.

use std::sync::Arc;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;

use triton_podspec::ownership::Owner;
use uuid::Uuid;

use super::Sighting;
use crate::seen::Seen;

pub(crate) fn id(n: u128) -> InstanceId {
    InstanceId(Uuid::from_u128(n))
}

/// Instance `n`, created in second `n`.
pub(crate) fn instance(n: u128, state: &str) -> Arc<Seen> {
    let created = jiff::Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
    let value = serde_json::json!({
        "id": id(n), "name": format!("web-{n}"), "state": state, "brand": "lx", "created": created.to_string(),
    });
    let owner = Owner {
        cluster: "c".to_owned(),
        node: "n".to_owned(),
        namespace: "default".to_owned(),
        name: format!("web-{n}"),
        uid: "u".to_owned(),
    };
    Arc::new(Seen::with_owner(&serde_json::from_value(value).unwrap(), owner))
}

pub(crate) fn protected(n: u128, state: &str) -> Arc<Seen> {
    let mut instance = Arc::unwrap_or_clone(instance(n, state));
    instance.deletion_protection = true;
    Arc::new(instance)
}

pub(crate) fn list(taken_at: Instant, instances: &[Arc<Seen>]) -> Sighting {
    Sighting { taken_at, instances: instances.to_vec(), told: Vec::new() }
}
