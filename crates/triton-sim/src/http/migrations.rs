//! Migrations: moving instances to other compute nodes.

use serde_json::Value;

use super::{Answer, Body, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{InstanceState, Phase};

pub(super) const ROUTES: &[Route] = &[
    Route::get_only("/:account/migrations", "ListMigrations", "machines", list),
    Route::get_only("/:account/migrations/:machine", "GetMigration", "machines", get),
    Route::get_only(
        "/:account/machines/:machine/migrate",
        "MigrateMachineEstimate",
        "machines",
        estimate,
    ),
    Route::post("/:account/machines/:machine/migrate", "Migrate", "machines", migrate),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let migrations = call.world.active_of(call.account).filter_map(|instance| {
        let migration = instance.migration.as_ref()?;
        Some(migration.to_json(instance.id, call.now))
    });
    Ok(Answer::ok(migrations.collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.instance()?.id;
    Ok(Answer::ok(call.world.migration(id)?.to_json(id, call.now)))
}

fn estimate(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    must_be_allowed(call)?;
    Ok(Answer::ok(call.instance()?.migration_estimate()))
}

/// `affinity` is accepted and goes nowhere, as with the real one.
fn migrate(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let missing = || Refusal::new(409, "MissingParameter", "\"action\" must be specified");
    let action = call.params.str("action").ok_or_else(missing)?.to_owned();
    let id = call.instance()?.id;
    let (caller, now) = (call.caller.clone(), call.now);
    let migration = match action.as_str() {
        "watch" => {
            let reply = Reply { body: Body::MigrationEvents(id), ..Reply::empty(200) };
            return Ok(reply.into());
        }
        "begin" | "automatic" => {
            must_be_allowed(call)?;
            call.world.begin_migration(id, action == "automatic", caller, now)?
        }
        "sync" => call.world.continue_migration(id, Phase::Sync, caller, now)?,
        "switch" => call.world.continue_migration(id, Phase::Switch, caller, now)?,
        "abort" => call.world.continue_migration(id, Phase::Abort, caller, now)?,
        "pause" => call.world.pause_migration(id, now)?,
        "finalize" => {
            call.world.finalize_migration(id)?;
            return Ok(Answer::empty(200));
        }
        other => {
            let message = format!("{other} is not a valid migration action");
            return Err(Refusal::invalid_argument(message));
        }
    };
    Ok(Reply::json(201, migration).into())
}

fn must_be_allowed(call: &Call<'_>) -> Result<(), Refusal> {
    if call.instance()?.state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    if !call.world.features.migrations {
        let message = "User migration on this VM not allowed";
        return Err(Refusal::new(412, "PreconditionFailed", message));
    }
    Ok(())
}
