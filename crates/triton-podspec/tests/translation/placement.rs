//! Image, brand, package, networks and affinity.

use k8s_openapi::api::core::v1::Pod;
use triton_cloudapi::instances::Brand;
use triton_podspec::{Defaults, Severity, Sources};

use crate::fixture::{finding, plan, pod, translated, translated_with};

fn of_image(image: &str, package: &str) -> Pod {
    pod(&format!(
        "{{metadata: {{annotations: {{package: {package}}}}}, spec: {{containers: [{{name: web, image: {image}}}]}}}}"
    ))
}

#[test]
fn an_image_is_a_uuid_or_a_name_or_a_name_with_a_version() {
    for (image, package, expected) in [
        (
            "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b",
            "g4-highcpu-1G",
            "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b",
        ),
        (
            "7B5981C4-1889-11E7-B4C5-3F3BDFC9B88B",
            "g4-highcpu-1G",
            "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b",
        ),
        ("ubuntu-16.04", "g4-highcpu-1G", "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b"),
        // The newest of the name that is active.
        ("debian-12", "k4-bhyve-2G", "22222222-0000-4000-8000-000000000002"),
        ("debian-12@1.0.0", "k4-bhyve-2G", "22222222-0000-4000-8000-000000000001"),
        // The account's own comes before a newer public one.
        ("base-64", "g4-highcpu-1G", "22222222-0000-4000-8000-000000000005"),
        ("base-64@23.4.0", "g4-highcpu-1G", "22222222-0000-4000-8000-000000000004"),
    ] {
        assert_eq!(plan(&of_image(image, package)).create.image, expected, "{image}");
    }
}

#[track_caller]
fn check_message(pod: &Pod, rule: &str, expected: &str) {
    let diagnostics = translated(pod).diagnostics;
    let found = diagnostics.iter().find(|diagnostic| diagnostic.rule == rule);
    assert_eq!(
        found.map(|diagnostic| diagnostic.message.as_str()),
        Some(expected),
        "{diagnostics:#?}"
    );
}

#[test]
fn messages_name_what_was_probably_meant() {
    check_message(
        &of_image("debain-12", "g4-highcpu-1G"),
        "unknown-image",
        r#"the account can use no active image named "debain-12"; did you mean "debian-12"?"#,
    );
    check_message(
        &of_image("\"nginx:1.27\"", "g4-highcpu-1G"),
        "unknown-image",
        r#"the account can use no active image named "nginx:1.27" (images are Triton's, not a container registry's); see `triton image list`"#,
    );
    check_message(
        &of_image("debian-12@9", "g4-highcpu-1G"),
        "unknown-image",
        r#"the image "debian-12" has no version "9"; its newest is "1.1.0""#,
    );
    check_message(
        &of_image("ubuntu-16.04", "g4-highcpu-2G"),
        "unknown-package",
        r#"the account can use no package "g4-highcpu-2G"; did you mean "g4-highcpu-1G", "g4-highcpu-128M" or "g4-highcpu-512M"?"#,
    );
    check_message(
        &pod("metadata: {annotations: {networks: sdc-nat}}"),
        "unknown-network",
        r#"the account can use no network "sdc-nat"; did you mean "sdc_nat"?"#,
    );
}

fn sized(image: &str, resources: &str) -> Pod {
    pod(&format!(
        "{{metadata: {{annotations: null}}, \
          spec: {{containers: [{{name: web, image: {image}, resources: {resources}}}]}}}}"
    ))
}

#[test]
fn without_an_annotation_the_smallest_package_that_fits_is_taken() {
    for (image, resources, expected) in [
        // Of two that are alike the newer version.
        ("ubuntu-16.04", "{requests: {memory: 100Mi}}", "11111111-0000-4000-8000-000000000007"),
        ("ubuntu-16.04", "{requests: {memory: 128Mi}}", "11111111-0000-4000-8000-000000000007"),
        ("ubuntu-16.04", "{requests: {memory: 129Mi}}", "11111111-0000-4000-8000-000000000002"),
        // The limit counts where it is larger.
        (
            "ubuntu-16.04",
            "{requests: {memory: 1Mi}, limits: {memory: 513Mi}}",
            "b87c2a29-6b6a-6d19-ea65-aa81e680002c",
        ),
        (
            "ubuntu-16.04",
            "{requests: {ephemeral-storage: 4Gi}}",
            "11111111-0000-4000-8000-000000000002",
        ),
        // Zones share CPUs by weight; hardware virtual machines have them.
        ("ubuntu-16.04", "{requests: {cpu: '8'}}", "11111111-0000-4000-8000-000000000007"),
        ("debian-12", "{requests: {cpu: 500m}}", "11111111-0000-4000-8000-000000000003"),
        ("debian-12", "{requests: {cpu: 1100m}}", "11111111-0000-4000-8000-000000000004"),
        ("kvm-only", "{requests: {memory: 1Gi}}", "b87c2a29-6b6a-6d19-ea65-aa81e680002c"),
        ("kvm-only", "{requests: {memory: 1Mi}}", "11111111-0000-4000-8000-000000000002"),
    ] {
        assert_eq!(plan(&sized(image, resources)).create.package, expected, "{image} {resources}");
    }
}

