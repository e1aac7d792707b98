//! Snapshots of an instance.

use serde_json::json;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{Brand, InstanceState, JobKind, default_snapshot_name};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/snapshots", "ListMachineSnapshots", "machines", list),
    Route::post(
        "/:account/machines/:machine/snapshots",
        "CreateMachineSnapshot",
        "machines",
        create,
    ),
    Route::get(
        "/:account/machines/:machine/snapshots/:name",
        "GetMachineSnapshot",
        "machines",
        get,
    ),
    Route::post(
        "/:account/machines/:machine/snapshots/:name",
        "StartMachineFromSnapshot",
        "machines",
        boot,
    ),
    Route::delete(
        "/:account/machines/:machine/snapshots/:name",
        "DeleteMachineSnapshot",
        "machines",
        delete,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(call.instance()?.snapshots_json()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let is_bhyve = call.instance()?.brand == Brand::Bhyve;
    if is_bhyve && !call.world.features.bhyve_snapshots {
        return Err(Refusal::invalid_argument("Snapshots of bhyve VMs are not allowed"));
    }
    let name = call.params.str("name").map(str::to_owned);
    let name = name.unwrap_or_else(|| default_snapshot_name(call.now));
    let body = json!({ "name": name, "state": "queued" });
    submit(call, JobKind::CreateSnapshot(name))?;
    Ok(Reply::json(201, body).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default();
    let snapshot = call.instance()?.snapshot_json(name);
    Ok(Answer::ok(snapshot.ok_or_else(|| Refusal::not_found("Snapshot does not exist"))?))
}

/// Back to how it was, and up. Whether the snapshot is there only the job finds out.
fn boot(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default().to_owned();
    submit(call, JobKind::RollbackSnapshot(name))?;
    Ok(Answer::empty(202))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default().to_owned();
    if call.instance()?.snapshots.iter().all(|snapshot| snapshot.name != name) {
        return Err(Refusal::not_found(format!("{name} not found")));
    }
    submit(call, JobKind::DeleteSnapshot(name))?;
    Ok(Answer::empty(204))
}

fn submit(call: &mut Call<'_>, kind: JobKind) -> Result<(), Refusal> {
    let instance = call.instance()?;
    if instance.state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    instance.check_snapshots()?;
    let id = instance.id;
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(())
}
