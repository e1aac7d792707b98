//! A real ssh-agent holds the keys, and openssl checks what it signs.

#![cfg(feature = "agent")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[expect(dead_code, reason = "the other half is for tests/openssl.rs")]
mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{keygen, openssl_verifies, public_half, run, utf8};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use triton_signature::agent::{Agent, AgentError};
use triton_signature::http::{self, KeyId};
use triton_signature::{Algorithm, Fingerprint, Signer};

const MESSAGE: &[u8] = b"date: Sat, 11 Jun 2011 23:56:29 GMT";

/// An ssh-agent that ends with the test.
struct RunningAgent {
    child: Child,
    socket: PathBuf,
}

impl RunningAgent {
    fn start(dir: &TempDir) -> Self {
        let socket = dir.path().join("agent.sock");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a", utf8(&socket)])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh-agent starts");
        // It prints its socket once it listens.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("agent.sock"), "{line}");
        Self { child, socket }
    }

    fn add(&self, key: &Path) {
        let output = Command::new("ssh-add")
            .args(["-q", utf8(key)])
            .env("SSH_AUTH_SOCK", &self.socket)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn remove_all(&self) {
        let mut command = Command::new("ssh-add");
        let status = command.args(["-q", "-D"]).env("SSH_AUTH_SOCK", &self.socket).status();
        assert!(status.unwrap().success());
    }

    fn agent(&self) -> Agent {
        let socket = utf8(&self.socket).to_owned();
        Agent::from_env(&|name| (name == "SSH_AUTH_SOCK").then(|| socket.clone())).unwrap()
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn openssl_accepts_what_the_agent_signs() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    for (name, args, algorithm) in [
        ("rsa", ["-t", "rsa", "-b", "2048"], Algorithm::RsaSha256),
        ("p256", ["-t", "ecdsa", "-b", "256"], Algorithm::EcdsaSha256),
        ("p521", ["-t", "ecdsa", "-b", "521"], Algorithm::EcdsaSha512),
    ] {
        let key = keygen(&dir, name, &args);
        agent.add(&key);
        let pem = key.with_extension("pem");
        std::fs::write(&pem, run("ssh-keygen", &["-e", "-m", "PKCS8", "-f", utf8(&key)])).unwrap();
        let wanted: Fingerprint = public_half(&key).md5_fingerprint().parse().unwrap();
        let signer = agent.agent().signer(&wanted).await.unwrap();
        // Often enough that an ECDSA number's top bit comes out both ways.
        for round in 0..8_u8 {
            let message = [MESSAGE, &[round]].concat();
            let signature = signer.sign(&message).await.unwrap();
            assert_eq!(signature.algorithm, algorithm);
            assert!(
                openssl_verifies(&dir, &pem, algorithm, &message, &signature.bytes),
                "{name} {round}"
            );
        }
    }
}

#[tokio::test]
async fn a_request_signed_by_the_agent_is_accepted_by_the_verifier() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    agent.add(&key);
    let public = public_half(&key);
    let wanted: Fingerprint = public.sha256_fingerprint().parse().unwrap();
    let signer = Signer::from(agent.agent().signer(&wanted).await.unwrap());
    let key_id = KeyId::new("acme", public.md5_fingerprint());
    let date = "Sat, 11 Jun 2011 23:56:29 GMT";
    let authorization =
        http::sign(&signer, &key_id, "GET", "/acme/machines", date).await.unwrap().to_string();
    let header = |name: &str| match name {
        "date" => Some(date.to_owned()),
        "authorization" => Some(authorization.clone()),
        _ => None,
    };
    let now = httpdate::parse_http_date(date).unwrap();
    let request = |path_and_query| http::RequestToVerify {
        method: "GET",
        path_and_query,
        header: &header,
        now,
    };
    let claim = request("/acme/machines").claim().unwrap();
    assert_eq!(claim.key_id, key_id);
    claim.verify(&public).unwrap();
    request("/acme/images").claim().unwrap().verify(&public).unwrap_err();
}

#[tokio::test]
async fn a_key_that_is_not_there_is_told_from_those_that_are() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    let wanted = Fingerprint::md5(b"");
    let error = agent.agent().signer(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("it holds no key"), "{error}");
    let key = keygen(&dir, "work", &["-t", "ed25519"]);
    agent.add(&key);
    let error = agent.agent().signer(&wanted).await.unwrap_err().to_string();
    assert!(error.contains(&wanted.to_string()), "{error}");
    assert!(error.contains(&format!("{} (work)", public_half(&key).md5_fingerprint())), "{error}");
}