#[test]
fn the_choice_is_explained() {
    let choices = plan(&sized("debian-12", "{requests: {cpu: 500m, memory: 1Gi}}")).choices;
    let shown: Vec<(&str, &str)> =
        choices.iter().map(|choice| (choice.chosen.as_str(), choice.why.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("debian-12@1.1.0 (22222222-0000-4000-8000-000000000002)", "the newest of its name"),
            (
                "k4-bhyve-2G (2048 MiB memory, 1 vCPUs, 51200 MiB disk)",
                "the smallest that fits 1024 MiB memory, 1 vCPUs"
            ),
        ]
    );
}

#[test]
fn of_packages_of_one_name_the_highest_version_is_taken() {
    let create = plan(&of_image("debian-12", "k4-bhyve-4G")).create;
    assert_eq!(create.package, "11111111-0000-4000-8000-000000000005");
}

#[test]
fn a_package_must_suit_the_image() {
    for (image, package) in [("debian-12", "g4-highcpu-1G"), ("kvm-only", "g4-highcpu-1G")] {
        plan(&of_image(image, package));
    }
    for (image, package) in [
        ("base-64", "k4-bhyve-2G"),
        ("kvm-only", "g4-highcpu-128M"),
        ("kvm-only", "k4-bhyve-2G"),
        ("debian-12", "b4-flexible-1G"),
    ] {
        let path = "metadata.annotations['package']";
        finding(&of_image(image, package), "unsuitable-package", Severity::Reject, path);
    }
}

#[test]
fn the_operators_defaults_are_for_pods_that_say_nothing() {
    let defaults = Defaults {
        networks: vec!["sdc_nat".to_owned(), "17d7aa50-6ad9-4e56-93b7-12dc868fac2a".to_owned()],
        package: Some("g4-highcpu-512M".to_owned()),
        ..Defaults::default()
    };
    let create =
        |pod: &Pod| translated_with(pod, &Sources::default(), &defaults).instance.unwrap().create;
    let silent = create(&pod("metadata: {annotations: null}"));
    assert_eq!(silent.package, "11111111-0000-4000-8000-000000000002");
    let networks: Vec<String> =
        silent.networks.unwrap().iter().map(|request| request.network.to_string()).collect();
    assert_eq!(
        networks,
        ["a0ae9499-b476-4fef-9861-d0c25029378d", "17d7aa50-6ad9-4e56-93b7-12dc868fac2a"]
    );
    let outspoken = create(&pod("metadata: {annotations: {networks: My-Fabric-Network}}"));
    assert_eq!(outspoken.package, "b87c2a29-6b6a-6d19-ea65-aa81e680002c");
    assert_eq!(outspoken.networks.unwrap().len(), 1);
}

#[test]
fn without_any_word_the_server_chooses_networks() {
    assert_eq!(plan(&pod("")).create.networks, None);
}

#[test]
fn the_prefixed_annotation_wins_over_the_bare_one() {
    let pod = pod(
        "metadata: {annotations: {package: no-such, tritondatacenter.com/package: g4-highcpu-512M}}",
    );
    assert_eq!(plan(&pod).create.package, "11111111-0000-4000-8000-000000000002");
}

#[test]
fn a_brand_is_sent_only_where_cloudapi_takes_one() {
    let branded = |image: &str, package: &str, brand: &str| {
        let pod = pod(&format!(
            "{{metadata: {{annotations: {{package: {package}, brand: {brand}}}}}, \
              spec: {{containers: [{{name: web, image: {image}}}]}}}}"
        ));
        plan(&pod).create.brand
    };
    assert_eq!(branded("debian-12", "g4-highcpu-1G", "kvm"), Some(Brand::Kvm));
    assert_eq!(branded("debian-12", "k4-bhyve-2G", "bhyve"), Some(Brand::Bhyve));
    assert_eq!(branded("ubuntu-16.04", "g4-highcpu-1G", "lx"), None);
    assert_eq!(branded("base-64", "g4-highcpu-1G", "joyent"), None);
}

