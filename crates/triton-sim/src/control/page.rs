//! The live web page: one file, and the view that it asks for every second.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::faults::{Fault, FaultEntry, FaultKind};
use crate::requests::RequestRecord;
use crate::sim::{Sim, State};
use crate::world::{ChangeRecord, Instance, InstanceState, World};

const PAGE: &str = include_str!("page.html");
/// How many of the last requests and changes are shown.
const LAST_SHOWN: usize = 100;

/// Nothing but this page's own script and style runs, whatever a tag holds.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let text = PAGE.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
        BASE64.encode(Sha256::digest(text.map_or("", |(text, _)| text)))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style"),
    )
});

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Seen {
    /// What the last view said; what has not changed since is left out.
    seen: Option<u64>,
}

/// What the page shows.
#[derive(Serialize)]
struct View {
    now: Timestamp,
    seen: u64,
    #[serde(flatten)]
    things: Option<Things>,
    networks: Vec<NetworkView>,
    faults: Vec<FaultView>,
    read_only: bool,
    /// Requests in each second of the last minute, this one last.
    rate: Vec<u32>,
    request_count: u64,
    requests: Vec<RequestRecord>,
    change_count: u64,
    changes: Vec<ChangeView>,
}

/// What changes only when something changes.
#[derive(Serialize)]
struct Things {
    instances: Vec<InstanceView>,
    rules: Vec<RuleView>,
}

#[derive(Serialize)]
struct InstanceView {
    id: Uuid,
    name: String,
    account: String,
    state: InstanceState,
    brand: &'static str,
    ips: Vec<Ipv4Addr>,
    package: String,
    image: String,
    created: Timestamp,
    compute_node: Option<Uuid>,
    firewall_enabled: bool,
    deletion_protection: bool,
    tags: Map<String, Value>,
}

#[derive(Serialize)]
struct NetworkView {
    id: Uuid,
    name: String,
    public: bool,
    fabric: bool,
    subnet: String,
    used: usize,
}

#[derive(Serialize)]
struct RuleView {
    id: Uuid,
    account: Option<String>,
    rule: String,
    enabled: bool,
    description: Option<String>,
}

#[derive(Serialize)]
struct FaultView {
    #[serde(flatten)]
    entry: FaultEntry,
    set: Vec<FaultSet>,
}

#[derive(Serialize)]
struct FaultSet {
    #[serde(flatten)]
    fault: Fault,
    struck: u32,
}

#[derive(Serialize)]
struct ChangeView {
    #[serde(flatten)]
    record: ChangeRecord,
    name: Option<String>,
}

/// Its routes.
pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/--sim", get(async || Redirect::permanent("/--sim/")))
        .route("/--sim/", get(async || page()))
        .route("/--sim/view", get(view))
}

fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE).into_response()
}

async fn view(Shared(sim): Shared<Sim>, Query(Seen { seen }): Query<Seen>) -> Json<View> {
    Json(sim.with(|state, now| look(state, seen, now)))
}

fn look(state: &State, seen: Option<u64>, now: Timestamp) -> View {
    let world = &state.world;
    let request_count = state.requests.last();
    let change_count = world.journal.last();
    let last = |count: u64| count.saturating_sub(LAST_SHOWN as u64);
    let changes = world.journal.since(last(change_count)).map(|record| ChangeView {
        name: world.instances.get(&record.id).map(|instance| instance.name.clone()),
        record: record.clone(),
    });
    let requests = state.requests.since(last(request_count)).cloned();
    View {
        now,
        seen: world.changes.wrapping_add(change_count),
        things: (seen != Some(world.changes.wrapping_add(change_count))).then(|| things(world)),
        networks: networks(world),
        faults: faults(state),
        read_only: state.read_only.is_some(),
        rate: state.requests.rate(now),
        request_count,
        requests: newest_first(requests),
        change_count,
        changes: newest_first(changes),
    }
}

fn newest_first<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.reverse();
    items
}

fn things(world: &World) -> Things {
    let login = |id: &Uuid| world.accounts.get(id).map(|account| account.login.clone());
    let image_names: BTreeMap<Uuid, String> = world
        .catalog
        .images
        .iter()
        .map(|image| (image.id, format!("{}@{}", image.name, image.version)))
        .collect();
    let active =
        world.instances.values().filter(|instance| instance.state != InstanceState::Deleted);
    let mut instances: Vec<&Instance> = active.collect();
    instances.sort_by_key(|instance| std::cmp::Reverse((instance.created, instance.id)));
    let instance = |instance: &Instance| InstanceView {
        id: instance.id,
        name: instance.name.clone(),
        account: login(&instance.owner).unwrap_or_default(),
        state: instance.state,
        brand: instance.brand.as_str(),
        ips: instance.nics.iter().map(|nic| nic.ip).collect(),
        package: instance.package_name.clone(),
        image: image_names.get(&instance.image).cloned().unwrap_or_default(),
        created: instance.created,
        compute_node: instance.compute_node,
        firewall_enabled: instance.firewall_enabled,
        deletion_protection: instance.deletion_protection,
        tags: instance.tags.clone(),
    };
    let rules = world.rules.values().map(|rule| RuleView {
        id: rule.id,
        account: rule.owner.as_ref().and_then(login),
        rule: rule.rule.to_string(),
        enabled: rule.enabled,
        description: rule.description.clone(),
    });
    Things { instances: instances.into_iter().map(instance).collect(), rules: rules.collect() }
}

fn networks(world: &World) -> Vec<NetworkView> {
    let networks = world.catalog.networks.iter().map(|network| NetworkView {
        id: network.id,
        name: network.name.clone(),
        public: network.public,
        fabric: network.fabric,
        subnet: world.addresses.subnet(network.id).to_string(),
        used: world.addresses.holders(network.id).count(),
    });
    networks.collect()
}

fn faults(state: &State) -> Vec<FaultView> {
    let all = state.faults.all();
    let set = |kind: FaultKind| {
        let of_kind = all.iter().filter(|(set, ..)| *set == kind);
        of_kind
            .map(|(_, fault, struck)| FaultSet { fault: fault.clone(), struck: *struck })
            .collect()
    };
    FaultKind::ALL
        .into_iter()
        .map(|kind| FaultView { entry: *kind.entry(), set: set(kind) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_alone_and_makes_no_markup_of_values() {
        assert_eq!(PAGE.matches("<script>").count(), 1);
        assert_eq!(PAGE.matches("<style>").count(), 1);
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "src=",
            "@import",
            "onclick=\"",
        ] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
        assert!(!POLICY.contains("unsafe-inline"));
        assert_eq!(POLICY.matches("sha256-").count(), 2);
    }
}
