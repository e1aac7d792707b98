//! The program from its start to its end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};

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
