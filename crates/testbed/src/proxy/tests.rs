//! Real sockets on loopback. Nothing here waits for time to pass: each test waits for bytes or for an end.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::*;

const REQUEST: &[u8] = b"POST /demo/machines HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/// A server that answers whatever it hears, and tells of it.
async fn server() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let _ = tell.send(buffer[..length].to_vec());
                    if stream.write_all(ANSWER).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

async fn proxy(wire: Wire) -> (Proxy, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (address, heard) = server().await;
    (Proxy::start(address, wire, Luck::new(1)).await.unwrap(), heard)
}

/// Sends a request and reads until the answer is whole, or the connection ends.
async fn ask(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    while answer.len() < ANSWER.len() {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(answer)
}

async fn connected(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

#[tokio::test]
async fn without_a_fault_everything_passes_and_requests_are_noted() {
    for wire in [Wire::Opaque, Wire::Http] {
        let (proxy, mut heard) = proxy(wire).await;
        let mut stream = connected(&proxy).await;
        assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
        assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
        assert_eq!(heard.recv().await.unwrap(), REQUEST);
        let noted = proxy.take_requests();
        assert_eq!(noted.len(), if wire == Wire::Http { 2 } else { 0 });
        assert!(noted.iter().all(|asked| asked.head.is_create()));
        assert!(proxy.take_requests().is_empty());
    }
}

#[tokio::test]
async fn refusing_means_that_nothing_listens_until_it_is_healed() {
    let (proxy, _heard) = proxy(Wire::Opaque).await;
    let mut open = connected(&proxy).await;
    assert_eq!(ask(&mut open).await.unwrap(), ANSWER);
    proxy.set("refuse".parse().unwrap());
    assert!(open.read_u8().await.is_err(), "what was connected is reset");
    let refused = loop {
        match TcpStream::connect(proxy.address()).await {
            Err(error) => break error,
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.heal();
    let mut again = loop {
        match TcpStream::connect(proxy.address()).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(ask(&mut again).await.unwrap(), ANSWER);
}

#[tokio::test]
async fn a_lost_answer_is_one_to_a_request_that_was_carried_out() {
    let (proxy, mut heard) = proxy(Wire::Http).await;
    proxy.set("lose-answers-of-creates".parse().unwrap());
    let mut stream = connected(&proxy).await;
    let error = ask(&mut stream).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(heard.recv().await.unwrap(), REQUEST);
}

#[tokio::test]
async fn swallowed_answers_leave_a_client_waiting_and_healing_ends_the_wait() {
    for name in ["swallow-answers", "blackhole"] {
        let (proxy, mut heard) = proxy(Wire::Http).await;
        proxy.set(name.parse().unwrap());
        let mut stream = connected(&proxy).await;
        stream.write_all(REQUEST).await.unwrap();
        let heal = async {
            if name == "swallow-answers" {
                assert_eq!(heard.recv().await.unwrap(), REQUEST);
            }
            // Until something is lost, healing leaves the connection as it is.
            loop {
                proxy.heal();
                proxy.set(name.parse().unwrap());
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            read = stream.read_u8() => assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset),
            () = heal => {}
        }
        assert!(heard.try_recv().is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_answer_and_a_half_closed_one_look_different() {
    for (name, resets) in [("reset-answer", true), ("half-close", false)] {
        let (proxy, _heard) = proxy(Wire::Opaque).await;
        proxy.set(name.parse().unwrap());
        let mut stream = connected(&proxy).await;
        let ended = loop {
            match ask(&mut stream).await {
                Ok(answer) if answer.len() < ANSWER.len() => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        assert_eq!(ended.is_err(), resets, "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn cutting_ends_what_is_open_and_nothing_else() {
    let (proxy, _heard) = proxy(Wire::Http).await;
    let mut open = connected(&proxy).await;
    assert_eq!(ask(&mut open).await.unwrap(), ANSWER);
    proxy.cut();
    assert!(open.read_u8().await.is_err());
    assert_eq!(ask(&mut connected(&proxy).await).await.unwrap(), ANSWER);
}

#[tokio::test(start_paused = true)]
async fn a_late_request_is_delivered_although_its_client_has_gone() {
    let (proxy, mut heard) = proxy(Wire::Http).await;
    proxy.set("late-creates".parse().unwrap());
    let mut stream = connected(&proxy).await;
    stream.write_all(REQUEST).await.unwrap();
    while proxy.shared.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    assert_eq!(heard.recv().await.unwrap(), REQUEST);
}
