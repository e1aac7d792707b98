//! Packages.

use serde_json::Value;

use super::{Answer, Call, Params, Route};
use crate::refusal::Refusal;
use crate::world::{Package, text_of, wildcard_matches};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/packages", "ListPackages", "packages", list),
    Route::get("/:account/packages/:package", "GetPackage", "packages", get),
];

/// Filters that compare text, with `*` as wildcard, and those that compare numbers.
const TEXT_FILTERS: [&str; 4] = ["name", "version", "group", "brand"];
const EXACT_FILTERS: [&str; 6] = ["memory", "disk", "swap", "lwps", "vcpus", "flexible_disk"];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let packages = call.world.catalog.packages.iter();
    let wanted = packages.filter(|package| is_wanted(package, &call.params));
    Ok(Answer::ok(wanted.map(Package::to_json).collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let package =
        call.params.str("package").and_then(|wanted| call.world.catalog.find_package(wanted));
    Ok(Answer::ok(package.ok_or_else(|| Refusal::not_found("package not found"))?.to_json()))
}

fn is_wanted(package: &Package, params: &Params) -> bool {
    let shown = package.to_json();
    let field = |key: &str| shown.get(key).map(text_of).unwrap_or_default();
    TEXT_FILTERS
        .iter()
        .all(|key| params.str(key).is_none_or(|wanted| wildcard_matches(wanted, &field(key))))
        && EXACT_FILTERS.iter().all(|key| params.str(key).is_none_or(|wanted| wanted == field(key)))
}
