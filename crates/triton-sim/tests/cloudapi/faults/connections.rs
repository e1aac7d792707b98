//! Connections that do not come about, on a real socket.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use triton_sim::{Fault, FaultKind, FaultScope};

use super::wire::{get_text, serve};
use super::{caller_with, kinds};
use crate::caller::{Caller, quiet};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for a kernel to let somebody in who may come in.
const MOMENT: Duration = Duration::from_millis(300);

/// What somebody meets who connects and asks, and expects this.
async fn meet(caller: &Caller, address: SocketAddr, expected: &str) -> &'static str {
    // Only who waits for nothing to happen has to decide how long.
    let patience = if matches!(expected, "no answer" | "silence") { MOMENT } else { PATIENCE };
    let mut stream = match timeout(patience, TcpStream::connect(address)).await {
        Err(_) => return "no answer",
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return "refused",
        // Whoever was let in while the door was closing is thrown out again.
        Ok(Err(_)) => return "reset",
        Ok(Ok(stream)) => stream,
    };
    let mut bytes = [0; 12];
    let asked = stream.write_all(get_text(caller, "/my").await.as_bytes()).await;
    let read = match asked {
        Ok(()) => timeout(patience, stream.read(&mut bytes)).await,
        Err(error) => Ok(Err(error)),
    };
    match read {
        Err(_) => "silence",
        Ok(Err(_)) => "reset",
        Ok(Ok(0)) => "closed",
        Ok(Ok(_)) => "answered",
    }
}

async fn until(caller: &Caller, address: SocketAddr, expected: &str) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let wait = async {
        while meet(caller, address, expected).await != expected {
            looks.tick().await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {expected}"));
}

fn expected(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::ConnectRefused => "refused",
        FaultKind::ConnectDropped => "no answer",
        FaultKind::ResetOnConnect => "reset",
        FaultKind::HandshakeStalls => "silence",
        other => panic!("{other} has no row"),
    }
}

#[tokio::test]
async fn each_kind_is_met_as_long_as_it_is_set() {
    for kind in kinds(FaultScope::Connection) {
        let caller = Caller::new();
        let running = serve(&caller).await;
        let address = running.address();
        assert_eq!(meet(&caller, address, "answered").await, "answered");
        caller.sim.fault(kind, Fault::default());
        until(&caller, address, expected(kind)).await;
        let expected = expected(kind);
        assert_eq!(meet(&caller, address, expected).await, expected);
        caller.sim.clear_faults();
        until(&caller, address, "answered").await;
    }
}

#[tokio::test]
async fn a_fault_of_connections_comes_and_goes_by_itself() {
    let caller = Caller::new();
    let running = serve(&caller).await;
    let millis = Duration::from_millis;
    let fault = Fault::default().at(millis(200)).duration(millis(400));
    caller.sim.fault(FaultKind::ConnectRefused, fault);
    until(&caller, running.address(), "refused").await;
    until(&caller, running.address(), "answered").await;
}

#[tokio::test]
async fn a_virtual_clock_moves_faults_of_connections_too() {
    let caller = Caller::of(quiet().virtual_clock(true));
    let running = serve(&caller).await;
    let minute = Duration::from_secs(60);
    caller.sim.fault(FaultKind::ConnectRefused, Fault::default().at(minute).duration(minute));
    until(&caller, running.address(), "answered").await;
    assert!(caller.sim.advance(minute));
    until(&caller, running.address(), "refused").await;
    assert!(caller.sim.advance(minute));
    until(&caller, running.address(), "answered").await;
}

#[tokio::test]
async fn connections_that_are_open_end_when_nothing_listens_any_more() {
    let caller = Caller::new();
    let running = serve(&caller).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(get_text(&caller, "/my").await.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 64];
    assert_ne!(stream.read(&mut bytes).await.unwrap(), 0);
    caller.sim.fault(FaultKind::ConnectRefused, Fault::default());
    let ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    ended.expect("the connection ends").unwrap();
}

#[tokio::test]
async fn calls_are_connections_here() {
    let caller = caller_with(FaultKind::ResetOnConnect, Fault::default().after_calls(1).times(1));
    let running = serve(&caller).await;
    let mut met = Vec::new();
    for expected in ["answered", "reset", "answered"] {
        met.push(meet(&caller, running.address(), expected).await);
    }
    assert_eq!(met, ["answered", "reset", "answered"]);
}
