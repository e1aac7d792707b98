//! The program from its start to its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

#[test]
fn it_says_where_it_is_and_stops_when_told() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_triton-sim"))
        .args(["--no-listeners", "--account", "bob", "--log-level", "error"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.next().unwrap();
    let address = url
        .strip_prefix("export TRITON_URL=http://")
        .unwrap()
        .to_socket_addrs()
        .unwrap()
        .next()
        .unwrap();
    assert_eq!(lines.next().unwrap(), "export TRITON_ACCOUNT=bob");
    assert!(TcpStream::connect(address).is_ok());
    let told = Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(program.wait().unwrap().success());
    assert!(TcpStream::connect(address).is_err());
}

/// Runs the program with what it must refuse; its exit code, and what it says.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_triton-sim")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Starts the program, and waits until it serves.
fn start(args: &[&str]) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_triton-sim"))
        .args(["--no-listeners", "--log-level=error"])
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (program, line)
}

fn stop(mut program: Child) {
    let told = Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(program.wait().unwrap().success());
}

#[test]
fn exit_codes_tell_what_kind_of_trouble_it_is() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(&["--listen", &address]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&format!("triton-sim: listening on {address}: ")), "{said}");
    let (code, said) = refused(&["--no-such-flag"]);
    assert_eq!(code, Some(64), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("state.json");
    std::fs::write(&damaged, "{\"version\": 1, \"world").unwrap();
    let (code, said) = refused(&["--state", damaged.to_str().unwrap()]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("is damaged") && said.contains("column"), "{said}");
    let (code, said) = refused(&["--tls-cert", "/no/such", "--tls-key", "/no/such"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("reading /no/such"), "{said}");
    let (code, said) = refused(&["--env-file", "/no/such/file"]);
    assert_eq!(code, Some(74), "{said}");
}

#[test]
fn it_saves_its_state_when_told_to_stop_and_begins_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let args = ["--state", state.to_str().unwrap(), "--account", "jill", "--account", "bob"];
    stop(start(&args).0);
    let saved: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let accounts = saved["world"]["accounts"].as_object().unwrap();
    let mut logins: Vec<&str> = accounts.values().filter_map(|a| a["login"].as_str()).collect();
    logins.sort_unstable();
    assert_eq!(logins, ["bob", "jill"]);
    stop(start(&args).0);
    let again: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    assert_eq!(again["world"]["accounts"], saved["world"]["accounts"]);
}

#[test]
fn it_saves_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let (mut program, _) = start(&["--state", state.to_str().unwrap(), "--save-every", "50ms"]);
    // The test's own timeout is the limit.
    while !state.exists() {
        assert!(program.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    program.kill().unwrap();
    program.wait().unwrap();
    let saved = std::fs::read(&state).unwrap();
    assert!(serde_json::from_slice::<Value>(&saved).is_ok(), "whole, although it was killed");
}

#[test]
fn tls_comes_with_an_authority_to_trust() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (program, line) =
        start(&["--tls", "--tls-ca-file", ca.to_str().unwrap(), "--cmon", "127.0.0.1:0"]);
    assert!(line.starts_with("export TRITON_URL=https://127.0.0.1:"), "{line}");
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    stop(program);
}

#[test]
fn it_refuses_to_be_reachable_from_elsewhere() {
    let output = Command::new(env!("CARGO_BIN_EXE_triton-sim"))
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("only loopback addresses"));
}

#[test]
fn a_key_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_triton-sim"))
        .args(["--key", "/no/such/key.pub"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/key.pub"));
}

#[test]
fn a_file_of_faults_is_there_from_the_start_and_a_mistake_in_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let start = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_triton-sim"))
            .args(["--no-listeners", "--log-level", "error", "--faults", path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let output = start("[[faults]]\nfault = \"outrage\"\n").wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("did you mean \"outage\"?"), "{told}");
    let mut program = start("[[faults]]\nfault = \"outage\"\nendpoint = \"ping\"\n");
    let url = BufReader::new(program.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = url.strip_prefix("export TRITON_URL=http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /--ping HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 503"), "{line}");
    program.kill().unwrap();
    program.wait().unwrap();
}
