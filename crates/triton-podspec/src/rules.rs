//! Every rule there is: name, severity, reason and what it is about.
//!
//! The name is the only id. It names what is wrong, so that it reads well after "allow".

use crate::diagnostic::{Rule, Severity};

macro_rules! rules {
    ($($const:ident = $severity:ident $name:literal $reason:literal $summary:literal;)+) => {
        $(
            #[doc = $summary]
            pub const $const: Rule =
                Rule { name: $name, severity: Severity::$severity, reason: $reason, summary: $summary };
        )+

        /// All rules, in the order of the fields they look at.
        pub const ALL: &[Rule] = &[$($const),+];
    };
}

rules! {
    // What one instance cannot be.
    CONTAINER_COUNT = Reject "container-count" "UnsupportedContainerCount"
        "A pod becomes exactly one instance, so it has exactly one container.";
    INIT_CONTAINER = Reject "init-container" "InitContainersNotSupported"
        "Init containers have no place to run before an instance boots.";
    SIDECAR_CONTAINER = Reject "sidecar-container" "SidecarContainersNotSupported"
        "A sidecar has no place to run beside an instance.";
    EPHEMERAL_CONTAINER = Warning "ephemeral-container" "EphemeralContainersNotSupported"
        "Ephemeral containers cannot be added to an instance.";
    HOST_NAMESPACE = Reject "host-namespace" "HostNamespaceNotSupported"
        "An instance has its own network, processes and IPC; there is no host to share them with.";
    PRIVILEGED = Reject "privileged" "PrivilegedNotSupported"
        "An instance has no privileges on the compute node it runs on.";
    KERNEL_SETTING = Reject "kernel-setting" "KernelSettingNotSupported"
        "Sysctls, procMount and shared process namespaces are settings of a container runtime.";
    RUNTIME_CLASS = Reject "runtime-class" "RuntimeClassNotSupported"
        "The image decides what an instance runs under, not a runtime class.";
    RESOURCE_CLAIM = Reject "resource-claim" "ResourceClaimsNotSupported"
        "Triton has no devices to claim.";
    POD_OS = Reject "pod-os" "PodOSNotSupported"
        "The node's operating system is linux.";
    VOLUME = Reject "volume" "VolumeNotSupported"
        "Volumes cannot be attached to an instance yet.";
    VOLUME_DEVICE = Reject "volume-device" "VolumeDevicesNotSupported"
        "Block devices cannot be attached to an instance.";
    PROBE_KIND = Reject "probe-kind" "ProbeNotSupported"
        "tcpSocket, httpGet and grpc probes work, as startup, readiness and liveness probe.";
    LIFECYCLE_EXEC = Reject "lifecycle-exec" "LifecycleHookNotSupported"
        "Nothing can run a command inside an instance.";
    LIFECYCLE_HOOK = Warning "lifecycle-hook" "LifecycleHookIgnored"
        "Lifecycle hooks with httpGet and sleep are run; others fail when their time comes.";
    STOP_SIGNAL = Reject "stop-signal" "StopSignalNotSupported"
        "An instance is shut down, not signalled.";
    CONTAINER_RESTART_RULE = Reject "container-restart-rule" "RestartRulesNotSupported"
        "Restart rules need exit codes, which instances do not have.";
    COMMAND_IGNORED = Warning "command-ignored" "CommandIgnored"
        "An instance boots its image; command, args, workingDir, stdin and tty have no effect.";
    SECURITY_CONTEXT_IGNORED = Warning "security-context-ignored" "SecurityContextIgnored"
        "Users, groups and capabilities are the image's own.";
    DNS_IGNORED = Warning "dns-ignored" "DNSConfigIgnored"
        "Name resolution is that of the instance's networks.";
    POD_AFFINITY_IGNORED = Warning "pod-affinity-ignored" "PodAffinityIgnored"
        "Pod affinity and spread between nodes say nothing about compute nodes.";
    HOST_PORT_IGNORED = Warning "host-port-ignored" "HostPortIgnored"
        "An instance has an address of its own; there is no host whose port could lead to it.";

    // Annotations.
    MALFORMED_ANNOTATION = Reject "malformed-annotation" "InvalidAnnotation"
        "The annotation's value is not of the form it must have.";
    UNKNOWN_ANNOTATION = Warning "unknown-annotation" "UnknownAnnotation"
        "An annotation with the provider's prefix that the provider does not know.";
    DOCKER_INSTANCE = Reject "docker-instance" "DockerInstanceNotSupported"
        "CloudAPI cannot make Docker instances.";
    DOCKER_NETWORK = Warning "docker-network" "DockerNetworkIgnored"
        "public_network and private_network were for Docker instances.";

    // Image, package, networks, placement.
    MISSING_IMAGE = Reject "missing-image" "InvalidImageName"
        "The container names no image.";
    UNKNOWN_IMAGE = Wait "unknown-image" "UnknownImage"
        "No active image of that UUID or name can be used by the account.";
    AMBIGUOUS_IMAGE = Warning "ambiguous-image" "AmbiguousImage"
        "Images of several owners have the name.";
    UNKNOWN_BRAND = Reject "unknown-brand" "InvalidBrand"
        "CloudAPI takes bhyve or kvm, and only for images of hardware virtual machines.";
    MISSING_PACKAGE = Reject "missing-package" "MissingPackage"
        "Nothing says how large the instance shall be.";
    UNKNOWN_PACKAGE = Wait "unknown-package" "UnknownPackage"
        "No package of that UUID or name can be used by the account.";
    NO_PACKAGE_FITS = Wait "no-package-fits" "NoPackageFits"
        "No package is large enough for the requests and right for the image.";
    UNSUITABLE_PACKAGE = Reject "unsuitable-package" "UnsuitablePackage"
        "The package is for another brand or another size than the image demands.";
    PACKAGE_SMALLER_THAN_REQUEST = Warning "package-smaller-than-request" "PackageSmallerThanRequest"
        "The package named by annotation is smaller than the container's requests.";
    MALFORMED_QUANTITY = Reject "malformed-quantity" "InvalidQuantity"
        "A resource quantity cannot be read.";
    UNKNOWN_NETWORK = Wait "unknown-network" "UnknownNetwork"
        "No network of that UUID or name can be used by the account.";
    AMBIGUOUS_NETWORK = Reject "ambiguous-network" "AmbiguousNetwork"
        "Several networks have the name.";
    DUPLICATE_NETWORK = Warning "duplicate-network" "DuplicateNetwork"
        "An instance has one NIC per network.";
    MALFORMED_AFFINITY = Reject "malformed-affinity" "InvalidAffinity"
        "The rule is not one that CloudAPI reads.";

    // Tags and metadata.
    RESERVED_TAG = Reject "reserved-tag" "ReservedLabel"
        "The label would be a tag that Triton or this provider keeps for itself.";
    UNKNOWN_TRITON_TAG = Reject "unknown-triton-tag" "InvalidLabel"
        "Tags that begin with triton. are a closed set.";
    MALFORMED_TRITON_TAG = Reject "malformed-triton-tag" "InvalidLabel"
        "The value is not of the form the special tag must have.";
    USER_DATA = Reject "user-data" "UserDataReserved"
        "The metadata key user-data carries the environment.";
    METADATA_DROPPED = Warning "metadata-dropped" "MetadataIgnored"
        "CloudAPI does not keep the metadata key.";

    // Environment.
    CONFIG_ERROR = Wait "config-error" "CreateContainerConfigError"
        "A ConfigMap, a Secret or one of their keys is not there (yet).";
    OPTIONAL_CONFIG_MAP_NOT_FOUND = Warning "optional-config-map-not-found" "OptionalConfigMapNotFound"
        "An optional ConfigMap is not there.";
    OPTIONAL_SECRET_NOT_FOUND = Warning "optional-secret-not-found" "OptionalSecretNotFound"
        "An optional Secret is not there.";
    OPTIONAL_CONFIG_MAP_KEY_NOT_FOUND = Warning "optional-config-map-key-not-found" "OptionalConfigMapKeyNotFound"
        "An optional key of a ConfigMap is not there.";
    OPTIONAL_SECRET_KEY_NOT_FOUND = Warning "optional-secret-key-not-found" "OptionalSecretKeyNotFound"
        "An optional key of a Secret is not there.";
    INVALID_ENVIRONMENT_VARIABLE_NAMES =
        Warning "invalid-environment-variable-names" "InvalidEnvironmentVariableNames"
        "Keys that cannot be names of environment variables are left out.";
    UNSUPPORTED_ENV_SOURCE = Reject "unsupported-env-source" "EnvSourceNotSupported"
        "The variable's source cannot be resolved here.";
    ADDRESS_BEFORE_CREATE = Reject "address-before-create" "EnvSourceNotSupported"
        "An instance's address is not known before it is made, and its environment must be.";

    // Firewall.
    MALFORMED_PORT = Reject "malformed-port" "InvalidPort"
        "The firewall cannot open the port.";
    FIREWALL_GROUP_OFF = Warning "firewall-group-off" "FirewallDisabled"
        "A firewall group works only where the firewall is on.";
    FIREWALL_CLOSED = Warning "firewall-closed" "FirewallClosed"
        "The firewall is on and nothing is let in.";

    // The whole.
    REQUEST_TOO_LARGE = Reject "request-too-large" "RequestTooLarge"
        "CloudAPI reads requests of up to 100 000 bytes.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = ALL.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), ALL.len());
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        }
    }

    #[test]
    fn reasons_are_what_kubernetes_takes_for_reasons() {
        for rule in ALL {
            assert!(
                rule.reason.starts_with(|first: char| first.is_ascii_uppercase()),
                "{}",
                rule.name
            );
            assert!(rule.reason.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", rule.name);
        }
    }
}
