//! Which endpoint a method and a path are.

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Answer, Call, Params, ROUTES, role_tags};
use crate::refusal::Refusal;
use crate::version::ApiVersion;

/// An endpoint.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Segments; those that begin with `:` are parameters.
    pub(crate) path: &'static str,
    /// CloudAPI's name.
    pub(crate) name: &'static str,
    /// Whose token bucket it draws from.
    pub(crate) group: &'static str,
    pub(crate) since: ApiVersion,
    /// The one version it has, where it does not have those of the others.
    pub(crate) only: Option<ApiVersion>,
    /// Whether a GET also answers HEAD.
    pub(crate) head: bool,
    /// Whether a signature is needed.
    pub(crate) signed: bool,
    pub(crate) handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
}

/// What a path turned out to be.
pub(crate) enum Found {
    Route(&'static Route, Map<String, Value>),
    WrongMethod,
    Nothing,
}

/// What UpdateMachine does, and the names that go with it.
const ACTIONS: [(&str, &str); 9] = [
    ("start", "StartMachine"),
    ("stop", "StopMachine"),
    ("reboot", "RebootMachine"),
    ("resize", "ResizeMachine"),
    ("rename", "RenameMachine"),
    ("enable_firewall", "EnableMachineFirewall"),
    ("disable_firewall", "DisableMachineFirewall"),
    ("enable_deletion_protection", "EnableMachineDeletionProtection"),
    ("disable_deletion_protection", "DisableMachineDeletionProtection"),
];

// === impl Route ===

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        Self {
            method,
            path,
            name,
            group,
            since: ApiVersion(7, 0, 0),
            only: None,
            head: false,
            signed: true,
            handler,
        }
    }

    /// A GET with its HEAD twin.
    pub(super) const fn get(
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        let mut route = Self::new(Method::GET, path, name, group, handler);
        route.head = true;
        route
    }

    /// A GET that answers no HEAD.
    pub(super) const fn get_only(
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        Self::new(Method::GET, path, name, group, handler)
    }

    pub(super) const fn post(
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        Self::new(Method::POST, path, name, group, handler)
    }

    pub(super) const fn put(
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        Self::new(Method::PUT, path, name, group, handler)
    }

    pub(super) const fn delete(
        path: &'static str,
        name: &'static str,
        group: &'static str,
        handler: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
    ) -> Self {
        Self::new(Method::DELETE, path, name, group, handler)
    }

    /// Not served to older versions.
    pub(super) const fn since(mut self, version: ApiVersion) -> Self {
        self.since = version;
        self
    }

    /// Served in a version of its own.
    pub(super) const fn only(mut self, version: ApiVersion) -> Self {
        self.only = Some(version);
        self
    }

    /// Needs no signature.
    pub(super) const fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// The name in the journal: UpdateMachine is many endpoints in one, told apart by `action`.
    pub(crate) fn endpoint(&self, params: &Params) -> &'static str {
        if self.name != "UpdateMachine" {
            return self.name;
        }
        let action = params.str("action").unwrap_or_default();
        let found = ACTIONS.iter().find(|(name, _)| *name == action);
        found.map_or(self.name, |(_, endpoint)| endpoint)
    }

    /// The name that policies give leave for: what the code calls the route, in lower case.
    pub(crate) fn permission(&self, params: &Params, method: &Method) -> String {
        if self.name == "UpdateMachine" {
            return match params.str("action") {
                Some("enable_firewall") => "enablemachinefirewall".to_owned(),
                Some("disable_firewall") => "disablemachinefirewall".to_owned(),
                // The code just appends, also to what has a verb and a noun: `enable_deletion_protectionmachine`.
                action => format!("{}machine", action.unwrap_or("undefined")),
            };
        }
        let name = self.name.to_lowercase();
        if method != Method::HEAD || name.contains("fabricvlan") || name.contains("fabricnetwork") {
            return name;
        }
        // HEAD is a route of its own there.
        let noun = name.strip_prefix("list").or_else(|| name.strip_prefix("get"));
        noun.map_or_else(|| name.clone(), |noun| format!("head{noun}"))
    }

    fn takes(&self, method: &Method) -> bool {
        self.method == method || (self.head && method == Method::HEAD)
    }
}

/// The names of all endpoints, as the journal has them.
pub(crate) fn endpoint_names() -> impl Iterator<Item = &'static str> {
    let actions = ACTIONS.iter().map(|(_, endpoint)| *endpoint);
    ROUTES.iter().copied().flatten().map(|route| route.name).chain(actions)
}

