//! The pods that people make.

use serde_json::{Value, json};

use crate::canary;
use crate::life::NODE;
use crate::plan::Kind;

/// A pod `default/NAME` as the API server has it after defaulting, bound to the node.
pub(crate) fn pod(name: &str, kind: Kind) -> Value {
    let mut annotations = json!({ "package": "g4-highcpu-1G" });
    let mut container = json!({
        "name": "main", "image": "ubuntu-16.04", "imagePullPolicy": "IfNotPresent", "resources": {},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    });
    let mut restart = "Always";
    match kind {
        Kind::Plain => {}
        Kind::Job => restart = "Never",
        Kind::OnFailure => restart = "OnFailure",
        Kind::Open => {
            annotations["fwenabled"] = json!("true");
            container["ports"] = json!([{ "containerPort": 80, "protocol": "TCP" }]);
        }
        Kind::Group => annotations["fwgroup"] = json!("web"),
        Kind::Protected => annotations["delprotect"] = json!("true"),
        Kind::Secret => {
            container["env"] = json!([{ "name": "TOKEN", "valueFrom": {
                "secretKeyRef": { "name": canary::SECRET_NAME, "key": canary::SECRET_KEY } } }]);
        }
        Kind::Broken => annotations["package"] = json!("no-such-package"),
    }
    json!({
        "metadata": { "name": name, "annotations": annotations, "labels": { "app": "sim" } },
        "spec": {
            "nodeName": NODE, "containers": [container], "restartPolicy": restart,
            "terminationGracePeriodSeconds": 10, "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": true, "serviceAccountName": "default", "schedulerName": "default-scheduler",
            "tolerations": [{ "operator": "Exists" }],
        },
    })
}
