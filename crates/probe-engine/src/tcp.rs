//! The TCP probe: a connection that opens is success.

use std::time::Duration;

use tokio::time;

use crate::dial::{authority, dial, dial_failed, why};
use crate::prober::Outcome;

/// Connects within `timeout`, and closes at once.
pub(crate) async fn ask(host: &str, port: u16, timeout: Duration) -> Outcome {
    let failed = |why: &str| format!("dial tcp {}: {why}", authority(host, port));
    match time::timeout(timeout, dial(host, port)).await {
        Ok(Ok(_open)) => Outcome::Success(String::new()),
        Ok(Err(error)) => dial_failed(failed(&why(&error)), &error),
        Err(_) => Outcome::Failure(failed(&format!("no connection within {timeout:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn an_open_port_is_success() {
        let (_listener, port) = listen().await;
        assert_eq!(ask("127.0.0.1", port, TIMEOUT).await, Outcome::Success(String::new()));
    }

    #[tokio::test]
    async fn a_name_is_resolved() {
        let (_listener, port) = listen().await;
        assert_eq!(ask("localhost", port, TIMEOUT).await, Outcome::Success(String::new()));
    }

    #[tokio::test]
    async fn a_closed_port_is_failure_and_says_why() {
        let (listener, port) = listen().await;
        drop(listener);
        let expected = format!("dial tcp 127.0.0.1:{port}: connection refused");
        assert_eq!(ask("127.0.0.1", port, TIMEOUT).await, Outcome::Failure(expected));
    }

    #[tokio::test]
    async fn a_probe_resets_its_connection_and_leaves_no_port_behind() {
        let (listener, port) = listen().await;
        let (outcome, accepted) = tokio::join!(ask("127.0.0.1", port, TIMEOUT), listener.accept());
        assert_eq!(outcome, Outcome::Success(String::new()));
        let (mut stream, _) = accepted.unwrap();
        let read = stream.read(&mut [0]).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dial_that_hangs_ends_at_the_timeout() {
        // The backlog holds a connection or two, reset or not; once it is full the kernel drops further dials
        // without a word.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let port = listener.local_addr().unwrap().port();
        let timeout = Duration::from_millis(500);
        let expected = format!("dial tcp 127.0.0.1:{port}: no connection within 500ms");
        for _ in 0..64 {
            let outcome = ask("127.0.0.1", port, timeout).await;
            if outcome != Outcome::Success(String::new()) {
                assert_eq!(outcome, Outcome::Failure(expected));
                return;
            }
        }
        panic!("the backlog never filled");
    }
}
