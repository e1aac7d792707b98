//! Which names tags and metadata can have, so that CloudAPI keeps them and takes them for nothing else.

use crate::request::RequestError;
use crate::tags::{TagValue, Tags};

/// Keys that CloudAPI would take for parameters of the call itself, since it merges body, query and path.
pub(super) const RESERVED: [&str; 12] = [
    "account",
    "action",
    "context",
    "dataset",
    "id",
    "image",
    "machine",
    "network",
    "networks",
    "owner_uuid",
    "package",
    "uuid",
];

/// What a tag's value must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
}

/// The tags below `triton.` that exist; the server refuses all others (sdc-vmapi's validation, node-triton-tags).
const TRITON_TAGS: [(&str, Kind); 10] = [
    ("triton.cns.services", Kind::Text),
    ("triton.cns.disable", Kind::Flag),
    ("triton.cns.reverse_ptr", Kind::Text),
    ("triton.cmon.groups", Kind::Text),
    ("triton.network.public", Kind::Text),
    ("triton.network.public_ipv4", Kind::Text),
    ("triton.placement.exclude_virtual_servers", Kind::Flag),
    ("triton._test.string", Kind::Text),
    ("triton._test.number", Kind::Number),
    ("triton._test.boolean", Kind::Flag),
];

/// Names and values of tags that the server takes, whether at a create or later.
pub(super) fn check_tags(tags: &Tags) -> Result<(), RequestError> {
    for (name, value) in tags {
        if name.is_empty() {
            return Err(RequestError::Empty { what: "a tag's name" });
        }
        if matches!(value, TagValue::Other(_)) {
            return Err(RequestError::TagValue { key: name.clone() });
        }
        if name.starts_with("triton.") {
            check_triton_tag(name, value)?;
        }
    }
    Ok(())
}

/// Tags that can be set on an instance that exists: their names are the body's keys then.
pub(super) fn check_changed_tags(tags: &Tags) -> Result<(), RequestError> {
    check_tags(tags)?;
    for name in tags.keys() {
        if RESERVED.contains(&name.as_str()) {
            return Err(RequestError::ReservedKey { key: name.clone() });
        }
        check_not_dockers(name)?;
    }
    Ok(())
}

/// Tags that only the Docker API may set or remove.
pub(super) fn check_not_dockers(name: &str) -> Result<(), RequestError> {
    const LABELS: [&str; 7] = [
        "triton.",
        "com.docker.",
        "com.dockerproject.",
        "io.docker.",
        "io.dockerproject.",
        "org.docker.",
        "org.dockerproject.",
    ];
    let label = name.strip_prefix("docker:label:");
    if name == "sdc_docker"
        || label.is_some_and(|label| LABELS.iter().any(|reserved| label.starts_with(reserved)))
    {
        return Err(RequestError::invalid(
            "a tag's name",
            name,
            "such tags are Docker's and cannot be changed",
        ));
    }
    Ok(())
}

/// Metadata that the server keeps at a create. `administrator_pw` is one of its own parameters.
pub(super) fn check_metadata<'a>(
    keys: impl IntoIterator<Item = &'a String>,
) -> Result<(), RequestError> {
    for key in keys {
        let begins_well = key.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if !begins_well {
            return Err(RequestError::invalid(
                "a metadata key",
                key,
                "it begins with a letter, a digit or an underscore, or CloudAPI ignores it",
            ));
        }
        if key != "administrator_pw" {
            check_no_password(key)?;
        }
    }
    Ok(())
}

/// Metadata that the server keeps when it is added to an instance that exists: its keys are the body's then.
pub(super) fn check_changed_metadata(key: &str) -> Result<(), RequestError> {
    if key.is_empty() {
        return Err(RequestError::Empty { what: "a metadata key" });
    }
    if RESERVED.contains(&key) {
        return Err(RequestError::ReservedKey { key: key.to_owned() });
    }
    check_no_password(key)
}