#[test]
fn affinity_rules_are_passed_on_one_by_one() {
    let pod =
        pod("metadata: {annotations: {affinity: 'role!=db, instance==~web*,,container==bastion'}}");
    assert_eq!(plan(&pod).create.affinity, ["role!=db", "instance==~web*", "container==bastion"]);
}

#[test]
fn where_somebody_runs_commands_they_are_no_reason_to_reject() {
    let exec = "{exec: {command: [x]}}";
    let pod = pod(&format!(
        "spec: {{containers: [{{name: web, image: ubuntu-16.04, livenessProbe: {exec}, \
         lifecycle: {{postStart: {exec}, preStop: {exec}}}}}]}}"
    ));
    for commands in [false, true] {
        let defaults = Defaults { commands, ..Defaults::default() };
        let translation = translated_with(&pod, &Sources::default(), &defaults);
        assert_eq!(translation.instance.is_some(), commands, "{:?}", translation.diagnostics);
    }
}

#[test]
fn who_asks_for_a_size_that_cannot_be_read_is_not_told_that_nothing_was_asked() {
    let pod = sized("ubuntu-16.04", "{requests: {memory: 4 GB}}");
    let path = "spec.containers[0].resources.requests['memory']";
    finding(&pod, "malformed-quantity", Severity::Reject, path);
}

const HARD: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// A term about compute nodes, with that selector.
fn term(selector: &str) -> String {
    format!("{{topologyKey: kubernetes.io/hostname, labelSelector: {selector}}}")
}

#[test]
fn pod_affinity_and_spread_become_affinity_rules() {
    let soft = |selector: &str| {
        format!(
            "preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 5, podAffinityTerm: {}}}]",
            term(selector)
        )
    };
    let hard = |selector: &str| format!("{HARD}: [{}]", term(selector));
    for (field, expected) in [
        (format!("podAntiAffinity: {{{}}}", hard("{matchLabels: {app: web}}")), "app!=web"),
        (format!("podAntiAffinity: {{{}}}", soft("{matchLabels: {app: web}}")), "app!=~web"),
        (format!("podAffinity: {{{}}}", hard("{matchLabels: {role: db}}")), "role==db"),
        (format!("podAffinity: {{{}}}", soft("{matchLabels: {role: db}}")), "role==~db"),
        (
            format!(
                "podAntiAffinity: {{{}}}",
                hard("{matchExpressions: [{key: app, operator: In, values: [a.1, b]}]}")
            ),
            r"app!=/^(a\.1|b)$/",
        ),
        (
            format!(
                "podAntiAffinity: {{{}}}",
                hard("{matchExpressions: [{key: app, operator: Exists}]}")
            ),
            "app!=/^/",
        ),
    ] {
        let pod = pod(&format!("spec: {{affinity: {{{field}}}}}"));
        assert_eq!(plan(&pod).create.affinity, [expected], "{field}");
    }
    let spread = pod(
        "{metadata: {annotations: {affinity: 'role!=db'}}, spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: \
         kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}]}}",
    );
    assert_eq!(plan(&spread).create.affinity, ["role!=db", "app!=~web"]);
}

#[test]
fn what_an_affinity_rule_cannot_say_is_a_finding_and_no_guess() {
    for selector in [
        "{matchLabels: {app: web, tier: x}}",
        "{matchLabels: {app.kubernetes.io/name: web}}",
        "{matchLabels: {a: web}}",
        "{matchLabels: {app: ''}}",
        "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}",
        "{}",
    ] {
        let pod = pod(&format!(
            "spec: {{affinity: {{podAntiAffinity: {{{HARD}: [{}]}}}}}}",
            term(selector)
        ));
        let path = format!("spec.affinity.podAntiAffinity.{HARD}[0]");
        finding(&pod, "pod-affinity-ignored", Severity::Warning, &path);
        assert!(translated(&pod).instance.unwrap().create.affinity.is_empty(), "{selector}");
    }
}

#[test]
fn a_pod_that_must_be_with_its_own_kind_only_wishes_so() {
    let with = term("{matchLabels: {app: web}}");
    let own = pod(&format!(
        "{{metadata: {{labels: {{app: web}}}}, spec: {{affinity: {{podAffinity: {{{HARD}: [{with}]}}}}}}}}"
    ));
    let path = format!("spec.affinity.podAffinity.{HARD}[0]");
    finding(&own, "pod-affinity-weakened", Severity::Warning, &path);
    assert_eq!(translated(&own).instance.unwrap().create.affinity, ["app==~web"]);
}
