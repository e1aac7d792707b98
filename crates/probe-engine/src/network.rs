//! The prober that asks over the network.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::command::{self, AnyCommands, Commands, NoCommands};
use crate::grpc;
use crate::headers::AGENT;
use crate::http::{self, Question};
use crate::probe::Handler;
use crate::prober::{Ask, Outcome, Prober};
use crate::tcp;
use crate::tls;
use crate::url::Url;

/// Asks over TCP, HTTP, HTTPS and gRPC from this machine, with a new connection for each question.
///
/// No proxy is used, whatever the environment says. TLS accepts any certificate; HTTPS speaks HTTP/1.1 only. Commands are
/// run by whoever is given to [`NetworkProber::with_commands`]. Clones share all of it.
#[derive(Clone, Debug)]
pub struct NetworkProber {
    pub(crate) https: Arc<ClientConfig>,
    grpcs: Arc<ClientConfig>,
    pub(crate) commands: Arc<dyn AnyCommands>,
    runs_commands: bool,
}

/// Why there can be no [`NetworkProber`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkProberError {
    /// TLS cannot be set up.
    #[error("setting up TLS for probes")]
    Tls(#[source] rustls::Error),
}

// === impl NetworkProber ===

impl NetworkProber {
    /// A prober with a TLS configuration of its own, which runs no commands.
    ///
    /// # Errors
    /// If rustls cannot be set up.
    pub fn new() -> Result<Self, NetworkProberError> {
        let trusting =
            |protocol: &[u8]| tls::trusting_anyone(protocol).map_err(NetworkProberError::Tls);
        let (https, grpcs) = (trusting(b"http/1.1")?, trusting(b"h2")?);
        Ok(Self { https, grpcs, commands: Arc::new(NoCommands), runs_commands: false })
    }

    /// The same prober, with somebody who runs its commands.
    #[must_use]
    pub fn with_commands(mut self, commands: impl Commands + 'static) -> Self {
        self.commands = Arc::new(commands);
        self.runs_commands = true;
        self
    }

    /// Whether it was [given](Self::with_commands) somebody who runs commands.
    #[must_use]
    pub fn runs_commands(&self) -> bool {
        self.runs_commands
    }
}

impl Prober for NetworkProber {
    async fn ask(&self, ask: Ask<'_>) -> Outcome {
        let Ask { target, handler, address, timeout } = ask;
        match handler {
            Handler::TcpSocket { host, port } => {
                tcp::ask(&host_of(host.as_deref(), address), *port, timeout).await
            }
            Handler::HttpGet { scheme, host, port, path, headers } => {
                let url = Url::new(*scheme, &host_of(host.as_deref(), address), *port, path);
                let question = Question { url, headers, agent: AGENT, timeout };
                http::ask(&question, &self.https).await
            }
            Handler::Grpc { port, service, tls } => {
                let tls = tls.then_some(&self.grpcs);
                grpc::ask(address, *port, service, tls, timeout).await
            }
            Handler::Exec { command } => {
                command::ask(&*self.commands, target, command, timeout).await
            }
            Handler::Invalid { why } => Outcome::Unknown(why.clone()),
        }
    }
}

/// Whom to dial: the host that is given, else the target. An empty host is the API's way to give none.
pub(crate) fn host_of(given: Option<&str>, address: IpAddr) -> Cow<'_, str> {
    match given {
        None | Some("") => Cow::Owned(address.to_string()),
        Some(host) => Cow::Borrowed(host),
    }
}
