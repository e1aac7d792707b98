//! kube-controller-manager: Deployments, ReplicaSets, node health, garbage.

use std::path::Path;

use anyhow::Result;

use crate::certs::Pki;
use crate::ports::free_port;
use crate::process::{Process, Spec};

/// Requests a second it may send: its default of 20 would be what a burst of pods waits for.
const API_QPS: u32 = 300;

pub(crate) fn start(program: &Path, dir: &Path, pki: &Pki, kubeconfig: &Path) -> Result<Process> {
    let signer = pki.signer();
    let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
    let args = [
        flag("kubeconfig", kubeconfig),
        flag("authentication-kubeconfig", kubeconfig),
        flag("authorization-kubeconfig", kubeconfig),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", free_port()?),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        flag("service-account-private-key-file", &pki.service_account_key()),
        flag("root-ca-file", &pki.ca()),
        flag("cluster-signing-cert-file", &signer.cert),
        flag("cluster-signing-key-file", &signer.key),
        "--allocate-node-cidrs=false".to_owned(),
        format!("--kube-api-qps={API_QPS}"),
        format!("--kube-api-burst={}", 2 * API_QPS),
    ];
    Process::start(Spec::new("kube-controller-manager", program, dir, args))
}
