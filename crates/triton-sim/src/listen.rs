//! Instances' ports: a running instance listens on its addresses, any other refuses.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::until;
use crate::world::{Door, Doors, World};

/// What the task sees when it looks.
pub(crate) struct Sight {
    /// Those whose ports may have changed, with all that should be open.
    doors: Vec<(Uuid, Doors)>,
    next: Option<Duration>,
}

/// Whether somebody at an address may connect to a port of an instance.
pub(crate) type Admits = Arc<dyn Fn(Ipv4Addr, Uuid, u16) -> bool + Send + Sync>;

/// The sockets that are open.
struct Listeners {
    open: HashMap<Uuid, HashMap<SocketAddrV4, (Door, JoinHandle<()>)>>,
    /// What could not be opened.
    missing: BTreeMap<Uuid, Doors>,
    admits: Admits,
    /// How many there are, and may be: each is an open file, and those who ask for something need some too.
    count: usize,
    max: usize,
    /// Said once, not once an instance.
    has_warned: bool,
}

/// Who says nothing for this long is cut off.
const CONVERSATION_MAX: Duration = Duration::from_secs(60);
/// More connections than this to one port wait.
const CONNECTIONS_MAX: usize = 256;
/// How soon sockets that could not be opened are tried again, and of how many instances at a time.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES_MAX: usize = 1000;
const REQUEST_BYTES_MAX: usize = 8192;

/// Which ports should be open now that may not be, or the other way round, and when that may change.
pub(crate) fn look(world: &mut World, now: Timestamp) -> Sight {
    Sight { doors: world.take_doors(), next: world.next_due().map(|due| until(now, due)) }
}

/// Opens and closes ports until the simulator is gone.
pub(crate) async fn keep_in_step(
    look: impl Fn() -> Option<Sight> + Send + 'static,
    admits: Admits,
    max: usize,
    changed: Arc<Notify>,
    closed: CancellationToken,
) {
    let mut listeners = Listeners::new(admits, max);
    while let Some(sight) = look() {
        let retried: Vec<_> = listeners.missing.keys().take(RETRIES_MAX).copied().collect();
        let retried = retried.into_iter().filter_map(|id| listeners.missing.remove_entry(&id));
        // What was seen now is right; of what was seen before, the rest.
        let wanted: BTreeMap<Uuid, Doors> = retried.chain(sight.doors).collect();
        listeners.reconcile(wanted).await;
        let retry = (!listeners.missing.is_empty()).then_some(RETRY_INTERVAL);
        let next = sight.next.into_iter().chain(retry).min();
        tokio::select! {
            () = closed.cancelled() => break,
            () = changed.notified() => {}
            () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() => {}
        }
    }
    let all: Vec<Uuid> = listeners.open.keys().copied().collect();
    listeners.reconcile(all.into_iter().map(|id| (id, Doors::new())).collect()).await;
}

/// Who listens.
#[derive(Debug, Clone, Copy)]
struct Host {
    instance: Uuid,
    port: u16,
    door: Door,
}

// === impl Host ===

impl Host {
    fn admits(&self, visitor: IpAddr, admits: &Admits) -> bool {
        match visitor {
            // Most come from here, and for those the port would not be open.
            IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(_) => true,
            IpAddr::V4(from) => admits(from, self.instance, self.port),
        }
    }
}

// === impl Listeners ===

impl Listeners {
    fn new(admits: Admits, max: usize) -> Self {
        let (open, missing) = (HashMap::new(), BTreeMap::new());
        Self { open, missing, admits, count: 0, max, has_warned: false }
    }

    /// Closes what should not be open of these instances, and opens what should be.
    async fn reconcile(&mut self, wanted: BTreeMap<Uuid, Doors>) {
        // All closing comes first: an address may go from one instance to another.
        for (id, doors) in &wanted {
            self.missing.remove(id);
            self.close(*id, doors).await;
        }
        for (id, doors) in wanted {
            self.open(id, doors).await;
        }
    }

    async fn close(&mut self, id: Uuid, wanted: &Doors) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let is_wrong = |address: &SocketAddrV4, door: &Door| wanted.get(address) != Some(door);
        for (_, (_, task)) in open.extract_if(|address, (door, _)| is_wrong(address, door)) {
            task.abort();
            self.count = self.count.saturating_sub(1);
            // Waits until the socket is really closed: a reboot opens it again at once.
            let _ = task.await;
        }
        if open.is_empty() {
            self.open.remove(&id);
        }
    }

    async fn open(&mut self, id: Uuid, wanted: Doors) {
        let mut is_complete = true;
        for (address, door) in &wanted {
            if self.open.get(&id).is_some_and(|open| open.contains_key(address)) {
                continue;
            }
            if self.count >= self.max {
                is_complete = false;
                self.warn_of_too_many();
                break;
            }
            match TcpListener::bind(*address).await {
                Ok(listener) => {
                    self.count += 1;
                    let host = Host { instance: id, port: address.port(), door: *door };
                    let task = tokio::spawn(welcome(listener, host, Arc::clone(&self.admits)));
                    self.open.entry(id).or_default().insert(*address, (*door, task));
                }
                Err(error) => {
                    is_complete = false;
                    self.warn(*address, &error);
                }
            }
        }
        if !is_complete {
            self.missing.insert(id, wanted);
        }
    }

    fn warn_of_too_many(&mut self) {
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                open = self.count,
                "as many ports of instances are open as may be; those of other instances refuse connections until some are \
                 closed. Each is an open file: raise the limit with `ulimit -n`"
            );
        }
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
///
/// The port is open because this computer may connect to it; another instance still may not, so a visitor who comes from
/// an address of one is hung up on.
async fn welcome(listener: TcpListener, host: Host, admits: Admits) {
    let mut conversations = JoinSet::new();
    loop {
        while conversations.len() >= CONNECTIONS_MAX {
            conversations.join_next().await;
        }
        match listener.accept().await {
            Ok((_, peer)) if !host.admits(peer.ip(), &admits) => {}
            Ok((stream, _)) => {
                let conversation = converse(stream, host.door);
                conversations.spawn(async move {
                    // A visitor who hangs up is no news.
                    let _ = tokio::time::timeout(CONVERSATION_MAX, conversation).await;
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::world::Door;

    fn doors(port: u16) -> Doors {
        // Nobody else listens on this address.
        [(SocketAddrV4::new(Ipv4Addr::new(127, 63, 255, 1), port), Door::Ssh)].into()
    }

    async fn answers(port: u16) -> bool {
        let address = SocketAddr::from(([127, 63, 255, 1], port));
        TcpStream::connect(address).await.is_ok()
    }

    #[tokio::test]
    async fn what_would_be_too_many_waits_until_others_are_closed() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut listeners = Listeners::new(Arc::new(|_, _, _| true), 1);
        listeners.reconcile([(one, doors(7001)), (two, doors(7002))].into()).await;
        assert!(answers(7001).await && !answers(7002).await);
        let waiting = std::mem::take(&mut listeners.missing);
        assert_eq!(waiting.keys().copied().collect::<Vec<_>>(), [two]);
        listeners.reconcile([(one, Doors::new())].into_iter().chain(waiting).collect()).await;
        assert!(!answers(7001).await && answers(7002).await);
    }
}
