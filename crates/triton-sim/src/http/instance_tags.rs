//! Tags of an instance. Changes are jobs: the answer is a prediction.

use serde_json::{Map, Value};

use super::{Answer, Call, Params, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{JobKind, check_tags, is_docker_reserved, text_of};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/tags", "ListMachineTags", "machines", list),
    Route::post("/:account/machines/:machine/tags", "AddMachineTags", "machines", add),
    Route::put("/:account/machines/:machine/tags", "ReplaceMachineTags", "machines", replace),
    Route::delete("/:account/machines/:machine/tags", "DeleteMachineTags", "machines", delete_all),
    Route::get("/:account/machines/:machine/tags/:tag", "GetMachineTag", "machines", get),
    Route::delete("/:account/machines/:machine/tags/:tag", "DeleteMachineTag", "machines", delete),
];

/// Parameters that are not taken for tags.
const DROPPED: [&str; 6] = ["account", "machine", "uuid", "owner_uuid", "context", "image"];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(Value::Object(call.instance()?.tags.clone())))
}

fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let tags = read(&call.params)?;
    if tags.is_empty() {
        return Err(Refusal::validation("tags", "MissingParameter", "no tags were given"));
    }
    let mut predicted = call.instance()?.tags.clone();
    predicted.extend(tags.clone());
    submit(call, JobKind::AddTags(tags), predicted)
}

fn replace(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let tags = read(&call.params)?;
    submit(call, JobKind::ReplaceTags(tags.clone()), tags)
}

fn delete_all(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let answer = submit(call, JobKind::RemoveTags(None), Map::new())?;
    Ok(without_body(answer))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let tag = call.params.str("tag").unwrap_or_default();
    let value = call
        .instance()?
        .tags
        .get(tag)
        .ok_or_else(|| Refusal::not_found(format!("{tag} not found")))?;
    if call.wants_text {
        return Ok(Reply::text(text_of(value)).into());
    }
    // The real one answers with an empty string for whatever is not text.
    Ok(Answer::ok(value.as_str().unwrap_or_default().into()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let tag = call.params.str("tag").unwrap_or_default().to_owned();
    if is_docker_reserved(&tag) {
        return Err(Refusal::validation(
            "tags",
            "Invalid",
            format!("Special tag not supported: {tag}"),
        ));
    }
    if !call.instance()?.tags.contains_key(&tag) {
        return Err(Refusal::not_found(format!("{tag} not found")));
    }
    let answer = submit(call, JobKind::RemoveTags(Some(tag)), Map::new())?;
    Ok(without_body(answer))
}

fn read(params: &Params) -> Result<Map<String, Value>, Refusal> {
    let kept = params.iter().filter(|(key, _)| !DROPPED.contains(&key.as_str()));
    let tags = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    check_tags(&tags)?;
    Ok(tags)
}

fn submit(
    call: &mut Call<'_>,
    kind: JobKind,
    predicted: Map<String, Value>,
) -> Result<Answer, Refusal> {
    let id = call.instance_id()?;
    call.world.submit(id, kind, call.caller.clone(), call.now);
    let job = call.world.new_id();
    Ok(Reply::json(200, Value::Object(predicted)).header("x-job-uuid", job).into())
}

fn without_body(answer: Answer) -> Answer {
    Answer { reply: Reply { headers: answer.reply.headers, ..Reply::empty(204) }, ..answer }
}
