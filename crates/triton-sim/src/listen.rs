//! Instances' ports: a running instance listens on its addresses, any other refuses.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::until;
use crate::world::{Door, World, open_doors};

/// What the task sees when it looks.
pub(crate) struct Sight {
    doors: BTreeMap<SocketAddrV4, Door>,
    next: Option<Duration>,
}

/// The sockets that are open.
#[derive(Default)]
struct Listeners {
    open: HashMap<SocketAddrV4, (Door, JoinHandle<()>)>,
    /// Said once, not once an instance.
    has_warned: bool,
}

/// Who says nothing for this long is cut off.
const CONVERSATION_MAX: Duration = Duration::from_secs(60);
/// More connections than this to one port wait.
const CONNECTIONS_MAX: usize = 256;
/// How soon a socket that could not be opened is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
const REQUEST_BYTES_MAX: usize = 8192;

/// Which ports should be open now, and when that may change.
pub(crate) fn look(world: &World, now: Timestamp) -> Sight {
    Sight { doors: open_doors(world), next: world.next_due().map(|due| until(now, due)) }
}

/// Opens and closes ports until the simulator is gone.
pub(crate) async fn keep_in_step(
    look: impl Fn() -> Option<Sight> + Send + 'static,
    changed: Arc<Notify>,
    closed: CancellationToken,
) {
    let mut listeners = Listeners::default();
    while let Some(sight) = look() {
        let complete = listeners.reconcile(&sight.doors).await;
        let retry = (!complete).then_some(RETRY_INTERVAL);
        let next = sight.next.into_iter().chain(retry).min();
        tokio::select! {
            () = closed.cancelled() => break,
            () = changed.notified() => {}
            () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() => {}
        }
    }
    listeners.reconcile(&BTreeMap::new()).await;
}

// === impl Listeners ===

impl Listeners {
    /// Closes what should not be open, opens what should be; says whether all could be opened.
    async fn reconcile(&mut self, wanted: &BTreeMap<SocketAddrV4, Door>) -> bool {
        let is_wrong = |address: &SocketAddrV4, door: &Door| wanted.get(address) != Some(door);
        for (_, (_, task)) in self.open.extract_if(|address, (door, _)| is_wrong(address, door)) {
            task.abort();
            // Waits until the socket is really closed: a reboot opens it again at once.
            let _ = task.await;
        }
        let mut complete = true;
        for (address, door) in wanted {
            if self.open.contains_key(address) {
                continue;
            }
            match TcpListener::bind(*address).await {
                Ok(listener) => {
                    let task = tokio::spawn(welcome(listener, *door));
                    self.open.insert(*address, (*door, task));
                }
                Err(error) => {
                    complete = false;
                    self.warn(*address, &error);
                }
            }
        }
        complete
    }

    fn warn(&mut self, address: SocketAddrV4, error: &io::Error) {
        if std::mem::replace(&mut self.has_warned, true) {
            return;
        }
        if error.kind() == io::ErrorKind::PermissionDenied {
            tracing::warn!(
                %address,
                "instances cannot listen on ports below 1024: run `sysctl net.ipv4.ip_unprivileged_port_start=22` \
                 or as root; everything else works"
            );
        } else {
            tracing::warn!(%address, %error, "an instance cannot listen");
        }
    }
}

/// Answers everybody who connects; dropped, it hangs up on all of them.
async fn welcome(listener: TcpListener, door: Door) {
    let mut conversations = JoinSet::new();
    loop {
        while conversations.len() >= CONNECTIONS_MAX {
            conversations.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                conversations.spawn(async move {
                    // A visitor who hangs up is no news.
                    let _ = tokio::time::timeout(CONVERSATION_MAX, converse(stream, door)).await;
                });
            }
            Err(error) => {
                tracing::debug!(%error, "an instance could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while conversations.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, door: Door) -> io::Result<()> {
    match door {
        Door::Ssh => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.6 triton-sim\r\n").await?;
            // Nobody speaks SSH here: wait for the visitor to say something, and hang up.
            stream.readable().await?;
        }
        Door::Http(status) => {
            read_head(&mut stream).await?;
            let body = format!("triton-sim answers {status}\n");
            let head = format!(
                "HTTP/1.1 {status} Simulated\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}

/// Up to the blank line.
async fn read_head(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(())
}