/// Finds the endpoint, and the parameters its path holds.
pub(crate) fn find(method: &Method, path: &str) -> Found {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut path_matches = false;
    for route in ROUTES.iter().copied().flatten() {
        if !matches(route.path, &segments) {
            continue;
        }
        if route.takes(method) {
            return match path_params(route.path, &segments) {
                Some(params) => Found::Route(route, params),
                None => Found::Nothing,
            };
        }
        // Those patterns take nearly everything; what only they take is unknown.
        path_matches |= route.name != role_tags::NAME;
    }
    if path_matches { Found::WrongMethod } else { Found::Nothing }
}

fn pattern_segments(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern.trim_start_matches('/').split('/')
}

fn matches(pattern: &'static str, segments: &[&str]) -> bool {
    let mut left = segments.iter();
    let all_match = pattern_segments(pattern).all(|wanted| {
        left.next().is_some_and(|found| match wanted.starts_with(':') {
            true => !found.is_empty() && !found.starts_with("--"),
            false => wanted == *found,
        })
    });
    all_match && left.next().is_none()
}

/// `None` for what is no text when it is decoded.
fn path_params(pattern: &'static str, segments: &[&str]) -> Option<Map<String, Value>> {
    let named = pattern_segments(pattern).zip(segments);
    let named = named.filter_map(|(wanted, found)| Some((wanted.strip_prefix(':')?, found)));
    let decoded = named.map(|(name, found)| {
        let text = percent_decode_str(found).decode_utf8().ok()?;
        Some((name.to_owned(), Value::String(text.into_owned())))
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, path: &str, expected: &str) {
        let found = match find(&method, path) {
            Found::Route(route, _) => route.name,
            Found::WrongMethod => "405",
            Found::Nothing => "404",
        };
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn paths_are_endpoints() {
        check(Method::GET, "/--ping", "ping");
        check(Method::GET, "/my", "GetAccount");
        check(Method::HEAD, "/my/machines", "ListMachines");
        check(Method::POST, "/my/machines", "CreateMachine");
        check(Method::POST, "/jill/machines/x", "UpdateMachine");
        check(Method::GET, "/my/machines/x/tags/a%2Fb", "GetMachineTag");
        check(Method::GET, "/my/packages/x", "GetPackage");
        check(Method::PATCH, "/my/machines", "405");
        check(Method::HEAD, "/my/services", "405");
        check(Method::GET, "/my/nothing", "404");
        check(Method::GET, "/my/machines/x/y/z/w", "404");
        check(Method::GET, "/--nothing", "404");
        check(Method::GET, "/", "docs");
        check(Method::PUT, "/my", "SetRoleTags");
        check(Method::PUT, "/my/config", "UpdateConfig");
        check(Method::PUT, "/my/machines/x/tags", "ReplaceMachineTags");
        check(Method::PUT, "/my/users/bob/keys/x", "SetRoleTags");
        check(Method::DELETE, "/my/machines", "405");
    }

    #[track_caller]
    fn check_permission(method: Method, path: &str, action: Option<&str>, expected: &str) {
        let Found::Route(route, mut params) = find(&method, path) else { panic!("no route") };
        params.extend(action.map(|action| ("action".to_owned(), action.into())));
        let params = Params::merge(params, None, Value::Null);
        assert_eq!(route.permission(&params, &method), expected, "{method} {path}");
    }

    #[test]
    fn policies_know_routes_by_lower_case_names() {
        check_permission(Method::GET, "/my/machines", None, "listmachines");
        check_permission(Method::HEAD, "/my/machines", None, "headmachines");
        check_permission(Method::HEAD, "/my/images/x", None, "headimage");
        check_permission(Method::PUT, "/my/machines/x", None, "setroletags");
        check_permission(Method::PUT, "/my/users", None, "setroletags");
        let instance = "/my/machines/x";
        check_permission(Method::POST, instance, Some("stop"), "stopmachine");
        check_permission(Method::POST, instance, Some("enable_firewall"), "enablemachinefirewall");
        let protect = Some("enable_deletion_protection");
        check_permission(Method::POST, instance, protect, "enable_deletion_protectionmachine");
    }

    #[test]
    fn path_parameters_are_decoded() {
        let Found::Route(_, params) = find(&Method::GET, "/my/keys/aa%3Abb") else {
            panic!("no route")
        };
        assert_eq!(params["name"], "aa:bb");
    }
}
