//! Real sockets: the simulator's own, and those of instances.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use triton_sim::{Fault, FaultKind, ServeError};

use crate::caller::{Caller, quiet};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn connects(address: (Ipv4Addr, u16), wanted: bool) -> Option<TcpStream> {
    let attempt = async {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        loop {
            look.tick().await;
            match TcpStream::connect(address).await {
                Ok(stream) if wanted => return Some(stream),
                Err(error) if !wanted && error.kind() == ErrorKind::ConnectionRefused => {
                    return None;
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, attempt).await.expect("the port did not change")
}

#[tokio::test]
async fn a_running_instance_answers_and_a_stopped_one_refuses() {
    let caller = Caller::of(quiet().listen(true));
    let id = caller
        .create(&json!({ "metadata.sim.ports": "8022,8080", "metadata.sim.http-status": "503" }))
        .await;
    let address = caller.sim.instance(id.parse().unwrap()).unwrap().primary_ip.unwrap();
    assert_eq!(address.octets()[0], 127);
    let mut stream = connects((address, 8080), true).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    caller.post(&format!("/my/machines/{id}"), &json!({ "action": "stop" })).await;
    connects((address, 8080), false).await;
    connects((address, 8022), false).await;
    caller.post(&format!("/my/machines/{id}"), &json!({ "action": "start" })).await;
    connects((address, 8022), true).await;
    let Caller { sim, .. } = caller;
    drop(sim);
    connects((address, 8022), false).await;
}

#[tokio::test]
async fn a_lost_answer_is_a_connection_reset_without_a_word() {
    let caller = Caller::new();
    let running = caller.sim.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    caller.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default());
    let body =
        json!({ "package": crate::caller::PACKAGE, "image": crate::caller::IMAGE }).to_string();
    let request = caller.request("POST", "/my/machines", 0).await.body(()).unwrap();
    let headers = request.headers();
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let head = format!(
        "POST /my/machines HTTP/1.1\r\nhost: x\r\ndate: {}\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        text("date"),
        text("authorization"),
        body.len(),
    );
    let address = running.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(caller.sim.instances().len(), 1);
    running.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn only_loopback_is_served() {
    let caller = Caller::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(matches!(caller.sim.serve(listener), Err(ServeError::NotLoopback { .. })));
}

#[tokio::test]
async fn a_firewall_knows_instances_by_their_addresses() {
    let caller = Caller::of(quiet().listen(true));
    let host = json!({
        "metadata.sim.ports": "8080", "tag.role": "web", "firewall_enabled": true,
        "networks": ["a0ae9499-b476-4fef-9861-d0c25029378d"],
    });
    let web = caller.create(&host).await;
    let web = (web.parse().unwrap(), caller.sim.instance(web.parse().unwrap()).unwrap().ips[0]);
    let db = caller.create(&json!({ "tag.role": "db", "metadata.sim.ports": "" })).await;
    let db = caller.sim.instance(db.parse().unwrap()).unwrap().ips[0];
    connects((web.1, 8080), false).await;
    let rule = |text: &str| json!({ "rule": text, "enabled": true });
    let all = "FROM any TO tag role = web ALLOW tcp PORT 8080";
    caller.post("/my/fwrules", &rule(all)).await;
    connects((web.1, 8080), true).await;
    let blocked = "FROM tag role = db TO tag role = web BLOCK tcp PORT 8080 PRIORITY 1";
    let blocked = caller.post("/my/fwrules", &rule(blocked)).await.body;
    let outside = Ipv4Addr::LOCALHOST;
    assert!(caller.sim.admits(outside, web.0, 8080) && !caller.sim.admits(db, web.0, 8080));

    let visit = async || {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((db, 0).into()).unwrap();
        let mut stream = socket.connect((web.1, 8080).into()).await.unwrap();
        // Who is hung up on may learn of it while writing or while reading.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer.len()
    };
    assert_eq!(visit().await, 0, "another instance is hung up on");
    let path = format!("/my/fwrules/{}/disable", blocked["id"].as_str().unwrap());
    caller.post(&path, &json!({})).await;
    assert!(caller.sim.admits(db, web.0, 8080));
    assert!(visit().await > 0);
    assert!(!caller.sim.admits(outside, web.0, 22));
}
