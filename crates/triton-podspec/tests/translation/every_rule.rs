//! Every rule has pods that trip it, and nothing else.

use std::collections::BTreeSet;

use triton_podspec::Severity::{self, Reject, Wait, Warning};
use triton_podspec::rules;

use crate::fixture::{container, finding, pod, translated};

/// Pods by a patch (YAML) over one that nothing is wrong with.
const PODS: &[(&str, Severity, &str, &str)] = &[
    (
        "container-count",
        Reject,
        "spec.containers",
        "spec: {containers: [{name: a, image: ubuntu-16.04}, {name: b, image: ubuntu-16.04}]}",
    ),
    ("container-count", Reject, "spec.containers", "spec: {containers: []}"),
    ("init-container", Reject, "spec.initContainers[0]", "spec: {initContainers: [{name: init}]}"),
    (
        "sidecar-container",
        Reject,
        "spec.initContainers[0]",
        "spec: {initContainers: [{name: proxy, restartPolicy: Always}]}",
    ),
    (
        "ephemeral-container",
        Warning,
        "spec.ephemeralContainers[0]",
        "spec: {ephemeralContainers: [{name: debug}]}",
    ),
    ("host-namespace", Reject, "spec.hostNetwork", "spec: {hostNetwork: true}"),
    ("host-namespace", Reject, "spec.hostPID", "spec: {hostPID: true}"),
    ("host-namespace", Reject, "spec.hostIPC", "spec: {hostIPC: true}"),
    ("kernel-setting", Reject, "spec.shareProcessNamespace", "spec: {shareProcessNamespace: true}"),
    (
        "kernel-setting",
        Reject,
        "spec.securityContext.sysctls",
        "spec: {securityContext: {sysctls: [{name: a, value: b}]}}",
    ),
    ("runtime-class", Reject, "spec.runtimeClassName", "spec: {runtimeClassName: gvisor}"),
    ("resource-claim", Reject, "spec.resourceClaims", "spec: {resourceClaims: [{name: gpu}]}"),
    ("pod-os", Reject, "spec.os.name", "spec: {os: {name: windows}}"),
    (
        "volume",
        Reject,
        "spec.volumes[0].hostPath",
        "spec: {volumes: [{name: v, hostPath: {path: /}}]}",
    ),
    ("volume", Reject, "spec.volumes[0].emptyDir", "spec: {volumes: [{name: v, emptyDir: {}}]}"),
    (
        "volume",
        Reject,
        "spec.volumes[0].configMap",
        "spec: {volumes: [{name: v, configMap: {name: c}}]}",
    ),
    (
        "volume",
        Reject,
        "spec.volumes[0].secret",
        "spec: {volumes: [{name: v, secret: {secretName: s}}]}",
    ),
    (
        "volume",
        Reject,
        "spec.volumes[0].downwardAPI",
        "spec: {volumes: [{name: v, downwardAPI: {}}]}",
    ),
    (
        "volume",
        Reject,
        "spec.volumes[0].persistentVolumeClaim",
        "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]}",
    ),
    ("volume", Reject, "spec.volumes[0].ephemeral", "spec: {volumes: [{name: v, ephemeral: {}}]}"),
    (
        "volume",
        Reject,
        "spec.volumes[0].nfs",
        "spec: {volumes: [{name: v, nfs: {server: s, path: /}}]}",
    ),
    ("volume", Reject, "spec.volumes[0]", "spec: {volumes: [{name: v, csi: {driver: d}}]}"),
    (
        "volume",
        Reject,
        "spec.volumes[0]",
        "spec: {volumes: [{name: kube-api-access-x, projected: {sources: [{secret: {name: s}}]}}]}",
    ),
    (
        "volume",
        Reject,
        "spec.volumes[0]",
        "spec: {volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: token}}]}}]}",
    ),
    (
        "pod-affinity-ignored",
        Warning,
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]",
        "spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}}",
    ),
    (
        "pod-affinity-ignored",
        Warning,
        "spec.topologySpreadConstraints[0]",
        "spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]}",
    ),
    (
        "pod-affinity-weakened",
        Warning,
        "spec.topologySpreadConstraints[0]",
        "spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]}",
    ),
    (
        "security-context-ignored",
        Warning,
        "spec.securityContext",
        "spec: {securityContext: {fsGroup: 1000}}",
    ),
    ("dns-ignored", Warning, "spec.dnsConfig", "spec: {dnsConfig: {nameservers: [10.0.0.1]}}"),
    ("dns-ignored", Warning, "spec.hostAliases", "spec: {hostAliases: [{ip: 10.0.0.1}]}"),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['fwenabled']",
        "metadata: {annotations: {fwenabled: 'yes'}}",
    ),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['tritondatacenter.com/delprotect']",
        "metadata: {annotations: {tritondatacenter.com/delprotect: '1'}}",
    ),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['liveness-action']",
        "metadata: {annotations: {liveness-action: restart}}",
    ),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['crash-loop-window']",
        "metadata: {annotations: {crash-loop-window: five minutes}}",
    ),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['networks']",
        "metadata: {annotations: {networks: ' , '}}",
    ),
    (
        "malformed-annotation",
        Reject,
        "metadata.annotations['fwgroup']",
        "metadata: {annotations: {fwenabled: 'true', fwgroup: 'a\" = b'}, labels: {}}",
    ),
    (
        "unknown-annotation",
        Warning,
        "metadata.annotations['tritondatacenter.com/pakage']",
        "metadata: {annotations: {tritondatacenter.com/pakage: x}}",
    ),
    (
        "docker-instance",
        Reject,
        "metadata.annotations['type']",
        "metadata: {annotations: {type: docker}}",
    ),
    (
        "docker-network",
        Warning,
        "metadata.annotations['public_network']",
        "metadata: {annotations: {public_network: x}}",
    ),
    ("missing-image", Reject, "spec.containers[0].image", "spec: {containers: [{name: web}]}"),
    (
        "unknown-image",
        Wait,
        "spec.containers[0].image",
        "spec: {containers: [{name: web, image: 'nginx:1.27'}]}",
    ),
    (
        "unknown-image",
        Wait,
        "spec.containers[0].image",
        "spec: {containers: [{name: web, image: debian-12@2.0.0}]}",
    ),
    (
        "unknown-image",
        Wait,
        "spec.containers[0].image",
        "spec: {containers: [{name: web, image: 22222222-0000-4000-8000-000000000003}]}",
    ),
    (
        "unknown-image",
        Wait,
        "spec.containers[0].image",
        "spec: {containers: [{name: web, image: 55555555-0000-4000-8000-000000000003}]}",
    ),
    (
        "ambiguous-image",
        Warning,
        "spec.containers[0].image",
        "spec: {containers: [{name: web, image: shared-name}]}",
    ),
    (
        "unknown-brand",
        Reject,
        "metadata.annotations['brand']",
        "metadata: {annotations: {brand: bhyve}}",
    ),
    (
        "unknown-brand",
        Reject,
        "metadata.annotations['brand']",
        "metadata: {annotations: {brand: vmware}}",
    ),
    ("missing-package", Reject, "spec.containers[0].resources", "metadata: {annotations: null}"),
    (
        "unknown-package",
        Wait,
        "metadata.annotations['package']",
        "metadata: {annotations: {package: g4-highcpu-2G}}",
    ),
    (
        "unknown-package",
        Wait,
        "metadata.annotations['tritondatacenter.com/package']",
        "metadata: {annotations: {tritondatacenter.com/package: 55555555-0000-4000-8000-000000000003}}",
    ),
    (
        "no-package-fits",
        Wait,
        "spec.containers[0].resources",
        "metadata: {annotations: null}\nspec: {containers: [{name: web, image: ubuntu-16.04, resources: {requests: {memory: 1Ti}}}]}",
    ),
    (
        "unsuitable-package",
        Reject,
        "metadata.annotations['package']",
        "metadata: {annotations: {package: k4-bhyve-2G}}",
    ),
    (
        "package-smaller-than-request",
        Warning,
        "metadata.annotations['package']",
        "spec: {containers: [{name: web, image: ubuntu-16.04, resources: {limits: {memory: 2Gi}}}]}",
    ),
    (
        "malformed-quantity",
        Reject,
        "spec.containers[0].resources.limits['cpu']",
        "spec: {containers: [{name: web, image: ubuntu-16.04, resources: {limits: {cpu: two}}}]}",
    ),
    (
        "unknown-network",
        Wait,
        "metadata.annotations['networks']",
        "metadata: {annotations: {networks: 'sdc_nat,my-fabric-netwrk'}}",
    ),
    (
        "ambiguous-network",
        Reject,
        "metadata.annotations['networks']",
        "metadata: {annotations: {networks: twin}}",
    ),
    (
        "duplicate-network",
        Warning,
        "metadata.annotations['networks']",
        "metadata: {annotations: {networks: 'sdc_nat, a0ae9499-b476-4fef-9861-d0c25029378d'}}",
    ),
    (
        "malformed-affinity",
        Reject,
        "metadata.annotations['affinity']",
        "metadata: {annotations: {affinity: 'role=db'}}",
    ),
    ("reserved-tag", Reject, "metadata.labels['k8s_uid']", "metadata: {labels: {k8s_uid: x}}"),
    (
        "reserved-tag",
        Reject,
        "metadata.labels['sdc_docker']",
        "metadata: {labels: {sdc_docker: 'true'}}",
    ),
    (
        "unknown-triton-tag",
        Reject,
        "metadata.labels['triton.cns.service']",
        "metadata: {labels: {triton.cns.service: web}}",
    ),
    (
        "unknown-triton-tag",
        Reject,
        "metadata.labels['triton.io/x']",
        "metadata: {labels: {triton.io/x: web}}",
    ),
    (
        "malformed-triton-tag",
        Reject,
        "metadata.labels['triton.cns.services']",
        "metadata: {labels: {triton.cns.services: my.web}}",
    ),
    (
        "malformed-triton-tag",
        Reject,
        "metadata.labels['triton.cns.disable']",
        "metadata: {labels: {triton.cns.disable: 'yes'}}",
    ),
    (
        "user-data",
        Reject,
        "metadata.annotations['user-data']",
        "metadata: {annotations: {user-data: '#cloud-config'}}",
    ),
    (
        "user-data",
        Reject,
        "metadata.annotations['metadata.tritondatacenter.com/user-data']",
        "metadata: {annotations: {metadata.tritondatacenter.com/user-data: x}}",
    ),
    (
        "metadata-dropped",
        Warning,
        "metadata.annotations['root_pw']",
        "metadata: {annotations: {root_pw: x}}",
    ),
    (
        "metadata-dropped",
        Warning,
        "metadata.annotations['root_authorized_keys']",
        "metadata: {annotations: {root_authorized_keys: x}}",
    ),
    (
        "firewall-group-off",
        Warning,
        "metadata.annotations['fwgroup']",
        "metadata: {annotations: {fwgroup: web}}",
    ),
    (
        "firewall-closed",
        Warning,
        "metadata.annotations['fwenabled']",
        "metadata: {annotations: {fwenabled: 'true'}}",
    ),
];

