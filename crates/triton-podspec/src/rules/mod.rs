//! Every rule there is: one a file, with its page beside it.
//!
//! The name is the only id. It names what is wrong, so that it reads well after "allow". The page says what it is
//! about, why, what to do instead, and shows a manifest that trips it and one that does not; it is the manual, the
//! text of `triton-lint --explain`, and a test.

pub(crate) mod row;

mod address_before_create;
mod ambiguous_image;
mod ambiguous_network;
mod command_ignored;
mod config_error;
mod container_count;
mod container_restart_rule;
mod daemon_set;
mod dns_ignored;
mod docker_instance;
mod docker_network;
mod duplicate_network;
mod ephemeral_container;
mod firewall_closed;
mod firewall_group_off;
mod host_namespace;
mod host_port_ignored;
mod init_container;
mod invalid_environment_variable_names;
mod kernel_setting;
mod lifecycle_exec;
mod lifecycle_hook;
mod malformed_affinity;
mod malformed_annotation;
mod malformed_manifest;
mod malformed_port;
mod malformed_quantity;
mod malformed_triton_tag;
mod metadata_dropped;
mod missing_image;
mod missing_package;
mod no_package_fits;
mod optional_config_map_key_not_found;
mod optional_config_map_not_found;
mod optional_secret_key_not_found;
mod optional_secret_not_found;
mod package_smaller_than_request;
mod pod_affinity_ignored;
mod pod_affinity_weakened;
mod pod_os;
mod privileged;
mod probe_kind;
mod registry_image;
mod request_too_large;
mod reserved_tag;
mod resource_claim;
mod runtime_class;
mod security_context_ignored;
mod sidecar_container;
mod stop_signal;
mod unknown_annotation;
mod unknown_brand;
mod unknown_field;
mod unknown_image;
mod unknown_network;
mod unknown_node_address;
mod unknown_package;
mod unknown_rule;
mod unknown_triton_tag;
mod unread_source;
mod unsuitable_package;
mod unsupported_env_source;
mod user_data;
mod volume;
mod volume_device;
mod wrong_type;

use crate::diagnostic::Rule;
use row::Row;

pub use address_before_create::ADDRESS_BEFORE_CREATE;
pub use ambiguous_image::AMBIGUOUS_IMAGE;
pub use ambiguous_network::AMBIGUOUS_NETWORK;
pub use command_ignored::COMMAND_IGNORED;
pub use config_error::CONFIG_ERROR;
pub use container_count::CONTAINER_COUNT;
pub use container_restart_rule::CONTAINER_RESTART_RULE;
pub use dns_ignored::DNS_IGNORED;
pub use docker_instance::DOCKER_INSTANCE;
pub use docker_network::DOCKER_NETWORK;
pub use duplicate_network::DUPLICATE_NETWORK;
pub use ephemeral_container::EPHEMERAL_CONTAINER;
pub use firewall_closed::FIREWALL_CLOSED;
pub use firewall_group_off::FIREWALL_GROUP_OFF;
pub use host_namespace::HOST_NAMESPACE;
pub use host_port_ignored::HOST_PORT_IGNORED;
pub use init_container::INIT_CONTAINER;
pub use invalid_environment_variable_names::INVALID_ENVIRONMENT_VARIABLE_NAMES;
pub use kernel_setting::KERNEL_SETTING;
pub use lifecycle_exec::LIFECYCLE_EXEC;
pub use lifecycle_hook::LIFECYCLE_HOOK;
pub use malformed_affinity::MALFORMED_AFFINITY;
pub use malformed_annotation::MALFORMED_ANNOTATION;
pub use malformed_port::MALFORMED_PORT;
pub use malformed_quantity::MALFORMED_QUANTITY;
pub use malformed_triton_tag::MALFORMED_TRITON_TAG;
pub use metadata_dropped::METADATA_DROPPED;
pub use missing_image::MISSING_IMAGE;
pub use missing_package::MISSING_PACKAGE;
pub use no_package_fits::NO_PACKAGE_FITS;
pub use optional_config_map_key_not_found::OPTIONAL_CONFIG_MAP_KEY_NOT_FOUND;
pub use optional_config_map_not_found::OPTIONAL_CONFIG_MAP_NOT_FOUND;
pub use optional_secret_key_not_found::OPTIONAL_SECRET_KEY_NOT_FOUND;
pub use optional_secret_not_found::OPTIONAL_SECRET_NOT_FOUND;
pub use package_smaller_than_request::PACKAGE_SMALLER_THAN_REQUEST;
pub use pod_affinity_ignored::POD_AFFINITY_IGNORED;
pub use pod_affinity_weakened::POD_AFFINITY_WEAKENED;
pub use pod_os::POD_OS;
pub use privileged::PRIVILEGED;
pub use probe_kind::PROBE_KIND;
pub use request_too_large::REQUEST_TOO_LARGE;
pub use reserved_tag::RESERVED_TAG;
pub use resource_claim::RESOURCE_CLAIM;
pub use runtime_class::RUNTIME_CLASS;
pub use security_context_ignored::SECURITY_CONTEXT_IGNORED;
pub use sidecar_container::SIDECAR_CONTAINER;
pub use stop_signal::STOP_SIGNAL;
pub use unknown_annotation::UNKNOWN_ANNOTATION;
pub use unknown_brand::UNKNOWN_BRAND;
pub use unknown_image::UNKNOWN_IMAGE;
pub use unknown_network::UNKNOWN_NETWORK;
pub use unknown_node_address::UNKNOWN_NODE_ADDRESS;
pub use unknown_package::UNKNOWN_PACKAGE;
pub use unknown_triton_tag::UNKNOWN_TRITON_TAG;
pub use unread_source::UNREAD_SOURCE;
pub use unsuitable_package::UNSUITABLE_PACKAGE;
pub use unsupported_env_source::UNSUPPORTED_ENV_SOURCE;
pub use user_data::USER_DATA;
pub use volume::VOLUME;
pub use volume_device::VOLUME_DEVICE;

