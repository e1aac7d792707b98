//! The table.

use super::Fate::{Found, Harmless, Honoured, Inside};
use super::Type;
use crate::rules;

/// Every type that a pod reaches through fields that are not found as a whole.
pub const TYPES: &[Type] = &[
    Type {
        name: "PodSpec",
        fields: &[
            ("activeDeadlineSeconds", Honoured("the pod fails when the time is over")),
            ("affinity", Inside("Affinity")),
            (
                "automountServiceAccountToken",
                Harmless("no token is mounted: there is no kubelet beside the guest"),
            ),
            ("containers", Inside("Container")),
            ("dnsConfig", Found(&rules::DNS_IGNORED)),
            ("dnsPolicy", Harmless("resolvers are those of the instance's networks")),
            (
                "enableServiceLinks",
                Harmless(
                    "service variables are not offered: cluster IPs lead nowhere from an instance",
                ),
            ),
            ("ephemeralContainers", Found(&rules::EPHEMERAL_CONTAINER)),
            (
                "evictionResponders",
                Harmless(
                    "says who answers evictions in the cluster; the node only sees the deletion",
                ),
            ),
            ("hostAliases", Found(&rules::DNS_IGNORED)),
            ("hostIPC", Found(&rules::HOST_NAMESPACE)),
            ("hostNetwork", Found(&rules::HOST_NAMESPACE)),
            ("hostPID", Found(&rules::HOST_NAMESPACE)),
            (
                "hostUsers",
                Harmless("an instance shares no users with its compute node, whatever this says"),
            ),
            (
                "hostname",
                Harmless(
                    "the instance is named after its pod and UID; the guest chooses its own host name",
                ),
            ),
            (
                "hostnameOverride",
                Harmless(
                    "the instance is named after its pod and UID; the guest chooses its own host name",
                ),
            ),
            (
                "imagePullSecrets",
                Harmless("images are not pulled: Triton has them, or the image is waited for"),
            ),
            ("initContainers", Found(&rules::INIT_CONTAINER)),
            ("nodeName", Honoured("the node that the pod is bound to")),
            ("nodeSelector", Honoured("by the scheduler")),
            ("os", Found(&rules::POD_OS)),
            ("overhead", Honoured("by the scheduler")),
            ("preemptionPolicy", Honoured("by the scheduler")),
            ("priority", Honoured("by the scheduler")),
            ("priorityClassName", Honoured("by the API server")),
            ("readinessGates", Honoured("the pod is ready only with them")),
            ("resourceClaims", Found(&rules::RESOURCE_CLAIM)),
            ("resources", Inside("ResourceRequirements")),
            (
                "restartPolicy",
                Honoured("as the kubelet means it; a restart is a start or a reboot"),
            ),
            ("runtimeClassName", Found(&rules::RUNTIME_CLASS)),
            ("schedulerName", Honoured("by the scheduler of that name")),
            ("schedulingGates", Honoured("by the scheduler")),
            ("schedulingGroup", Honoured("by the scheduler")),
            ("securityContext", Inside("PodSecurityContext")),
            ("serviceAccount", Harmless("an old name of serviceAccountName")),
            ("serviceAccountName", Honoured("as a variable; no token is mounted")),
            ("setHostnameAsFQDN", Harmless("the guest chooses its own host name")),
            ("shareProcessNamespace", Found(&rules::KERNEL_SETTING)),
            ("subdomain", Harmless("names under CNS come from the label triton.cns.services")),
            (
                "terminationGracePeriodSeconds",
                Honoured("the time between shutting down and deleting the instance"),
            ),
            ("tolerations", Honoured("by the scheduler")),
            (
                "topologySpreadConstraints",
                Honoured(
                    "as a wish, where affinity rules can say it (one label, kubernetes.io/hostname); else `pod-affinity-ignored`",
                ),
            ),
            ("volumes", Inside("Volume")),
        ],
    },
    Type {
        name: "Container",
        fields: &[
            ("args", Found(&rules::COMMAND_IGNORED)),
            ("command", Found(&rules::COMMAND_IGNORED)),
            ("env", Inside("EnvVar")),
            ("envFrom", Inside("EnvFromSource")),
            ("image", Honoured("the image: UUID, name or name@version")),
            (
                "imagePullPolicy",
                Harmless("images are not pulled: Triton has them, or the image is waited for"),
            ),
            ("lifecycle", Inside("Lifecycle")),
            ("livenessProbe", Inside("Probe")),
            ("name", Honoured("the container's name in the pod's status")),
            ("ports", Inside("ContainerPort")),
            ("readinessProbe", Inside("Probe")),
            (
                "resizePolicy",
                Harmless(
                    "says how a running container is resized, and an instance keeps its package",
                ),
            ),
            ("resources", Inside("ResourceRequirements")),
            ("restartPolicy", Found(&rules::CONTAINER_RESTART_RULE)),
            ("restartPolicyRules", Found(&rules::CONTAINER_RESTART_RULE)),
            ("securityContext", Inside("SecurityContext")),
            ("startupProbe", Inside("Probe")),
            ("stdin", Found(&rules::COMMAND_IGNORED)),
            ("stdinOnce", Harmless("means something only with stdin")),
            ("terminationMessagePath", Harmless("an instance leaves no termination message")),
            ("terminationMessagePolicy", Harmless("an instance leaves no termination message")),
            ("tty", Found(&rules::COMMAND_IGNORED)),
            ("volumeDevices", Found(&rules::VOLUME_DEVICE)),
            (
                "volumeMounts",
                Harmless(
                    "every mount needs a volume, and the volume is found; the service account's token is left out",
                ),
            ),
            ("workingDir", Found(&rules::COMMAND_IGNORED)),
        ],
    },
    Type {
        name: "Affinity",
        fields: &[
            ("nodeAffinity", Honoured("by the scheduler")),
            (
                "podAffinity",
                Honoured(
                    "as affinity rules, where those can say it (one label, kubernetes.io/hostname); else `pod-affinity-ignored`",
                ),
            ),
            (
                "podAntiAffinity",
                Honoured(
                    "as affinity rules, where those can say it (one label, kubernetes.io/hostname); else `pod-affinity-ignored`",
                ),
            ),
        ],
    },
    Type {
        name: "ContainerPort",
        fields: &[
            ("containerPort", Honoured("a firewall rule, with the annotation fwenabled")),
            ("hostIP", Harmless("means something only with hostPort")),
            ("hostPort", Found(&rules::HOST_PORT_IGNORED)),
            ("name", Honoured("for probes")),
            ("protocol", Honoured("TCP or UDP")),
        ],
    },
    Type {
        name: "EnvVar",
        fields: &[
            ("name", Honoured("the variable's name")),
            ("value", Honoured("with $(NAME) as the kubelet expands it")),
            ("valueFrom", Inside("EnvVarSource")),
        ],
    },
    Type {
        name: "EnvVarSource",
        fields: &[
            ("configMapKeyRef", Inside("ConfigMapKeySelector")),
            ("fieldRef", Inside("ObjectFieldSelector")),
            ("fileKeyRef", Found(&rules::UNSUPPORTED_ENV_SOURCE)),
            ("resourceFieldRef", Inside("ResourceFieldSelector")),
            ("secretKeyRef", Inside("SecretKeySelector")),
        ],
    },
    Type {
        name: "EnvFromSource",
        fields: &[
            ("configMapRef", Inside("ConfigMapEnvSource")),
            ("prefix", Honoured("before each key")),
            ("secretRef", Inside("SecretEnvSource")),
        ],
    },
    Type {
        name: "ConfigMapKeySelector",
        fields: &[
            ("key", Honoured("the key")),
            ("name", Honoured("the name")),
            ("optional", Honoured("what is missing and optional is not set")),
        ],
    },
    Type {
        name: "SecretKeySelector",
        fields: &[
            ("key", Honoured("the key")),
            ("name", Honoured("the name")),
            ("optional", Honoured("what is missing and optional is not set")),
        ],
    },
    Type {
        name: "ConfigMapEnvSource",
        fields: &[
            ("name", Honoured("the name")),
            ("optional", Honoured("what is missing and optional is not set")),
        ],
    },
    Type {
        name: "SecretEnvSource",
        fields: &[
            ("name", Honoured("the name")),
            ("optional", Honoured("what is missing and optional is not set")),
        ],
    },
    Type {
        name: "ObjectFieldSelector",
        fields: &[
            ("apiVersion", Honoured("v1")),
            (
                "fieldPath",
                Honoured(
                    "metadata.name, .namespace, .uid, .labels['KEY'], .annotations['KEY'], spec.nodeName, spec.serviceAccountName, status.hostIP, status.hostIPs; others are found",
                ),
            ),
        ],
    },
    Type {
        name: "ResourceFieldSelector",
        fields: &[
            ("containerName", Honoured("the one container")),
            ("divisor", Honoured("the amount is divided by it and rounded up")),
            (
                "resource",
                Honoured("requests and limits; a limit that is not set is the package's size"),
            ),
        ],
    },
    Type {
        name: "Lifecycle",
        fields: &[
            ("postStart", Inside("LifecycleHandler")),
            ("preStop", Inside("LifecycleHandler")),
            ("stopSignal", Found(&rules::STOP_SIGNAL)),
        ],
    },
    Type {
        name: "LifecycleHandler",
        fields: &[
            ("exec", Found(&rules::LIFECYCLE_EXEC)),
            ("httpGet", Inside("HTTPGetAction")),
            ("sleep", Honoured("so long the hook lasts")),
            ("tcpSocket", Found(&rules::LIFECYCLE_HOOK)),
        ],
    },
    Type {
        name: "Probe",
        fields: &[
            ("exec", Found(&rules::PROBE_KIND)),
            ("failureThreshold", Honoured("as the kubelet's prober")),
            ("grpc", Inside("GRPCAction")),
            ("httpGet", Inside("HTTPGetAction")),
            ("initialDelaySeconds", Honoured("as the kubelet's prober")),
            ("periodSeconds", Honoured("as the kubelet's prober")),
            ("successThreshold", Honoured("as the kubelet's prober")),
            ("tcpSocket", Inside("TCPSocketAction")),
            (
                "terminationGracePeriodSeconds",
                Honoured(
                    "the grace period of an instance that is killed because this probe failed",
                ),
            ),
            ("timeoutSeconds", Honoured("as the kubelet's prober")),
        ],
    },
    Type {
        name: "GRPCAction",
        fields: &[
            (
                "mode",
                Harmless(
                    "the prober asks by itself whether the connection shall be encrypted: it is not",
                ),
            ),
            ("port", Honoured("the port")),
            ("service", Honoured("the service's name")),
        ],
    },
    Type {
        name: "HTTPGetAction",
        fields: &[
            ("host", Honoured("instead of the instance's address")),
            ("httpHeaders", Honoured("sent as they are")),
            ("path", Honoured("the path")),
            ("port", Honoured("by number or name")),
            ("protocol", Harmless("the prober speaks HTTP/1.1, which every server answers")),
            ("scheme", Honoured("HTTP or HTTPS; certificates are not checked")),
        ],
    },
    Type {
        name: "TCPSocketAction",
        fields: &[
            ("host", Honoured("instead of the instance's address")),
            ("port", Honoured("by number or name")),
        ],
    },
    Type {
        name: "ResourceRequirements",
        fields: &[
            (
                "claims",
                Harmless("every claim needs one of the pod's resourceClaims, which are found"),
            ),
            ("limits", Honoured("the package: the larger of requests and limits")),
            ("requests", Honoured("the package: the larger of requests and limits")),
        ],
    },
    Type {
        name: "SecurityContext",
        fields: &[
            (
                "allowPrivilegeEscalation",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            (
                "appArmorProfile",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            ("capabilities", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("privileged", Found(&rules::PRIVILEGED)),
            ("procMount", Found(&rules::KERNEL_SETTING)),
            ("readOnlyRootFilesystem", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("runAsGroup", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("runAsNonRoot", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("runAsUser", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            (
                "seLinuxOptions",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            (
                "seccompProfile",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            ("windowsOptions", Harmless("the node's operating system is linux")),
        ],
    },
    Type {
        name: "PodSecurityContext",
        fields: &[
            (
                "appArmorProfile",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            ("fsGroup", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("fsGroupChangePolicy", Harmless("means something only with volumes")),
            ("runAsGroup", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("runAsNonRoot", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("runAsUser", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("seLinuxChangePolicy", Harmless("means something only with volumes")),
            (
                "seLinuxOptions",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            (
                "seccompProfile",
                Harmless("the image's own processes have the image's own confinement"),
            ),
            ("supplementalGroups", Found(&rules::SECURITY_CONTEXT_IGNORED)),
            ("supplementalGroupsPolicy", Harmless("means something only with supplementalGroups")),
            ("sysctls", Found(&rules::KERNEL_SETTING)),
            ("windowsOptions", Harmless("the node's operating system is linux")),
        ],
    },
    Type {
        name: "Volume",
        fields: &[
            ("awsElasticBlockStore", Found(&rules::VOLUME)),
            ("azureDisk", Found(&rules::VOLUME)),
            ("azureFile", Found(&rules::VOLUME)),
            ("cephfs", Found(&rules::VOLUME)),
            ("cinder", Found(&rules::VOLUME)),
            ("configMap", Found(&rules::VOLUME)),
            ("csi", Found(&rules::VOLUME)),
            ("downwardAPI", Found(&rules::VOLUME)),
            ("emptyDir", Found(&rules::VOLUME)),
            ("ephemeral", Found(&rules::VOLUME)),
            ("fc", Found(&rules::VOLUME)),
            ("flexVolume", Found(&rules::VOLUME)),
            ("flocker", Found(&rules::VOLUME)),
            ("gcePersistentDisk", Found(&rules::VOLUME)),
            ("gitRepo", Found(&rules::VOLUME)),
            ("glusterfs", Found(&rules::VOLUME)),
            ("hostPath", Found(&rules::VOLUME)),
            ("image", Found(&rules::VOLUME)),
            ("iscsi", Found(&rules::VOLUME)),
            ("name", Harmless("names what volumeMounts refer to")),
            ("nfs", Found(&rules::VOLUME)),
            ("persistentVolumeClaim", Found(&rules::VOLUME)),
            ("photonPersistentDisk", Found(&rules::VOLUME)),
            ("portworxVolume", Found(&rules::VOLUME)),
            ("projected", Found(&rules::VOLUME)),
            ("quobyte", Found(&rules::VOLUME)),
            ("rbd", Found(&rules::VOLUME)),
            ("scaleIO", Found(&rules::VOLUME)),
            ("secret", Found(&rules::VOLUME)),
            ("storageos", Found(&rules::VOLUME)),
            ("vsphereVolume", Found(&rules::VOLUME)),
        ],
    },
];
