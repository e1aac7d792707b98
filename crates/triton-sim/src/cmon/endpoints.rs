//! What CMON answers, decided at one moment.

use form_urlencoded::parse;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::certificate::account_of;
use super::metrics;
use crate::sim::State;
use crate::world::{Instance, InstanceState, check_tags, text_of};

/// A request as far as CMON looks at it.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The client's certificate, DER.
    pub(super) certificate: Option<&'a [u8]>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// The tag that puts an instance into groups, which discovery can ask for.
const GROUPS: &str = "triton.cmon.groups";
/// The tag that takes it out of discovery.
const DISABLE: &str = "_triton.cmon.disable";

// === impl Told ===

impl Told {
    fn refusal(status: u16, message: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain", body: message.into() }
    }

    fn not_found() -> Self {
        Self::refusal(404, "NotFoundError")
    }
}

/// In CMON's order: host, certificate, whose instance, throttle, endpoint.
pub(super) fn answer(state: &mut State, asked: &Asked<'_>, now: Timestamp) -> Told {
    if !matches!(asked.path, "/metrics" | "/v1/discover") {
        let body = json!({ "code": "ResourceNotFound", "message": format!("{} does not exist", asked.path) });
        return Told { status: 404, content_type: "application/json", body: body.to_string() };
    }
    let prefix = asked.host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let target = if prefix.len() == 36 { prefix.parse::<Uuid>().ok() } else { None };
    if target.is_none() && prefix != "cmon" {
        return Told::not_found();
    }
    let account = asked.certificate.and_then(|der| account_of(&state.world, der, now));
    let Some(account) = account else { return Told::refusal(401, "UnauthorizedError") };
    let instance = target.and_then(|id| state.world.instances.get(&id));
    let instance = instance.filter(|instance| instance.owner == account && is_shown(instance));
    if target.is_some() && instance.is_none() {
        return Told::not_found();
    }
    if let Err(refusal) = state.cmon_throttle.admit(account, "cmon", now) {
        return Told::refusal(refusal.status, refusal.message);
    }
    match (asked.path, instance) {
        ("/metrics", Some(instance)) => {
            let body = metrics::text(instance, now);
            Told { status: 200, content_type: "text/plain", body }
        }
        ("/metrics", None) => Told::not_found(),
        _ => discover(state, account, asked.query),
    }
}

/// Only what runs is in CMON's cache.
fn is_shown(instance: &Instance) -> bool {
    instance.state == InstanceState::Running && instance.compute_node.is_some()
}

fn discover(state: &State, account: Uuid, query: &str) -> Told {
    let groups = parse(query.as_bytes()).find(|(name, _)| name == "groups");
    let groups = groups.map(|(_, value)| value.into_owned());
    if let Some(groups) = &groups {
        let tag = [(GROUPS.to_owned(), json!(groups))].into_iter().collect();
        if let Err(refusal) = check_tags(&tag) {
            return Told::refusal(400, format!("invalid \"groups\":{}", refusal.message));
        }
    }
    let wanted: Option<Vec<&str>> = groups.as_deref().map(|groups| groups.split(',').collect());
    let instances = state.world.instances.values();
    let shown = instances.filter(|instance| instance.owner == account && is_shown(instance));
    let listed = shown.filter(|instance| {
        let disabled = instance.tags.get(DISABLE).is_some_and(|value| text_of(value) == "true");
        let own = groups_of(instance);
        !disabled
            && wanted.as_ref().is_none_or(|w| own.iter().any(|group| w.contains(&group.as_str())))
    });
    let containers: Vec<Value> = listed.map(container).collect();
    let body = json!({ "containers": containers }).to_string();
    Told { status: 200, content_type: "application/json", body }
}

fn container(instance: &Instance) -> Value {
    json!({
        "groups": groups_of(instance),
        "has_core_tag": false,
        "server_uuid": instance.compute_node,
        "source": "changefeed",
        "vm_alias": instance.name,
        "vm_brand": instance.brand.as_str(),
        "vm_image_uuid": instance.image,
        "vm_owner_uuid": instance.owner,
        "vm_uuid": instance.id,
        "cached_date": instance.updated.as_millisecond(),
    })
}

fn groups_of(instance: &Instance) -> Vec<String> {
    let groups = instance.tags.get(GROUPS).map(text_of).unwrap_or_default();
    groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect()
}
