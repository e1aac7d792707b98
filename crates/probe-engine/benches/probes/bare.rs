//! The baseline: connections and nothing else.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::server::{ANSWER, Ports};
use crate::thread;

/// So many at once.
const AT_ONCE: usize = 64;

/// Connects, resets; or asks and reads the answer in between.
pub(crate) struct Bare {
    pub(crate) ports: Ports,
    pub(crate) is_http: bool,
}

impl Bare {
    /// Probes per second of CPU.
    pub(crate) async fn rate(self, during: Duration) -> f64 {
        let (end, before) = (Instant::now() + during, thread::cpu());
        let mut loops = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (ports, is_http) = (self.ports, self.is_http);
            loops.spawn(async move {
                let mut count = 0_u64;
                while Instant::now() < end {
                    if is_http {
                        get(ports.http).await
                    } else {
                        connect(ports.tcp).await
                    };
                    count += 1;
                }
                count
            });
        }
        let count: u64 = loops.join_all().await.into_iter().sum();
        count as f64 / (thread::cpu() - before).as_secs_f64()
    }
}

async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.set_zero_linger().unwrap();
    stream
}

async fn get(port: u16) -> TcpStream {
    let mut stream = connect(port).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    assert_eq!(&answer[..read], ANSWER);
    stream
}