/// Whether a tag of this name can be set and removed on an instance that exists: others are for a create only, since
/// CloudAPI would take them for parameters of the call.
#[must_use]
pub fn can_change_tag(name: &str) -> bool {
    !name.is_empty() && !RESERVED.contains(&name) && check_not_dockers(name).is_ok()
}

/// The same of a metadata key.
#[must_use]
pub fn can_change_metadata(key: &str) -> bool {
    // The account's own keys, which CloudAPI writes anew.
    key != "root_authorized_keys" && check_changed_metadata(key).is_ok()
}

fn check_no_password(key: &str) -> Result<(), RequestError> {
    if key != "credentials" && !key.ends_with("_pw") {
        return Ok(());
    }
    Err(RequestError::invalid(
        "a metadata key",
        key,
        "CloudAPI drops passwords here; a new instance's are its credentials",
    ))
}

fn check_triton_tag(name: &str, value: &TagValue) -> Result<(), RequestError> {
    let known = TRITON_TAGS.iter().find(|(known, _)| *known == name);
    let Some((_, kind)) = known else {
        return Err(RequestError::invalid(
            "a tag's name",
            name,
            "names that begin with triton. are a closed set; begin your own otherwise",
        ));
    };
    let (fits, expected) = match kind {
        Kind::Text => (matches!(value, TagValue::String(_)), "its value is text"),
        Kind::Number => (matches!(value, TagValue::Number(_)), "its value is a number"),
        Kind::Flag => (matches!(value, TagValue::Bool(_)), "its value is true or false, not text"),
    };
    if fits { Ok(()) } else { Err(RequestError::invalid(format!("tag {name}"), value, expected)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(name: &str, value: impl Into<TagValue>) -> Tags {
        Tags::from([(name.to_owned(), value.into())])
    }

    #[track_caller]
    fn check(name: &str, value: impl Into<TagValue> + Clone, at_create: bool, later: bool) {
        assert_eq!(check_tags(&tags(name, value.clone())).is_ok(), at_create, "{name} at create");
        assert_eq!(check_changed_tags(&tags(name, value)).is_ok(), later, "{name} later");
    }

    #[test]
    fn tags_that_the_server_would_refuse_lose_or_misread_are_refused() {
        check("role", "db", true, true);
        check("k8s.io/app", "db", true, true);
        check("", "x", false, false);
        check("triton.cns.services", "web:8080", true, true);
        check("triton.cns.services", true, false, false);
        check("triton.cns.disable", true, true, true);
        check("triton.cns.disable", "true", false, false);
        check("triton._test.number", 5, true, true);
        check("triton._test.number", "5", false, false);
        check("triton.kubelet", "x", false, false);
        check("tritonian", "x", true, true);
        // At a create tags have a prefix, so they can be called anything.
        check("machine", "x", true, false);
        check("sdc_docker", true, true, false);
        check("docker:label:com.docker.x", "x", true, false);
        check("docker:label:triton.x", "x", true, false);
        check("docker:label:com.dockerish", "x", true, true);
        let odd = Tags::from([("x".to_owned(), TagValue::Other(serde_json::json!([])))]);
        assert!(matches!(check_tags(&odd), Err(RequestError::TagValue { .. })));
    }

    #[test]
    fn names_that_only_a_create_takes_are_told_from_others() {
        for name in ["role", "k8s.io/app", "triton.cns.services"] {
            assert!(can_change_tag(name), "{name}");
        }
        for name in ["", "image", "machine", "sdc_docker", "docker:label:com.docker.x"] {
            assert!(!can_change_tag(name), "{name}");
        }
        for key in ["user-script", "cloud-init:user-data", "motd"] {
            assert!(can_change_metadata(key), "{key}");
        }
        for key in
            ["", "uuid", "credentials", "root_pw", "administrator_pw", "root_authorized_keys"]
        {
            assert!(!can_change_metadata(key), "{key}");
        }
    }

    #[test]
    fn metadata_that_would_be_dropped_is_refused() {
        let check = |key: &str| check_metadata([&key.to_owned()]);
        for good in ["user-script", "cloud-init:user-data", "_x", "9", "administrator_pw", "sdc:x"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", ".x", "credentials", "root_pw"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