pub use daemon_set::DAEMON_SET;
pub use malformed_manifest::MALFORMED_MANIFEST;
pub use registry_image::REGISTRY_IMAGE;
pub use unknown_field::UNKNOWN_FIELD;
pub use unknown_rule::UNKNOWN_RULE;
pub use wrong_type::WRONG_TYPE;

/// All rules that a translation can find, in the order of the fields they look at.
pub const ALL: &[Rule] = &[
    // What one instance cannot be.
    CONTAINER_COUNT,
    INIT_CONTAINER,
    SIDECAR_CONTAINER,
    EPHEMERAL_CONTAINER,
    HOST_NAMESPACE,
    PRIVILEGED,
    KERNEL_SETTING,
    RUNTIME_CLASS,
    RESOURCE_CLAIM,
    POD_OS,
    VOLUME,
    VOLUME_DEVICE,
    PROBE_KIND,
    LIFECYCLE_EXEC,
    LIFECYCLE_HOOK,
    STOP_SIGNAL,
    CONTAINER_RESTART_RULE,
    COMMAND_IGNORED,
    SECURITY_CONTEXT_IGNORED,
    DNS_IGNORED,
    POD_AFFINITY_IGNORED,
    POD_AFFINITY_WEAKENED,
    HOST_PORT_IGNORED,
    // Annotations.
    MALFORMED_ANNOTATION,
    UNKNOWN_ANNOTATION,
    DOCKER_INSTANCE,
    DOCKER_NETWORK,
    // Image, package, networks, placement.
    MISSING_IMAGE,
    UNKNOWN_IMAGE,
    AMBIGUOUS_IMAGE,
    UNKNOWN_BRAND,
    MISSING_PACKAGE,
    UNKNOWN_PACKAGE,
    NO_PACKAGE_FITS,
    UNSUITABLE_PACKAGE,
    PACKAGE_SMALLER_THAN_REQUEST,
    MALFORMED_QUANTITY,
    UNKNOWN_NETWORK,
    AMBIGUOUS_NETWORK,
    DUPLICATE_NETWORK,
    MALFORMED_AFFINITY,
    // Tags and metadata.
    RESERVED_TAG,
    UNKNOWN_TRITON_TAG,
    MALFORMED_TRITON_TAG,
    USER_DATA,
    METADATA_DROPPED,
    // Environment.
    CONFIG_ERROR,
    UNREAD_SOURCE,
    UNKNOWN_NODE_ADDRESS,
    OPTIONAL_CONFIG_MAP_NOT_FOUND,
    OPTIONAL_SECRET_NOT_FOUND,
    OPTIONAL_CONFIG_MAP_KEY_NOT_FOUND,
    OPTIONAL_SECRET_KEY_NOT_FOUND,
    INVALID_ENVIRONMENT_VARIABLE_NAMES,
    UNSUPPORTED_ENV_SOURCE,
    ADDRESS_BEFORE_CREATE,
    // Firewall.
    MALFORMED_PORT,
    FIREWALL_GROUP_OFF,
    FIREWALL_CLOSED,
    // The whole.
    REQUEST_TOO_LARGE,
];

/// The rules about manifests as such: what the API server never lets a node see.
pub const MANIFEST: &[Rule] =
    &[MALFORMED_MANIFEST, UNKNOWN_FIELD, WRONG_TYPE, REGISTRY_IMAGE, DAEMON_SET, UNKNOWN_RULE];

/// The rules that look at fields alone, with those fields, in the order of findings.
pub(crate) const TABLE: &[(&Rule, &[Row])] = &[
    (&CONTAINER_COUNT, container_count::ROWS),
    (&INIT_CONTAINER, init_container::ROWS),
    (&SIDECAR_CONTAINER, sidecar_container::ROWS),
    (&EPHEMERAL_CONTAINER, ephemeral_container::ROWS),
    (&HOST_NAMESPACE, host_namespace::ROWS),
    (&PRIVILEGED, privileged::ROWS),
    (&KERNEL_SETTING, kernel_setting::ROWS),
    (&RUNTIME_CLASS, runtime_class::ROWS),
    (&RESOURCE_CLAIM, resource_claim::ROWS),
    (&POD_OS, pod_os::ROWS),
    (&VOLUME, volume::ROWS),
    (&VOLUME_DEVICE, volume_device::ROWS),
    (&PROBE_KIND, probe_kind::ROWS),
    (&LIFECYCLE_EXEC, lifecycle_exec::ROWS),
    (&LIFECYCLE_HOOK, lifecycle_hook::ROWS),
    (&STOP_SIGNAL, stop_signal::ROWS),
    (&CONTAINER_RESTART_RULE, container_restart_rule::ROWS),
    (&COMMAND_IGNORED, command_ignored::ROWS),
    (&SECURITY_CONTEXT_IGNORED, security_context_ignored::ROWS),
    (&DNS_IGNORED, dns_ignored::ROWS),
];

/// Every rule: of manifests, then of translations.
pub fn every() -> impl Iterator<Item = &'static Rule> {
    MANIFEST.iter().chain(ALL)
}

/// The rule of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    every().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = every().map(|rule| rule.name).collect();
        assert_eq!(names.len(), every().count());
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        }
    }

    #[test]
    fn reasons_are_what_kubernetes_takes_for_reasons() {
        for rule in every() {
            assert!(
                rule.reason.starts_with(|first: char| first.is_ascii_uppercase()),
                "{}",
                rule.name
            );
            assert!(rule.reason.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", rule.name);
        }
    }
}
