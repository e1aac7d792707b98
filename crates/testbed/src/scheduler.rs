//! kube-scheduler.

use std::path::Path;

use anyhow::Result;

use crate::ports::free_port;
use crate::process::{Process, Spec};

pub(crate) fn start(program: &Path, dir: &Path, kubeconfig: &Path) -> Result<Process> {
    let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
    let args = [
        flag("kubeconfig", kubeconfig),
        flag("authentication-kubeconfig", kubeconfig),
        flag("authorization-kubeconfig", kubeconfig),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", free_port()?),
        "--leader-elect=false".to_owned(),
    ];
    Process::start(Spec::new("kube-scheduler", program, dir, args))
}
