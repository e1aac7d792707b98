//! Listing, getting and deleting instances.

use serde_json::{Value, json};
use uuid::Uuid;

use super::list_faults::{ListFaults, make_unknown, stale_moment};
use super::{Answer, Call, Params, Reply, Route};
use crate::faults::FaultKind;
use crate::refusal::Refusal;
use crate::world::{
    Instance, InstanceFilter, InstanceState, JobKind, StateFilter, has_only_name_characters,
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines", "ListMachines", "machines", list),
    Route::get("/:account/machines/:machine", "GetMachine", "machines", get),
    Route::delete("/:account/machines/:machine", "DeleteMachine", "machines", delete),
];

const LIMIT_MAX: u64 = 1000;

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let filter = read_filter(&call.params)?;
    let (limit, offset) = if filter.any_tag { (LIMIT_MAX, 0) } else { read_page(&call.params)? };
    let faults = ListFaults::of(call, offset);
    let page = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let shown =
        |instance: &Instance| instance.is_visible(call.now) && faults.shows(instance, call.now);
    let (offset, length) = (page(faults.offset), page(limit));
    // UUID descending: the order of the real one, and as unstable under offset paging.
    let mut instances: Vec<Value> = match faults.moment {
        None => {
            let all = call.world.listed(call.account, &filter);
            let listed = all.filter(|instance| shown(instance)).skip(offset).take(length);
            listed.map(|instance| call.instance_json(instance)).collect()
        }
        Some(moment) => {
            let all = call.world.instances.values().rev().filter(|i| i.owner == call.account);
            let then = all.filter_map(|instance| instance.at(moment));
            let listed = then.filter(|i| filter.matches(i) && shown(i)).skip(offset).take(length);
            listed.map(|instance| call.instance_json(&instance)).collect()
        }
    };
    faults.distort(&mut instances, call);
    let count = instances.len();
    Ok(Reply::json(200, instances.into())
        .header("x-query-limit", limit)
        .header("x-resource-count", count)
        .into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let moment = stale_moment(call);
    let is_unknown = call.strikes(FaultKind::StatesUnknown).is_some();
    let instance = call.instance()?;
    let mut body = match moment.map(|moment| instance.at(moment)) {
        None => call.instance_json(instance),
        Some(Some(then)) => call.instance_json(&then),
        Some(None) => return Err(Refusal::not_found("VM not found")),
    };
    if is_unknown {
        make_unknown(&mut body);
    }
    if call.account()?.cns_enabled {
        body["dns_names"] = call.world.dns_names(instance.id).into();
    }
    Ok(Answer::ok(body))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    let (id, name) = (instance.id, instance.name.clone());
    if instance.deletion_protection {
        return Err(Refusal::protected(&name));
    }
    if instance.home().is_none() || instance.allocation.is_some() {
        let message = "Cannot delete a VM with no server_uuid";
        return Err(Refusal::new(409, "ConflictError", message));
    }
    if !call.faults.is_empty() {
        refuse_delete(call, id, &name)?;
    }
    if !call.instance()?.is_deleting {
        let sticks = call.strikes(FaultKind::DeleteNeverCompletes).is_some();
        if let Some(instance) = call.world.instances.get_mut(&id).filter(|_| sticks) {
            instance.fate.delete_sticks = true;
        }
        call.world.submit(id, JobKind::Destroy, call.caller.clone(), call.now);
    }
    Ok(Answer::empty(204))
}

/// Refusals that a fault asks for; the instance stays.
fn refuse_delete(call: &mut Call<'_>, id: Uuid, name: &str) -> Result<(), Refusal> {
    if call.strikes(FaultKind::Delete404).is_some() {
        return Err(Refusal::not_found("VM not found"));
    }
    if call.strikes(FaultKind::Delete410).is_some() {
        return Err(Refusal::gone(json!(id)));
    }
    if call.strikes(FaultKind::DeleteProtected).is_some() {
        return Err(Refusal::protected(name));
    }
    Ok(())
}

fn read_page(params: &Params) -> Result<(u64, u64), Refusal> {
    let invalid = |field: &str| {
        let message = format!("{field} must be a number in range");
        Refusal::validation(field, "Invalid", message)
    };
    let limit =
        params.number("limit").transpose().map_err(|_| invalid("limit"))?.unwrap_or(LIMIT_MAX);
    let offset = params.number("offset").transpose().map_err(|_| invalid("offset"))?.unwrap_or(0);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(invalid("limit"));
    }
    Ok((limit, offset))
}

fn read_filter(params: &Params) -> Result<InstanceFilter, Refusal> {
    let invalid = |field: &str| Refusal::invalid_argument(format!("{field} is invalid"));
    let name_prefix = params.str("name").map(str::to_owned);
    if name_prefix.as_deref().is_some_and(|prefix| !has_only_name_characters(prefix)) {
        return Err(Refusal::validation("alias", "Invalid", "Invalid machine name"));
    }
    let hvm = match params.str("type") {
        None => None,
        Some("virtualmachine") => Some(true),
        Some("smartmachine") => Some(false),
        Some(_) => return Err(invalid("type")),
    };
    if params.get("docker").is_some() && params.bool("docker").is_none() {
        return Err(invalid("docker"));
    }
    Ok(InstanceFilter {
        name_prefix,
        image: params.str("image").and_then(|id| id.parse().ok()),
        memory_mib: params.number("memory").transpose()?,
        brand: params.str("brand").map(str::to_owned),
        hvm,
        docker: params.bool("docker"),
        state: read_state(params)?,
        tags: read_tags(params)?,
        any_tag: params.str("tags") == Some("*"),
    })
}

fn read_state(params: &Params) -> Result<StateFilter, Refusal> {
    Ok(match params.str("state") {
        // Each of these means whatever is neither destroyed nor failed, `provisioning` too.
        Some("provisioning" | "stopping" | "active") => StateFilter::Active,
        Some("running") => StateFilter::Exactly(InstanceState::Running),
        Some("stopped") => StateFilter::Exactly(InstanceState::Stopped),
        Some("destroyed") => StateFilter::Exactly(InstanceState::Deleted),
        Some(other) => {
            return Err(Refusal::invalid_argument(format!("state {other} is not supported")));
        }
        None if params.is_truthy("tombstone") => StateFilter::Tombstones,
        None => StateFilter::Active,
    })
}

/// `tag.KEY=VALUE`; a bare `tag=` is ignored.
fn read_tags(params: &Params) -> Result<Vec<(String, String)>, Refusal> {
    let tags = params.iter().filter_map(|(key, value)| Some((key.strip_prefix("tag.")?, value)));
    tags.filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| match value.as_str() {
            Some(text) if !text.is_empty() => Ok((key.to_owned(), text.to_owned())),
            _ => Err(Refusal::invalid_argument(format!("tag.{key} needs one value"))),
        })
        .collect()
}
