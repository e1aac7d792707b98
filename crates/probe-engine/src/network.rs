//! The prober that asks over the network.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::http::{self, Question};
use crate::probe::Handler;
use crate::prober::{Outcome, Prober};
use crate::tcp;
use crate::tls;
use crate::url::Url;

/// Asks over TCP, HTTP and HTTPS from this machine, with a new connection for each question.
///
/// No proxy is used, whatever the environment says. HTTPS accepts any certificate and speaks HTTP/1.1 only. Clones
/// share their TLS configuration.
#[derive(Clone, Debug)]
pub struct NetworkProber {
    tls: Arc<ClientConfig>,
}

/// Why there can be no [`NetworkProber`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkProberError {
    /// TLS cannot be set up.
    #[error("setting up TLS for HTTPS probes")]
    Tls(#[source] rustls::Error),
}

// === impl NetworkProber ===

impl NetworkProber {
    /// A prober with a TLS configuration of its own.
    ///
    /// # Errors
    /// If rustls cannot be set up.
    pub fn new() -> Result<Self, NetworkProberError> {
        Ok(Self { tls: tls::trusting_anyone().map_err(NetworkProberError::Tls)? })
    }
}

impl Prober for NetworkProber {
    async fn ask(&self, handler: &Handler, address: IpAddr, timeout: Duration) -> Outcome {
        let own = address.to_string();
        // An empty host is the API's way to give none.
        let host = |host: &Option<String>| match host.as_deref() {
            None | Some("") => own.clone(),
            Some(host) => host.to_owned(),
        };
        match handler {
            Handler::TcpSocket { host: given, port } => {
                tcp::ask(&host(given), *port, timeout).await
            }
            Handler::HttpGet { scheme, host: given, port, path, headers } => {
                let url = Url::new(*scheme, &host(given), *port, path);
                http::ask(&Question { url, headers, timeout }, &self.tls).await
            }
        }
    }
}