/// Pods by fields (YAML) of their container.
const CONTAINERS: &[(&str, Severity, &str, &str)] = &[
    ("privileged", Reject, "securityContext.privileged", "securityContext: {privileged: true}"),
    (
        "kernel-setting",
        Reject,
        "securityContext.procMount",
        "securityContext: {procMount: Unmasked}",
    ),
    ("security-context-ignored", Warning, "securityContext", "securityContext: {runAsUser: 1000}"),
    ("volume-device", Reject, "volumeDevices", "volumeDevices: [{name: v, devicePath: /dev/x}]"),
    ("probe-kind", Reject, "startupProbe.exec", "startupProbe: {exec: {command: [x]}}"),
    ("probe-kind", Reject, "livenessProbe.exec", "livenessProbe: {exec: {command: [x]}}"),
    ("probe-kind", Reject, "readinessProbe.exec", "readinessProbe: {exec: {command: [x]}}"),
    (
        "lifecycle-exec",
        Reject,
        "lifecycle.postStart.exec",
        "lifecycle: {postStart: {exec: {command: [x]}}}",
    ),
    (
        "lifecycle-exec",
        Reject,
        "lifecycle.preStop.exec",
        "lifecycle: {preStop: {exec: {command: [x]}}}",
    ),
    (
        "lifecycle-hook",
        Warning,
        "lifecycle.postStart",
        "lifecycle: {postStart: {tcpSocket: {port: 80}}}",
    ),
    (
        "lifecycle-hook",
        Warning,
        "lifecycle.preStop",
        "lifecycle: {preStop: {tcpSocket: {port: 1}}}",
    ),
    ("stop-signal", Reject, "lifecycle.stopSignal", "lifecycle: {stopSignal: SIGUSR1}"),
    ("container-restart-rule", Reject, "restartPolicy", "restartPolicy: Never"),
    (
        "container-restart-rule",
        Reject,
        "restartPolicyRules",
        "restartPolicyRules: [{action: Restart}]",
    ),
    ("command-ignored", Warning, "command", "command: [sh]"),
    ("command-ignored", Warning, "args", "args: [a]"),
    ("command-ignored", Warning, "workingDir", "workingDir: /"),
    ("command-ignored", Warning, "stdin", "stdin: true"),
    ("command-ignored", Warning, "tty", "tty: true"),
    (
        "host-port-ignored",
        Warning,
        "ports[0].hostPort",
        "ports: [{containerPort: 80, hostPort: 8080}]",
    ),
    ("malformed-port", Reject, "ports[0].protocol", "ports: [{containerPort: 80, protocol: SCTP}]"),
    (
        "malformed-port",
        Reject,
        "ports[1].containerPort",
        "ports: [{containerPort: 80}, {containerPort: 65536}]",
    ),
    (
        "unread-source",
        Wait,
        "env[0].valueFrom.configMapKeyRef",
        "env: [{name: a, valueFrom: {configMapKeyRef: {name: c, key: k}}}]",
    ),
    ("unread-source", Wait, "envFrom[0]", "envFrom: [{secretRef: {name: s, optional: true}}]"),
    (
        "unsupported-env-source",
        Reject,
        "env[0].valueFrom",
        "env: [{name: a, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k}}}]",
    ),
    (
        "unsupported-env-source",
        Reject,
        "env[0].valueFrom.fieldRef.fieldPath",
        "env: [{name: a, valueFrom: {fieldRef: {fieldPath: metadata.labels}}}]",
    ),
    (
        "unsupported-env-source",
        Reject,
        "env[0].valueFrom.fieldRef.apiVersion",
        "env: [{name: a, valueFrom: {fieldRef: {apiVersion: v2, fieldPath: metadata.name}}}]",
    ),
    (
        "unsupported-env-source",
        Reject,
        "env[0].valueFrom.resourceFieldRef.resource",
        "env: [{name: a, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}]",
    ),
    (
        "unsupported-env-source",
        Reject,
        "env[0].valueFrom.resourceFieldRef.containerName",
        "env: [{name: a, valueFrom: {resourceFieldRef: {containerName: db, resource: limits.cpu}}}]",
    ),
    ("unsupported-env-source", Reject, "envFrom[0]", "envFrom: [{prefix: P}]"),
    (
        "malformed-quantity",
        Reject,
        "env[0].valueFrom.resourceFieldRef.divisor",
        "env: [{name: a, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: x}}}]",
    ),
    (
        "address-before-create",
        Reject,
        "env[0].valueFrom.fieldRef.fieldPath",
        "env: [{name: a, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]",
    ),
    (
        "address-before-create",
        Reject,
        "env[0].valueFrom.fieldRef.fieldPath",
        "env: [{name: a, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}]",
    ),
];

