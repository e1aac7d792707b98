//! Findings are where the reader has to change something.

use triton_podspec::manifest::{Context, lint};

use crate::check;

const HEAD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n";

#[test]
fn a_finding_points_at_its_field() {
    let text = format!(
        "{HEAD}  annotations:\n    tritondatacenter.com/fwenabled: 'yes please'\nspec:\n  containers:\n  - name: web\n    \
         image: debian-12\n    resources: {{limits: {{memory: 4 GB}}}}\n    ports:\n    - containerPort: 80\n    - {{containerPort: \
         99999}}\n"
    );
    check(&text, &["malformed-annotation 6:5", "malformed-quantity 11:26", "malformed-port 14:8"]);
    let report = lint(&text, &Context::default());
    let shown: Vec<&str> =
        report.findings.iter().map(|finding| &text[finding.span.clone()]).collect();
    assert_eq!(
        shown,
        ["tritondatacenter.com/fwenabled: 'yes please'", "memory: 4 GB", "containerPort: 99999"]
    );
}

#[test]
fn what_is_not_there_is_missed_where_it_would_be() {
    check(
        &format!("{HEAD}spec:\n  containers:\n  - name: web\n"),
        &["missing-image 7:5", "missing-package 7:5"],
    );
    check(HEAD, &["container-count 1:1", "missing-package 1:1"]);
}

#[test]
fn templates_are_found_in_every_kind_and_paths_begin_at_the_top() {
    for (kind, version, before, indent) in [
        ("Deployment", "apps/v1", "spec:\n  template:\n", "    "),
        ("StatefulSet", "apps/v1", "spec:\n  template:\n", "    "),
        ("ReplicaSet", "apps/v1", "spec:\n  template:\n", "    "),
        ("Job", "batch/v1", "spec:\n  template:\n", "    "),
        ("CronJob", "batch/v1", "spec:\n  jobTemplate:\n    spec:\n      template:\n", "        "),
    ] {
        let text = format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\n{before}{indent}spec:\n{indent}  hostNetwork: \
             true\n{indent}  containers: [{{name: web, image: a, resources: {{requests: {{memory: 1Gi}}}}}}]\n"
        );
        let report = lint(&text, &Context::default());
        let [finding] = &report.findings[..] else { panic!("{kind}: {:#?}", report.findings) };
        assert_eq!(finding.rule.name, "host-namespace");
        assert!(finding.path.ends_with("template.spec.hostNetwork"), "{}", finding.path);
        assert_eq!(&text[finding.span.clone()], "hostNetwork: true");
        assert_eq!(finding.object, format!("{kind}/web"));
        assert_eq!(report.plans.len(), 1);
    }
}

#[test]
fn documents_lists_and_json_are_looked_through() {
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true,"containers":[{"name":"a","image":"b","resources":{"limits":{"cpu":"1"}}}]}}"#;
    check(pod, &["host-namespace 1:65"]);
    let list = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{pod},\n{pod}]}}");
    check(&list, &["host-namespace 2:65", "host-namespace 3:65"]);
    check(
        &format!("# comment\n---\n{pod}\n---\n---\n{pod}\n"),
        &["host-namespace 3:65", "host-namespace 6:65"],
    );
    check(&pod.replace(',', ",\n\t"), &["host-namespace 4:10"]);
}

#[test]
fn what_makes_no_pods_is_no_business_of_ours() {
    check("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {hostNetwork: true}\n", &[]);
    check("apiVersion: serving.knative.dev/v1\nkind: Deployment\nspec: {template: 5}\n", &[]);
    check("", &[]);
    check("just: yaml\n", &[]);
}

#[test]
fn misspelt_and_misplaced_fields_are_found_with_the_name_that_was_meant() {
    let text = format!(
        "{HEAD}spec:\n  restartPolcy: Never\n  containers:\n  - name: web\n    image: debian-12\n    resource: {{}}\n    \
         resources: {{requests: {{memory: 1Gi}}}}\n    env:\n    - name: DEBUG\n      value: yes\n    - {{name: LEVEL, value: \
         5}}\n"
    );
    check(
        &text,
        &["unknown-field 6:3", "unknown-field 10:5", "wrong-type 14:7", "wrong-type 15:21"],
    );
    let messages: Vec<String> =
        lint(&text, &Context::default()).findings.into_iter().map(|it| it.message).collect();
    assert_eq!(
        messages,
        [
            r#"Kubernetes knows no field "restartPolcy" here; did you mean "restartPolicy"?"#,
            r#"Kubernetes knows no field "resource" here; did you mean "resources"?"#,
            r#"is true, and text is expected: put it in quotes, "true""#,
            "is 5, and text is expected: put it in quotes",
        ]
    );
}

#[test]
fn fields_of_the_workload_itself_are_checked_too() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replica: 3\n  template:\n    spec:\n      \
                containers: [{name: web, image: a, resources: {requests: {memory: 1Gi}}, imagePullPolcy: x}]\n";
    check(text, &["unknown-field 5:3", "unknown-field 8:80"]);
}

#[test]
fn a_value_that_its_type_cannot_hold_is_found_where_it_is_and_the_rest_is_read_all_the_same() {
    let container = |more: &str| {
        format!(
            "{HEAD}spec:\n  containers:\n  - name: web\n    image: debian-12\n    resources: {{requests: {{memory: \
             1Gi}}}}\n    {more}\n"
        )
    };
    for (more, expected) in [
        (
            "ports: [{containerPort: 99999999999}]",
            &["wrong-type 10:14", "malformed-port 10:14"][..],
        ),
        ("readinessProbe: {tcpSocket: {port: 4294967296}}", &["wrong-type 10:34"]),
        ("readinessProbe: {tcpSocket: {port: 80.5}}", &["wrong-type 10:34"]),
    ] {
        check(&container(more), expected);
    }
    let text = HEAD.replace(
        "name: web\n",
        "name: web\n  creationTimestamp: yesterday\n  annotations: {package: a}\n",
    );
    check(&format!("{text}spec: {{containers: [{{name: web, image: a}}]}}\n"), &["wrong-type 5:3"]);
}
