//! kube-apiserver, with an audit log of what vk-triton asks of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::certs::Pki;
use crate::ports::free_port;
use crate::process::{Process, Spec};

/// User name under which the node binary comes.
pub(crate) const NODE_USER: &str = "vk-triton";

/// A running API server.
#[derive(Debug)]
pub(crate) struct Apiserver {
    pub(crate) process: Process,
    pub(crate) url: String,
    /// One JSON object a line: every request of the user `vk-triton` that was answered.
    pub(crate) audit_log: PathBuf,
}

// === impl Apiserver ===

impl Apiserver {
    pub(crate) fn start(
        program: &Path,
        dir: &Path,
        pki: &Pki,
        etcd: &str,
        more: &[String],
    ) -> Result<Self> {
        let port = free_port()?;
        let serving = pki.apiserver()?;
        let kubelet =
            pki.client("kubelet-client", "kube-apiserver-kubelet-client", &["system:masters"])?;
        let front_proxy = pki.front_proxy_client()?;
        let audit_policy = dir.join("audit-policy.json");
        let audit_log = dir.join("audit.log");
        fs::write(&audit_policy, AUDIT_POLICY).context("writing the audit policy")?;
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let args = [
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // Endpoints may not hold loopback addresses, so it must not try to write its own.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={port}"),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            flag("client-ca-file", &pki.ca()),
            flag("tls-cert-file", &serving.cert),
            flag("tls-private-key-file", &serving.key),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            flag("service-account-key-file", &pki.service_account_public_key()),
            flag("service-account-signing-key-file", &pki.service_account_key()),
            flag("kubelet-client-certificate", &kubelet.cert),
            flag("kubelet-client-key", &kubelet.key),
            "--kubelet-preferred-address-types=InternalIP,Hostname".to_owned(),
            flag("requestheader-client-ca-file", &pki.front_proxy_ca()),
            "--requestheader-allowed-names=front-proxy-client".to_owned(),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--requestheader-group-headers=X-Remote-Group".to_owned(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
            flag("proxy-client-cert-file", &front_proxy.cert),
            flag("proxy-client-key-file", &front_proxy.key),
            flag("audit-policy-file", &audit_policy),
            flag("audit-log-path", &audit_log),
        ];
        let args = args.iter().chain(more);
        let process = Process::start(Spec::new("kube-apiserver", program, dir, args))?;
        Ok(Self { process, url: format!("https://127.0.0.1:{port}"), audit_log })
    }
}

/// Once per request, for the node's user alone: what it writes as it writes it, except Secrets, and of everything else
/// the metadata.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
  "rules": [
    {"level": "Metadata", "users": ["vk-triton"], "resources": [{"group": "", "resources": ["secrets"]}]},
    {"level": "Request", "users": ["vk-triton"], "verbs": ["create", "update", "patch", "delete"]},
    {"level": "Metadata", "users": ["vk-triton"]},
    {"level": "None"}
  ]
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_policy_names_the_nodes_user() {
        let policy: serde_json::Value = serde_json::from_str(AUDIT_POLICY).unwrap();
        let rules = policy["rules"].as_array().unwrap();
        let (last, others) = rules.split_last().unwrap();
        assert!(others.iter().all(|rule| rule["users"][0] == NODE_USER));
        assert_eq!(last["level"], "None");
    }
}
