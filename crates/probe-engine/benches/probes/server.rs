//! What is probed.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a target answers.
pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// Where the two servers listen.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) tcp: u16,
    pub(crate) http: u16,
}

/// Starts both on a thread that ends with the process.
pub(crate) fn start() -> Ports {
    let (told, ports) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let (tcp, http) = (bind().await.unwrap(), bind().await.unwrap());
            let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
            told.send(Ports { tcp: port(&tcp), http: port(&http) }).unwrap();
            tokio::join!(accept(tcp, false), accept(http, true));
        });
    });
    ports.recv().unwrap()
}

async fn accept(listener: TcpListener, answers: bool) {
    loop {
        // A connection may be reset before it is accepted.
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        if answers {
            tokio::spawn(async move {
                if stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(ANSWER).await;
                }
            });
        }
    }
}
