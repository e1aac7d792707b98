//! CMON with a certificate that the official CLI makes.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{Stage, run};

/// An agent that holds one key, and goes with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // Ours, and not waited for yet: the id cannot be another's.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts an agent at a socket, and gives it the stage's key.
fn agent(stage: &Stage, socket: &str) -> Agent {
    let mut agent = Command::new("ssh-agent");
    let agent = agent.args(["-D", "-a", socket]).stdout(Stdio::null()).spawn().unwrap();
    let agent = Agent(agent);
    while !fs::exists(socket).unwrap() {
        std::thread::yield_now();
    }
    run(Command::new("ssh-add").arg("-q").arg(stage.key_file()).env("SSH_AUTH_SOCK", socket));
    agent
}

/// Asks CMON with the certificate in the stage's folder, by Node's own TLS.
const ASK: &str = r#"
const [host, port, path] = process.argv.slice(1);
const fs = require('fs');
const options = {
    host: '127.0.0.1', port, path, servername: host, headers: {host},
    ca: fs.readFileSync('ca.pem'),
    cert: fs.readFileSync('cmon-jill-cert.pem'), key: fs.readFileSync('cmon-jill-key.pem'),
};
require('https').get(options, answer => {
    console.error(answer.statusCode);
    answer.pipe(process.stdout);
});
"#;

fn ask(stage: &Stage, host: &str, port: &str, path: &str) -> String {
    run(stage.command("node").args(["-e", ASK, host, port, path]))
}

#[test]
fn the_clis_certificate_opens_cmon() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let args = ["--cmon=127.0.0.1:0", &format!("--tls-ca-file={}", ca.display())];
    let stage = Stage::with(&["-t", "ecdsa", "-b", "256"], &args);
    fs::copy(&ca, stage.home().join("ca.pem")).unwrap();
    let socket = folder.path().join("agent");
    let socket = socket.to_str().unwrap();
    let _agent = agent(&stage, socket);
    fs::create_dir_all(stage.home().join(".triton/profiles.d")).unwrap();
    let profile =
        json!({ "url": stage.url, "account": "jill", "keyId": stage.key_id, "insecure": true });
    stage.write(".triton/profiles.d/sim.json", &profile.to_string());
    let certgen = ["-p", "sim", "profile", "cmon-certgen", "-y", "sim"];
    let mut triton = stage.command("node");
    triton.arg(crate::stage::npm("triton/bin/triton")).args(certgen);
    run(triton.env("SSH_AUTH_SOCK", socket));

    let body = json!({
        "name": "web0",
        "package": "g4-highcpu-1G",
        "image": "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b",
        "tag.triton.cmon.groups": "web",
    });
    stage.says(&["instance", "list"]);
    let id = stage.request("POST", "/my/machines", Some(&body)).body["id"].clone();
    let id = id.as_str().unwrap();
    stage.says(&["instance", "wait", id]);
    let services = stage.request("GET", "/my/services", None).body;
    let url = services["cmon"].as_str().unwrap().strip_prefix("https://").unwrap();
    let (host, port) = url.split_once(':').unwrap();
    let found: Value =
        serde_json::from_str(&ask(&stage, host, port, "/v1/discover?groups=web")).unwrap();
    assert_eq!(found["containers"][0]["vm_uuid"], id);
    let metrics = ask(&stage, &format!("{id}.{host}"), port, "/metrics");
    assert!(metrics.contains("# TYPE mem_limit gauge\nmem_limit 1073741824\n"), "{metrics}");
}