/// Rules that need ConfigMaps and Secrets, or more than a line of YAML; their tests are in `environment.rs` and
/// `metadata.rs`.
const ELSEWHERE: [&str; 8] = [
    "config-error",
    "unknown-node-address",
    "optional-config-map-not-found",
    "optional-secret-not-found",
    "optional-config-map-key-not-found",
    "optional-secret-key-not-found",
    "invalid-environment-variable-names",
    "request-too-large",
];

#[test]
fn a_pod_that_trips_a_rule_trips_only_that() {
    for (rule, severity, path, patch) in PODS {
        finding(&pod(patch), rule, *severity, path);
    }
    for (rule, severity, path, fields) in CONTAINERS {
        finding(&container(fields), rule, *severity, &format!("spec.containers[0].{path}"));
    }
}

#[test]
fn every_rule_is_tested() {
    let tested: BTreeSet<&str> =
        PODS.iter().chain(CONTAINERS).map(|(rule, ..)| *rule).chain(ELSEWHERE).collect();
    let all: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(tested, all);
}

#[test]
fn all_findings_are_reported_not_only_the_first() {
    let pod = pod(
        "{metadata: {annotations: {package: x, networks: lan}}, spec: {hostNetwork: true, containers: [{name: web, image: z}]}}",
    );
    let rules: Vec<&str> =
        translated(&pod).diagnostics.iter().map(|diagnostic| diagnostic.rule).collect();
    assert_eq!(rules, ["host-namespace", "unknown-image", "unknown-package", "unknown-network"]);
}