#[tokio::test]
async fn p384_is_refused_before_the_server_would() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    let key = keygen(&dir, "p384", &["-t", "ecdsa", "-b", "384"]);
    agent.add(&key);
    let wanted: Fingerprint = public_half(&key).md5_fingerprint().parse().unwrap();
    let error = agent.agent().signer(&wanted).await.unwrap_err();
    assert!(matches!(error, AgentError::P384), "{error}");
}

#[tokio::test]
async fn a_key_taken_out_of_the_agent_is_said_to_be_lost_and_heals_when_it_is_back() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    let other = keygen(&dir, "other", &["-t", "ed25519"]);
    agent.add(&key);
    let wanted: Fingerprint = public_half(&key).md5_fingerprint().parse().unwrap();
    let signer = agent.agent().signer(&wanted).await.unwrap();
    signer.sign(MESSAGE).await.unwrap();
    agent.remove_all();
    agent.add(&other);
    let error = signer.sign(MESSAGE).await.unwrap_err();
    assert!(matches!(error, AgentError::KeyLost { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("(other)") && text.contains("ssh-add"), "{text}");
    agent.add(&key);
    signer.sign(MESSAGE).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_ended_is_no_agent_and_its_successor_is_one_again() {
    let dir = TempDir::new().unwrap();
    let agent = RunningAgent::start(&dir);
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    agent.add(&key);
    let wanted: Fingerprint = public_half(&key).md5_fingerprint().parse().unwrap();
    let signer = agent.agent().signer(&wanted).await.unwrap();
    let socket = agent.socket.clone();
    drop(agent);
    assert!(matches!(signer.sign(MESSAGE).await, Err(AgentError::Connect { .. })));
    std::fs::remove_file(&socket).ok();
    let agent = RunningAgent::start(&dir);
    assert!(matches!(signer.sign(MESSAGE).await, Err(AgentError::KeyLost { .. })));
    agent.add(&key);
    signer.sign(MESSAGE).await.unwrap();
}

/// What a scripted agent does with one connection.
enum Act {
    /// Reads the question and answers with these bytes.
    Answer(&'static [u8]),
    /// Reads the question and hangs up.
    HangUp,
    /// Reads the question and says nothing.
    Silence,
}

/// An agent that does what is written down, one connection after the other, and then is gone.
fn scripted(dir: &TempDir, acts: Vec<Act>) -> Agent {
    let socket = dir.path().join("scripted.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        for act in acts {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u32().await.unwrap() as usize;
            let mut question = vec![0; length];
            stream.read_exact(&mut question).await.unwrap();
            match act {
                Act::Answer(bytes) => stream.write_all(bytes).await.unwrap(),
                Act::HangUp => {}
                Act::Silence => silent.push(stream),
            }
        }
    });
    Agent::new(socket)
}

/// The key of RFC 8410, section 10.3, as a list of one.
const LIST: &[u8] = &[
    0, 0, 0, 65, 12, 0, 0, 0, 1, 0, 0, 0, 51, 0, 0, 0, 11, b's', b's', b'h', b'-', b'e', b'd',
    b'2', b'5', b'5', b'1', b'9', 0, 0, 0, 32, 0x19, 0xbf, 0x44, 0x09, 0x69, 0x84, 0xcd, 0xfe,
    0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb,
    0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1, 0, 0, 0, 1, b'c',
];

const FAILURE: &[u8] = &[0, 0, 0, 1, 5];

const NO_KEY: &[u8] = &[0, 0, 0, 5, 12, 0, 0, 0, 0];

#[tokio::test(start_paused = true)]
async fn each_way_an_agent_fails_is_its_own_error() {
    let dir = TempDir::new().unwrap();
    let acts = vec![
        Act::Answer(LIST),
        Act::HangUp,
        Act::Silence,
        Act::Answer(&[0, 0, 0, 1, 99]),
        Act::Answer(&[0xff, 0xff, 0xff, 0xff]),
        Act::Answer(FAILURE),
        Act::Answer(LIST),
        Act::Answer(FAILURE),
        Act::Answer(NO_KEY),
    ];
    let agent = scripted(&dir, acts);
    let wanted = Fingerprint::md5(&LIST[13..64]);
    let signer = agent.signer(&wanted).await.unwrap();
    let mut errors = Vec::new();
    for _ in 0..6 {
        errors.push(signer.sign(MESSAGE).await.unwrap_err());
    }
    use AgentError as Error;
    assert!(matches!(errors[0], Error::Talk { .. }), "{}", errors[0]);
    assert!(matches!(errors[1], Error::Timeout { .. }), "{}", errors[1]);
    assert!(matches!(errors[2], Error::Garbled { .. }), "{}", errors[2]);
    assert!(matches!(errors[3], Error::Garbled { .. }), "{}", errors[3]);
    assert!(matches!(errors[4], Error::Refused { .. }), "{}", errors[4]);
    assert!(matches!(errors[5], Error::KeyLost { .. }), "{}", errors[5]);
}
