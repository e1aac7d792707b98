//! A TCP proxy between the node and one of its two worlds, which can do to a connection what networks do.
//!
//! ```no_run
//! use testbed::proxy::{Proxy, Wire};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let proxy = Proxy::start("127.0.0.1:8080".parse()?, Wire::Http, testbed::Luck::new(1)).await?;
//! proxy.set("lose-answers-of-creates".parse()?);
//! println!("ask http://{} instead", proxy.address());
//! proxy.heal();
//! # Ok(()) }
//! ```

mod fault;
mod pump;
mod requests;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use fault::{EFFECTS, Effect, ProxyFault, Way, Which};
pub use requests::RequestHead;

use crate::clock::now;
use crate::luck::Luck;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// Requests that are remembered; older ones are forgotten.
const REMEMBERED: usize = 100_000;
/// How soon a port that is not free yet is asked for again.
const BIND_AGAIN: Duration = Duration::from_millis(20);

/// What passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bytes that mean nothing here, such as TLS.
    Opaque,
    /// HTTP/1.1 in plain text: requests are understood and noted.
    Http,
}

/// A running proxy. It ends, and what it carries is cut, when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

/// A request that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When it had arrived here whole.
    pub at: Timestamp,
    /// What it asks.
    pub head: RequestHead,
    /// Who did, as [`Proxy::name_client`] said when the connection began.
    pub by: String,
}

/// What is done to connections now.
#[derive(Clone, Debug, Default, PartialEq)]
struct Setting {
    fault: Option<ProxyFault>,
    /// Counts up with each change, so that luck is drawn anew.
    number: u64,
    /// Counts up when all connections are to end.
    cuts: u64,
}

#[derive(Debug)]
struct Shared {
    wire: Wire,
    luck: Luck,
    setting: watch::Sender<Setting>,
    client: Mutex<String>,
    asked: Mutex<VecDeque<Asked>>,
}

// === impl Proxy ===

impl Proxy {
    /// Listens on a free loopback port, for `server`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(server: SocketAddr, wire: Wire, luck: Luck) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("listening for a proxy")?;
        let address = listener.local_addr().context("finding a proxy's port")?;
        let shared = Arc::new(Shared {
            wire,
            luck,
            setting: watch::Sender::default(),
            client: Mutex::default(),
            asked: Mutex::default(),
        });
        let running = tokio::spawn(listen(listener, address, server, Arc::clone(&shared)));
        Ok(Self { address, shared, running })
    }

    /// Where clients find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this happens to connections, those that are open included.
    pub fn set(&self, fault: ProxyFault) {
        self.shared.setting.send_modify(|setting| {
            setting.fault = Some(fault);
            setting.number += 1;
        });
    }

    /// From now on nothing happens to them. Those on which something was lost are reset.
    pub fn heal(&self) {
        self.shared.setting.send_modify(|setting| {
            setting.fault = None;
            setting.number += 1;
        });
    }

    /// Resets every connection that is open.
    pub fn cut(&self) {
        self.shared.setting.send_modify(|setting| setting.cuts += 1);
    }

    /// Whose the connections are that begin from now on.
    pub fn name_client(&self, name: &str) {
        name.clone_into(&mut self.shared.client.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Requests that clients sent since the last time this was asked, oldest first. Of TLS nothing is known.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn client(&self) -> String {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, head: &RequestHead, by: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() == REMEMBERED {
            asked.pop_front();
        }
        asked.push_back(Asked { at: now(), head: head.clone(), by: by.to_owned() });
    }
}

/// Whether nothing is to listen.
fn refuses(setting: &Setting) -> bool {
    let always = |fault: &ProxyFault| fault.effect == Effect::Refuse && fault.probability >= 1.0;
    setting.fault.as_ref().is_some_and(always)
}

/// Accepts until it is aborted; connections end with it.
async fn listen(
    listener: TcpListener,
    address: SocketAddr,
    server: SocketAddr,
    shared: Arc<Shared>,
) {
    let mut settings = shared.setting.subscribe();
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    let mut number = 0;
    loop {
        if refuses(&settings.borrow_and_update()) {
            listener = None;
        } else if listener.is_none() {
            listener = Some(bind_again(address).await);
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            accepted = accepted => {
                // One that was gone before it was accepted is nobody's loss.
                let Ok((client, _)) = accepted else { continue };
                number += 1;
                let shared = Arc::clone(&shared);
                connections.spawn(async move { pump::carry(client, server, &shared, number).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The same port again. Somebody else may have it for a moment.
async fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        let bound = TcpSocket::new_v4().and_then(|socket| {
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        });
        match bound {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(BIND_AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests;
