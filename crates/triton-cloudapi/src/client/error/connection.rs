//! What is wrong with a connection, told from the errors of the libraries below.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http_body_util::LengthLimitError;
use hyper_util::client::legacy;

use super::BoxError;

/// What is wrong with a connection. Its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionProblem {
    /// The host's name is unknown.
    UnknownHost {
        /// The host.
        host: String,
    },
    /// Nobody listens there.
    Refused {
        /// Host and port.
        authority: String,
    },
    /// The connection, or its TLS handshake, was not there in time.
    ConnectTimeout {
        /// How long was waited.
        after: Duration,
    },
    /// The server's certificate is not to be trusted.
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not speak TLS, or not one that we do.
    Handshake {
        /// Host and port.
        authority: String,
    },
    /// One attempt took too long.
    AttemptTimeout {
        /// How long was waited.
        after: Duration,
    },
    /// The answer is larger than any that CloudAPI gives.
    TooLarge {
        /// The most that is read, in bytes.
        bytes_max: usize,
    },
    /// The connection was closed or reset before the whole answer was there.
    Broken,
    /// Anything else.
    Other,
}

/// A connector that was too slow.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", after.as_secs_f32())]
pub(crate) struct ConnectTimeout {
    pub(crate) after: Duration,
}

/// One attempt that was too slow.
#[derive(Debug, thiserror::Error)]
#[error("no whole answer within {} s", after.as_secs_f32())]
pub(crate) struct AttemptTimeout {
    pub(crate) after: Duration,
}

// === impl ConnectionProblem ===

impl ConnectionProblem {
    /// Whether the next attempt would meet the same.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Certificate { .. } | Self::Handshake { .. } | Self::TooLarge { .. })
    }

    /// Finds the reason among an error's causes.
    pub(crate) fn of(error: &BoxError, uri: &http::Uri, bytes_max: usize) -> Self {
        let host = || uri.host().unwrap_or_default().to_owned();
        let authority = || uri.authority().map(ToString::to_string).unwrap_or_default();
        for cause in causes(error.as_ref()) {
            if let Some(timeout) = cause.downcast_ref::<ConnectTimeout>() {
                return Self::ConnectTimeout { after: timeout.after };
            }
            if let Some(timeout) = cause.downcast_ref::<AttemptTimeout>() {
                return Self::AttemptTimeout { after: timeout.after };
            }
            if cause.is::<LengthLimitError>() {
                return Self::TooLarge { bytes_max };
            }
            match cause.downcast_ref::<rustls::Error>() {
                Some(rustls::Error::InvalidCertificate(reason)) => {
                    return Self::Certificate { host: host(), reason: reason.to_string() };
                }
                Some(_) => return Self::Handshake { authority: authority() },
                None => {}
            }
            // hyper-util's name for it; the error type itself is private.
            if cause.to_string() == "dns error" {
                return Self::UnknownHost { host: host() };
            }
            match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => {
                    return Self::Refused { authority: authority() };
                }
                Some(
                    io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof,
                ) => return Self::Broken,
                _ => {}
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
                && (hyper.is_incomplete_message()
                    || hyper.is_closed()
                    || hyper.is_body_write_aborted())
            {
                return Self::Broken;
            }
        }
        Self::Other
    }
}

impl fmt::Display for ConnectionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost { host } => {
                write!(f, "there is no host {host:?}: check the URL, and this machine's DNS")
            }
            Self::Refused { authority } => {
                write!(f, "nobody listens at {authority}: check the URL's host and port")
            }
            Self::ConnectTimeout { after } => write!(
                f,
                "no connection within {} s: check the URL, and whether a firewall or proxy is in between",
                after.as_secs_f32()
            ),
            Self::Certificate { host, reason } => write!(
                f,
                "the certificate of {host} is not trusted ({reason}): name the CA that has signed it (ca_file, \
                 TRITON_CA_FILE), or, where nobody can be in between, take any certificate (insecure, \
                 TRITON_TLS_INSECURE)"
            ),
            Self::Handshake { authority } => {
                write!(
                    f,
                    "{authority} does not speak TLS as we do: is it https, and the right port?"
                )
            }
            Self::AttemptTimeout { after } => {
                write!(f, "no whole answer within {} s", after.as_secs_f32())
            }
            Self::TooLarge { bytes_max } => {
                write!(f, "the answer has more than {bytes_max} bytes: is the URL CloudAPI's?")
            }
            Self::Broken => f.write_str("the connection broke"),
            Self::Other => f.write_str("the connection failed"),
        }
    }
}

/// Whether the connection was never made, so that nothing can have been sent.
pub(crate) fn is_connect(error: &BoxError) -> bool {
    causes(error.as_ref()).any(|cause| {
        let is_connect = |error: &legacy::Error| error.is_connect();
        let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        cause.downcast_ref().is_some_and(is_connect)
            || cause.downcast_ref().is_some_and(is_refused)
            || cause.is::<ConnectTimeout>()
    })
}

/// An error and its causes, also those inside of `io::Error`, which its `source` leaves out.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside as &'a (dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<BoxError>, expected: ConnectionProblem, is_connect_expected: bool) {
        let error = error.into();
        let uri = http::Uri::from_static("https://cloud.example.com:8443/x");
        assert_eq!(ConnectionProblem::of(&error, &uri, 7), expected);
        assert_eq!(is_connect(&error), is_connect_expected);
    }

    #[test]
    fn the_reason_is_found_however_deep_it_is() {
        use ConnectionProblem as Problem;
        let authority = || "cloud.example.com:8443".to_owned();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        check(refused(), Problem::Refused { authority: authority() }, true);
        check(io::Error::other(refused()), Problem::Refused { authority: authority() }, true);
        let after = Duration::from_secs(3);
        check(ConnectTimeout { after }, Problem::ConnectTimeout { after }, true);
        check(io::Error::other(AttemptTimeout { after }), Problem::AttemptTimeout { after }, false);
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let reason = rustls::CertificateError::Expired.to_string();
        let host = "cloud.example.com".to_owned();
        check(io::Error::other(certificate), Problem::Certificate { host, reason }, false);
        let handshake = rustls::Error::HandshakeNotComplete;
        check(io::Error::other(handshake), Problem::Handshake { authority: authority() }, false);
        check(io::Error::from(io::ErrorKind::ConnectionReset), Problem::Broken, false);
        check("something else", Problem::Other, false);
    }

    #[test]
    fn an_untrusted_certificate_names_both_ways_out() {
        let problem = ConnectionProblem::Certificate { host: "h".into(), reason: "expired".into() };
        let text = problem.to_string();
        assert!(text.contains("TRITON_CA_FILE") && text.contains("TRITON_TLS_INSECURE"), "{text}");
        assert!(problem.is_lasting());
    }
}