#[test]
fn what_every_pod_has_is_silent() {
    let silent = [
        "spec: {terminationGracePeriodSeconds: 30, dnsPolicy: ClusterFirst, restartPolicy: Always, priority: 0}",
        "spec: {hostname: web-0, subdomain: web, tolerations: [{operator: Exists}], imagePullSecrets: [{name: r}]}",
        "spec: {securityContext: {seccompProfile: {type: RuntimeDefault}}, hostNetwork: false, os: {name: linux}}",
        "spec: {affinity: {nodeAffinity: {}}, nodeSelector: {type: virtual-kubelet}, activeDeadlineSeconds: 60}",
        "metadata: {annotations: {kubernetes.io/psp: x, fwenabled: '', delprotect: 'false'}}",
    ];
    for patch in silent {
        assert_eq!(translated(&pod(patch)).diagnostics, [], "{patch}");
    }
    for fields in [
        "readinessProbe: {tcpSocket: {port: 22}}, livenessProbe: {httpGet: {port: 80}}, startupProbe: {tcpSocket: {port: 22}}",
        "securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: false, privileged: false}",
        "imagePullPolicy: Always, terminationMessagePolicy: File, lifecycle: {}",
    ] {
        assert_eq!(translated(&container(fields)).diagnostics, [], "{fields}");
    }
}
