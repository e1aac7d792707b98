//! What is looked up before any handler runs: the things that parameters name.

use serde_json::json;
use uuid::Uuid;

use super::Call;
use crate::refusal::Refusal;
use crate::world::InstanceState;

/// Loads every instance, image and package that the parameters name, whatever the endpoint.
///
/// # Errors
/// 404 for what is not there, 409 ValidationFailed for an instance id that is no UUID, and 410 for a deleted instance: with the
/// instance as body, or for DELETE its id.
pub(crate) fn load(call: &Call<'_>) -> Result<(), Refusal> {
    load_instance(call)?;
    let catalog = &call.world.catalog;
    for key in ["image", "dataset"] {
        // What is no UUID is left to the endpoint.
        if let Some(id) = call.params.str(key).and_then(|id| id.parse::<Uuid>().ok()) {
            // An instance may have been made of an image that its owner cannot see any more.
            match call.trouble.endpoint {
                "ListMachines" | "GetMachine" => catalog.find_image(id).is_some(),
                _ => call.world.image_for(call.account, id).is_ok(),
            }
            .then_some(())
            .ok_or_else(|| Refusal::not_found("image not found"))?;
        }
    }
    if let Some(wanted) = call.params.str("package") {
        catalog.find_package(wanted).ok_or_else(|| Refusal::not_found("package not found"))?;
    }
    Ok(())
}

fn load_instance(call: &Call<'_>) -> Result<(), Refusal> {
    let Some(text) = call.params.str("machine") else { return Ok(()) };
    let id: Uuid =
        text.parse().map_err(|_| Refusal::validation("uuid", "Invalid", "Invalid UUID"))?;
    let instance = call.world.instances.get(&id);
    let instance =
        instance.filter(|instance| instance.owner == call.account && instance.is_visible(call.now));
    let instance = instance.ok_or_else(|| Refusal::not_found("VM not found"))?;
    match instance.state {
        InstanceState::Deleted if call.is_delete => Err(Refusal::gone(json!(id))),
        InstanceState::Deleted => Err(Refusal::gone(call.instance_json(instance))),
        _ => Ok(()),
    }
}
