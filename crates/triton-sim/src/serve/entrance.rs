//! The listening socket, which faults close or clog.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::faults::{FaultKind, FaultScope, Strike, Trouble};
use crate::sim::Sim;

/// Where connections come in.
pub(super) struct Entrance {
    sim: Sim,
    address: SocketAddr,
    door: Door,
    changed: watch::Receiver<u64>,
    stop: CancellationToken,
    /// Cancelled when the connections that are open should end.
    open: CancellationToken,
    /// Said once, not once a try.
    has_warned: bool,
}

/// A connection that came in.
pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// Says when to end, after the answer that is on its way.
    pub(super) end: CancellationToken,
}

enum Door {
    Open(TcpListener),
    Closed,
    /// The queue is full, so the kernel drops whoever else wants to connect.
    Clogged {
        _listener: TcpListener,
        _queue: Vec<TcpStream>,
    },
}

/// How soon a socket that could not be opened again is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// A connection that the kernel takes is there at once.
const CONNECT_MAX: Duration = Duration::from_millis(100);
/// More than the shortest queue a kernel keeps.
const QUEUE_MAX: usize = 8;

// === impl Entrance ===

impl Entrance {
    pub(super) fn new(
        sim: Sim,
        listener: TcpListener,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> Self {
        let (changed, open) = (sim.fault_changes(), stop.child_token());
        let door = Door::Open(listener);
        Self { sim, address, door, changed, stop, open, has_warned: false }
    }

    fn warn(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(address = %self.address, %error, "cannot listen again yet, and goes on trying");
        }
    }

    /// The next connection that nothing has happened to.
    ///
    /// # Errors
    /// When the socket cannot accept; trying again may help.
    pub(super) async fn next(&mut self) -> io::Result<Visitor> {
        loop {
            self.changed.mark_unchanged();
            let strikes = self.sim.trouble_at_door();
            let change = self.sim.next_fault_change(&mut self.changed);
            if let Some(strike) = strikes {
                let (delay, kind) = (strike.delay, strike.kind);
                let over = async {
                    tokio::select! {
                        () = change => {}
                        () = tokio::time::sleep(delay) => {}
                    }
                };
                if kind == FaultKind::ConnectDropped {
                    self.door = Door::Closed;
                    self.door = clog(self.address).await?;
                } else {
                    self.door = Door::Closed;
                    self.open.cancel();
                    self.open = self.stop.child_token();
                }
                over.await;
                continue;
            }
            let listener = match &self.door {
                Door::Open(listener) => listener,
                Door::Closed | Door::Clogged { .. } => {
                    self.door = Door::Closed;
                    match TcpListener::bind(self.address).await {
                        Ok(listener) => self.door = Door::Open(listener),
                        // Somebody who connects out may hold the port for a moment.
                        Err(error) => {
                            self.warn(&error);
                            tokio::time::sleep(RETRY_INTERVAL).await;
                        }
                    }
                    continue;
                }
            };
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => accepted?,
                () = change => continue,
            };
            match self.sim.trouble_at_connection() {
                None => return Ok(Visitor { stream, peer, end: self.open.clone() }),
                Some(strike) => spoil(stream, strike),
            }
        }
    }
}

// === impl Sim ===

impl Sim {
    /// Whether the door is to be closed or clogged now.
    fn trouble_at_door(&self) -> Option<Strike> {
        self.connection_trouble(&[FaultKind::ConnectRefused, FaultKind::ConnectDropped])
    }

    /// What is to happen to a connection that was just accepted.
    fn trouble_at_connection(&self) -> Option<Strike> {
        self.connection_trouble(&[FaultKind::ResetOnConnect, FaultKind::HandshakeStalls])
    }

    fn connection_trouble(&self, kinds: &[FaultKind]) -> Option<Strike> {
        if !self.has_faults() {
            return None;
        }
        debug_assert!(kinds.iter().all(|kind| kind.entry().scope == FaultScope::Connection));
        let mut trouble = Trouble::default();
        self.with(|state, now| {
            kinds.iter().find_map(|kind| state.faults.strikes(*kind, &mut trouble, now))
        })
    }
}

/// Resets a connection, or holds it without a word.
fn spoil(stream: TcpStream, strike: Strike) {
    if strike.kind == FaultKind::ResetOnConnect {
        // Fails only for a socket that is no more.
        let _ = stream.set_zero_linger();
        return;
    }
    tokio::spawn(async move {
        tokio::time::sleep(strike.delay).await;
        drop(stream);
    });
}

/// Listens with the shortest queue there is, and fills it.
async fn clog(address: SocketAddr) -> io::Result<Door> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(1)?;
    let mut queue = Vec::new();
    while queue.len() < QUEUE_MAX {
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => queue.push(stream),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok(Door::Clogged { _listener: listener, _queue: queue })
}
