//! Free loopback ports.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use rand::RngExt;

/// Below Linux's default ephemeral range (32768 and up), so that no outgoing connection takes the port between our
/// look and the bind of the program that gets it.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
/// How often another port is tried.
const TRIES: usize = 200;

/// Ports this process has given away already.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on 127.0.0.1 that nobody listens on, and that this process has not given to anyone else.
///
/// Picked at random, so that two processes that ask at the same time do not get the same one in practice.
///
/// # Errors
/// When no free port turns up in 200 tries.
pub fn free_port() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rng = rand::rng();
    for _ in 0..TRIES {
        let port = rng.random_range(RANGE);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("found no free loopback port in {RANGE:?} after {TRIES} tries")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::{Seen, until};

    #[tokio::test]
    async fn a_port_is_given_once_and_can_be_bound() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 20);
        for port in ports {
            // A process that another test starts just now has a copy of each of our sockets until it has become its
            // own program: the port may still be taken by our own look.
            until(&format!("port {port} to be free"), Duration::from_secs(10), || async {
                Ok(Seen::Done(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?))
            })
            .await
            .unwrap();
        }
    }
}
