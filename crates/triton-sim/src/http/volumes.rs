//! NFS volumes.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, Params, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{
    VOLUME_SIZES_MIB, VOLUME_TYPE, Volume, VolumeParams, check_affinity_rules, is_volume_name,
    wildcard_matches,
};

pub(super) const ROUTES: &[Route] = &[
    Route::get_only("/:account/volumesizes", "ListVolumeSizes", "volumes", list_sizes),
    Route::get_only("/:account/volumes", "ListVolumes", "volumes", list),
    Route::post("/:account/volumes", "CreateVolume", "volumes", create),
    Route::get_only("/:account/volumes/:id", "GetVolume", "volumes", get),
    Route::post("/:account/volumes/:id", "UpdateVolume", "volumes", update),
    Route::delete("/:account/volumes/:id", "DeleteVolume", "volumes", delete),
];

const LIST_PARAMS: [&str; 5] = ["name", "predicate", "size", "state", "type"];
const STATES: [&str; 4] = ["creating", "ready", "failed", "deleting"];

fn list_sizes(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let mut findings = Findings::default();
    if let Some(kind) = call.params.get("type") {
        findings.check_type(Some(kind));
    }
    findings.refuse()?;
    let sizes = VOLUME_SIZES_MIB.map(|size| json!({ "size": size, "type": VOLUME_TYPE }));
    Ok(page(sizes.to_vec()))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let filter = Filter::read(&call.params)?;
    let volumes = call.world.volumes.values();
    let wanted = volumes.filter(|v| v.owner == call.account && filter.matches(v));
    Ok(page(wanted.map(Volume::to_json).collect()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let id = volume_id(&call.params)?;
    Ok(Answer::ok(call.world.volume(call.account, id, "getting")?.to_json()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let params = &call.params;
    let mut findings = Findings::default();
    if let Some(name) = params.get("name") {
        findings.check_name(name);
    }
    findings.check_type(params.get("type"));
    if let Some(size) = params.get("size").filter(|size| size.as_u64().is_none_or(|s| s == 0)) {
        findings.add(format!("Invalid volume size: {}", plain(size)));
    }
    let networks = findings.read_networks(params.get("networks"));
    let is_string_list =
        |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    if params.get("affinity").is_some_and(|affinity| !is_string_list(affinity)) {
        findings.add("Invalid affinity: affinity must be an array of strings");
    }
    let tags = findings.read_tags(params.get("tags"));
    findings.refuse()?;
    let rules = params.get("affinity").and_then(Value::as_array).into_iter().flatten();
    check_affinity_rules(rules.filter_map(Value::as_str))?;
    let params = VolumeParams {
        name: params.str("name").map(str::to_owned),
        size_mib: params.get("size").and_then(Value::as_u64),
        networks,
        tags,
    };
    let id = call.world.create_volume(call.account, params, call.now)?;
    Ok(Reply::json(201, call.world.volume(call.account, id, "creating")?.to_json()).into())
}

/// Only the name can be changed. The manual says 204; the code answers with the volume.
fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let mut findings = Findings::default();
    if let Some(name) = call.params.get("name") {
        findings.check_name(name);
    }
    findings.refuse()?;
    let id = volume_id(&call.params)?;
    if let Some(name) = call.params.str("name").map(str::to_owned) {
        call.world.rename_volume(call.account, id, &name)?;
    }
    Ok(Answer::ok(call.world.volume(call.account, id, "updating")?.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_there(call)?;
    let id = volume_id(&call.params)?;
    call.world.delete_volume(call.account, id, call.now)?;
    Ok(Answer::empty(204))
}

/// # Errors
/// 404 for every path of volumes where the operator has not switched them on.
fn must_be_there(call: &Call<'_>) -> Result<(), Refusal> {
    if call.world.features.volumes {
        return Ok(());
    }
    Err(Refusal::not_found(format!("{} does not exist", call.trouble.endpoint)))
}

/// There is no limit, and the header says so in JavaScript's words.
fn page(items: Vec<Value>) -> Answer {
    let count = items.len();
    let reply = Reply::json(200, items.into()).header("x-query-limit", "undefined");
    reply.header("x-resource-count", count).into()
}

fn volume_id(params: &Params) -> Result<Uuid, Refusal> {
    let text = params.str("id").unwrap_or_default();
    text.parse().map_err(|_| Refusal::invalid_argument(format!("Error: Invalid volume ID: {text}")))
}

/// What is wrong with a request: CloudAPI tells all of it at once.
#[derive(Debug, Default)]
struct Findings(Vec<String>);

// === impl Findings ===

impl Findings {
    fn add(&mut self, message: impl Into<String>) {
        self.0.push(format!("Error: {}", message.into()));
    }

    /// # Errors
    /// 409 InvalidArgument, if anything was found.
    fn refuse(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::invalid_argument(self.0.join(", "))) }
    }

    fn check_name(&mut self, name: &Value) {
        match name.as_str() {
            None => self.add("Invalid volume name: volume name must be a string"),
            Some(name) if !is_volume_name(name) => self.add(format!(
                "Invalid volume name: {name}. Volume name should match /^[a-z0-9][\\w.-]+$/i"
            )),
            Some(_) => {}
        }
    }

    fn check_type(&mut self, kind: Option<&Value>) {
        if kind.and_then(Value::as_str) != Some(VOLUME_TYPE) {
            let kind = kind.map_or("undefined".to_owned(), plain);
            self.add(format!(
                "Invalid volume type: {kind}. Volume type should be one of: {VOLUME_TYPE}"
            ));
        }
    }

    fn read_networks(&mut self, networks: Option<&Value>) -> Option<Vec<Uuid>> {
        let Some(items) = networks?.as_array() else {
            self.add("Invalid networks: networks must be an array");
            return None;
        };
        let id = |item: &Value| item.as_str().and_then(|id| id.parse::<Uuid>().ok());
        let ids: Option<Vec<Uuid>> = items.iter().map(id).collect();
        if ids.is_none() {
            let items: Vec<String> = items.iter().map(plain).collect();
            self.add(format!("Invalid networks: {}", items.join(",")));
        }
        ids
    }

    fn read_tags(&mut self, tags: Option<&Value>) -> Map<String, Value> {
        match tags {
            None => Map::new(),
            Some(Value::Object(tags)) if tags.values().all(Value::is_string) => tags.clone(),
            Some(_) => {
                self.add("Invalid tags: tags must be an object of key/value strings");
                Map::new()
            }
        }
    }
}

/// What ListVolumes shows.
#[derive(Debug, Default)]
struct Filter {
    name: Option<String>,
    size_mib: Option<u64>,
    state: Option<String>,
    predicate: Option<Value>,
}

// === impl Filter ===

impl Filter {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let mut findings = Findings::default();
        for (key, _) in params.iter().filter(|(key, _)| *key != "account" && *key != "as-role") {
            if !LIST_PARAMS.contains(&key.as_str()) {
                findings.add(format!("invalid parameter: {key}"));
            }
        }
        let name = params.get("name").map(plain);
        if name.as_deref().is_some_and(|name| !is_name_pattern(name)) {
            findings.add("invalid value for name search parameter");
        }
        if let Some(kind) = params.get("type") {
            findings.check_type(Some(kind));
        }
        let size = params.get("size").map(plain);
        let size_mib = size.as_deref().map(|size| {
            let is_number = size.bytes().all(|b| b.is_ascii_digit()) && !size.starts_with('0');
            size.parse::<u64>().ok().filter(|_| is_number)
        });
        if size_mib == Some(None) {
            findings.add("invalid value for size search parameter, must match /^[1-9][0-9]*$/");
        }
        let state = params.get("state").map(plain);
        if let Some(state) = state.as_deref().filter(|state| !STATES.contains(state)) {
            findings.add(format!("Volume state: {state} is invalid"));
        }
        let predicate = match params.str("predicate").map(serde_json::from_str::<Value>) {
            None => None,
            Some(Ok(predicate)) if is_predicate(&predicate) => Some(predicate),
            Some(_) => {
                findings.add("Could not parse JSON predicate");
                None
            }
        };
        for field in LIST_PARAMS {
            if params.get(field).is_some()
                && predicate.as_ref().is_some_and(|predicate| names_field(predicate, field))
            {
                findings.add(format!(
                    "predicate has \"{field}\" which conflicts with parameter with same name"
                ));
            }
        }
        findings.refuse()?;
        Ok(Self { name, size_mib: size_mib.flatten(), state, predicate })
    }

    fn matches(&self, volume: &Volume) -> bool {
        let state = volume.state.as_str();
        let shown = match (&self.state, &self.predicate) {
            (Some(wanted), _) => wanted == state,
            // A predicate takes the place of the rule that hides failed ones.
            (None, Some(_)) => true,
            (None, None) => state != "failed",
        };
        shown
            && self.name.as_deref().is_none_or(|name| wildcard_matches(name, &volume.name))
            && self.size_mib.is_none_or(|size| size == volume.size_mib)
            && self.predicate.as_ref().is_none_or(|predicate| holds(predicate, &volume.to_json()))
    }
}

/// `/^\*?[\w.-]+\*?$/i`
fn is_name_pattern(text: &str) -> bool {
    let inner = text.strip_prefix('*').unwrap_or(text);
    let inner = inner.strip_suffix('*').unwrap_or(inner);
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !inner.is_empty() && inner.chars().all(word)
}

/// krill's predicates: `{"and": [...]}`, `{"or": [...]}`, `{"eq": ["state", "ready"]}` and so on.
fn is_predicate(predicate: &Value) -> bool {
    let Some(map) = predicate.as_object() else { return false };
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (None, _) => true,
        (Some((verb, Value::Array(items))), None) => match verb.as_str() {
            "and" | "or" => !items.is_empty() && items.iter().all(is_predicate),
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" => items.len() == 2 && items[0].is_string(),
            _ => false,
        },
        _ => false,
    }
}

fn names_field(predicate: &Value, field: &str) -> bool {
    let lists = predicate.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_array);
    lists
        .flatten()
        .any(|item| item.as_str() == Some(field) || (item.is_object() && names_field(item, field)))
}

fn holds(predicate: &Value, volume: &Value) -> bool {
    let Some((verb, items)) = predicate.as_object().and_then(|map| map.iter().next()) else {
        return true;
    };
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let order = || {
        let (field, wanted) = (items.first()?.as_str()?, items.get(1)?);
        let found = &volume[field];
        match (found.as_u64(), wanted.as_u64()) {
            (Some(found), Some(wanted)) => Some(found.cmp(&wanted)),
            _ => Some(plain(found).cmp(&plain(wanted))),
        }
    };
    match verb.as_str() {
        "and" => items.iter().all(|item| holds(item, volume)),
        "or" => items.iter().any(|item| holds(item, volume)),
        "eq" => order().is_some_and(std::cmp::Ordering::is_eq),
        "ne" => order().is_some_and(std::cmp::Ordering::is_ne),
        "lt" => order().is_some_and(std::cmp::Ordering::is_lt),
        "le" => order().is_some_and(std::cmp::Ordering::is_le),
        "gt" => order().is_some_and(std::cmp::Ordering::is_gt),
        _ => order().is_some_and(std::cmp::Ordering::is_ge),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
