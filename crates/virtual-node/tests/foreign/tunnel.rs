//! The way from the API server to the node: an HTTP CONNECT proxy on a Unix socket (`EgressSelectorConfiguration`).
//!
//! The API server refuses to speak to loopback addresses on behalf of others, and tests have no other addresses. So the
//! node says that it is at one that nobody has, and this proxy knows better.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// A running tunnel; it ends when this value is dropped.
pub(crate) struct Tunnel {
    config: PathBuf,
    running: JoinHandle<()>,
}

impl Tunnel {
    /// Everything that is asked for comes out at `to`.
    pub(crate) fn open(dir: &Path, to: SocketAddr) -> Self {
        let socket = dir.join("egress.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let config = dir.join("egress.yaml");
        let selection = format!(
            "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections:\n- name: cluster\n  \
             connection:\n    proxyProtocol: HTTPConnect\n    transport:\n      uds:\n        udsName: {}\n",
            socket.display()
        );
        std::fs::write(&config, selection).unwrap();
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to));
            }
        });
        Self { config, running }
    }

    /// The argument that makes an API server use it.
    pub(crate) fn argument(&self) -> String {
        format!("--egress-selector-config-file={}", self.config.display())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// One connection; whatever goes wrong with it, the API server is told by its end.
async fn carry(client: UnixStream, to: SocketAddr) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut line = String::new();
    // The head of the request says where to, which is always the same place.
    while client.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let mut server = TcpStream::connect(to).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
