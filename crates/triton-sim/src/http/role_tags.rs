//! SetRoleTags: which roles reach a resource.

use uuid::Uuid;

use serde_json::json;

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;

const SINCE: ApiVersion = ApiVersion(7, 2, 0);

/// CloudAPI's one name for all of them.
pub(super) const NAME: &str = "SetRoleTags";

/// After all others: these patterns would take nearly everything.
pub(super) const ROUTES: &[Route] = &[
    Route::put("/:account/machines/:machine", NAME, "resources", set).since(SINCE),
    Route::put("/:account/users/:user/keys", NAME, "resources", set).since(SINCE),
    Route::put("/:account/users/:user/keys/:resource_id", NAME, "resources", set).since(SINCE),
    Route::put("/:account/:resource_name/:resource_id", NAME, "resources", set_one).since(SINCE),
    Route::put("/:account/:resource_name", NAME, "resources", set).since(SINCE),
    Route::put("/:account", NAME, "resources", set).since(SINCE),
];

const RESOURCES: [&str; 11] = [
    "machines",
    "users",
    "roles",
    "packages",
    "images",
    "policies",
    "keys",
    "datacenters",
    "fwrules",
    "networks",
    "services",
];

/// A sub-user must be there; of everything else the real one does not look.
fn set_one(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if call.params.str("resource_name") == Some("users") {
        let user = call.params.str("resource_id").unwrap_or_default();
        let missing = || Refusal::not_found(format!("{user} does not exist"));
        call.account()?.find_user(user).ok_or_else(missing)?;
    }
    set(call)
}

fn set(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if let Some(name) = call.params.str("resource_name").filter(|name| !RESOURCES.contains(name)) {
        return Err(Refusal::not_found(format!("{name} is not a valid resource")));
    }
    let account = call.account()?;
    let roles: Vec<Uuid> = match (call.params.strings("role-tag"), &call.role_tag) {
        (Some(names), _) => account.role_ids(&names)?,
        (None, Some(names)) => account.role_ids(names)?,
        (None, None) => account.tags_of(&call.resource).to_vec(),
    };
    let body = json!({
        "name": format!("/{}{}", account.login, call.resource),
        "role-tag": account.role_names(&roles),
    });
    let resource = call.resource.clone();
    call.world.account_mut(call.account)?.tag(&resource, roles);
    Ok(Answer::ok(body))
}
