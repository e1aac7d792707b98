//! Requests and commands that are sent for their effect, and not for what they answer: lifecycle hooks.

use std::time::Duration;

use tokio::time::timeout;

use crate::command::{self, CommandError};
use crate::headers::HOOK_AGENT;
use crate::http::{self, Failed, Question};
use crate::network::{NetworkProber, host_of};
use crate::probe::{Handler, LONGEST, Scheme};
use crate::prober::Ask;
use crate::url::Url;

/// How something was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// As it was asked for.
    AsAsked,
    /// It was to go over HTTPS, and the server speaks plain HTTP: it was sent again that way, without `Authorization`.
    InPlain,
}

/// Why something was not delivered. The messages are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Nobody took the connection, so nothing was sent: trying again does nothing twice.
    #[error("{0}")]
    Unreachable(String),
    /// It failed, or it is not known whether it arrived.
    #[error("{0}")]
    Failed(String),
    /// It took longer than it may.
    #[error("did not end within {0:?}")]
    Late(Duration),
}

// === impl NetworkProber ===

impl NetworkProber {
    /// Delivers a lifecycle hook as the kubelet's `handlers.go` does: a GET is built as for a probe, but calls itself
    /// `kube-lifecycle`, and any answer is success, whatever its status; a command must end with 0.
    ///
    /// # Errors
    /// When it could not be delivered, or not in time. A port or a gRPC service cannot be delivered to.
    pub async fn deliver(&self, ask: Ask<'_>) -> Result<Delivered, DeliveryError> {
        let limit = ask.timeout.min(LONGEST);
        match timeout(limit, self.deliver_once(ask)).await {
            Ok(delivered) => delivered,
            Err(_) => Err(DeliveryError::Late(limit)),
        }
    }

    async fn deliver_once(&self, ask: Ask<'_>) -> Result<Delivered, DeliveryError> {
        let Ask { target, handler, address, timeout } = ask;
        match handler {
            Handler::HttpGet { scheme, host, port, path, headers } => {
                let url = Url::new(*scheme, &host_of(host.as_deref(), address), *port, path);
                let question = Question { url, headers, agent: HOOK_AGENT, timeout };
                match http::deliver(&question, &self.https).await {
                    Ok(()) => Ok(Delivered::AsAsked),
                    Err(Failed::InPlain(_)) if *scheme == Scheme::Https => {
                        let is_secret = |name: &str| name.eq_ignore_ascii_case("authorization");
                        let headers: Vec<_> =
                            headers.iter().filter(|(name, _)| !is_secret(name)).cloned().collect();
                        let url = Url { scheme: Scheme::Http, ..question.url };
                        let question = Question { url, headers: &headers, ..question };
                        http::deliver(&question, &self.https).await?;
                        Ok(Delivered::InPlain)
                    }
                    Err(failed) => Err(failed.into()),
                }
            }
            Handler::Exec { command } => {
                match self.commands.run_any(target, command, timeout).await {
                    Ok(ran) if ran.exit_code == 0 => Ok(Delivered::AsAsked),
                    Ok(ran) => {
                        let output = command::text(&ran.output);
                        let code = ran.exit_code;
                        Err(DeliveryError::Failed(format!("command ended with {code}: {output}")))
                    }
                    Err(CommandError::Timeout(limit)) => Err(DeliveryError::Late(limit)),
                    Err(error @ CommandError::Failed(_)) => {
                        Err(DeliveryError::Failed(error.to_string()))
                    }
                }
            }
            Handler::TcpSocket { .. } | Handler::Grpc { .. } => {
                Err(DeliveryError::Failed("invalid handler".to_owned()))
            }
            Handler::Invalid { why } => Err(DeliveryError::Failed(why.clone())),
        }
    }
}

// === impl DeliveryError ===

impl From<Failed> for DeliveryError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Dial(why) | Failed::Ours(why) => Self::Unreachable(why),
            Failed::InPlain(why) | Failed::Other(why) => Self::Failed(why),
        }
    }
}

#[cfg(test)]
mod tests;
