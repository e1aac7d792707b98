//! The program from its start to its end.

use std::io::{BufRead as _, BufReader};
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
