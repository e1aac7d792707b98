//! Metadata of an instance. Changes are jobs: the answer is a prediction.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{JobKind, KEPT_METADATA};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/metadata", "ListMachineMetadata", "machines", list),
    Route::post("/:account/machines/:machine/metadata", "AddMachineMetadata", "machines", add),
    Route::delete(
        "/:account/machines/:machine/metadata",
        "DeleteAllMachineMetadata",
        "machines",
        delete_all,
    ),
    Route::get("/:account/machines/:machine/metadata/:key", "GetMachineMetadata", "machines", get),
    Route::delete(
        "/:account/machines/:machine/metadata/:key",
        "DeleteMachineMetadata",
        "machines",
        delete,
    ),
];

/// Parameters that are not taken for metadata; nor is anything that ends in `_pw`.
const DROPPED: [&str; 7] =
    ["account", "machine", "uuid", "owner_uuid", "context", "image", "credentials"];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    let mut metadata = instance.metadata.clone();
    if call.params.is_truthy("credentials") && !instance.credentials.is_empty() {
        metadata.insert("credentials".to_owned(), json!(instance.credentials));
    }
    Ok(Answer::ok(Value::Object(metadata)))
}

fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let kept = call
        .params
        .iter()
        .filter(|(key, _)| !DROPPED.contains(&key.as_str()) && !key.ends_with("_pw"));
    let metadata: Map<String, Value> =
        kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut predicted = call.instance()?.metadata.clone();
    predicted.extend(metadata.clone());
    let job = submit(call, JobKind::AddMetadata(metadata))?;
    Ok(Reply::json(200, Value::Object(predicted)).header("x-job-uuid", job).into())
}

fn delete_all(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let job = submit(call, JobKind::RemoveMetadata(None))?;
    Ok(Reply::empty(204).header("x-job-uuid", job).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let key = call.params.str("key").unwrap_or_default();
    let value = call.instance()?.metadata.get(key).and_then(Value::as_str);
    let value = value.ok_or_else(|| Refusal::not_found(format!("{key} not found")))?;
    if call.wants_text {
        return Ok(Reply::text(value.to_owned()).into());
    }
    Ok(Answer::ok(value.into()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let key = call.params.str("key").unwrap_or_default().to_owned();
    if key == "credentials" || KEPT_METADATA.contains(&key.as_str()) {
        return Err(Refusal::invalid_argument(format!("{key} cannot be deleted")));
    }
    if !call.instance()?.metadata.contains_key(&key) {
        return Err(Refusal::not_found(format!("{key} not found")));
    }
    let job = submit(call, JobKind::RemoveMetadata(Some(key)))?;
    Ok(Reply::empty(204).header("x-job-uuid", job).into())
}

fn submit(call: &mut Call<'_>, kind: JobKind) -> Result<uuid::Uuid, Refusal> {
    let id = call.instance_id()?;
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(call.world.new_id())
}
