//! The door to an instance's screen; what is behind it is in `vnc`.

use super::{Answer, Call, Route, Upgrade};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::InstanceState;

/// The one version of the route: `~9` alone does not find it, `~9||~8` does.
pub(super) const ROUTES: &[Route] =
    &[Route::get_only("/:account/machines/:machine/vnc", "ConnectMachineVNC", "machines", connect)
        .only(ApiVersion(8, 4, 0))];

fn connect(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    if !instance.brand.is_hvm() {
        let brand = instance.brand.as_str();
        let message = format!("Instance type {brand} does not support VNC connections");
        return Err(Refusal::new(400, "MachineHasNoVNCError", message));
    }
    if instance.state != InstanceState::Running || instance.shown_as.is_some() {
        let message = "Cannot connect to a stopped machine";
        return Err(Refusal::new(400, "MachineStoppedError", message));
    }
    Ok(Answer::upgrade(Upgrade::Vnc { instance: instance.id }))
}
