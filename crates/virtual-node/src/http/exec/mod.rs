//! `/exec`: commands in containers, over WebSockets as the kubelet frames them (`v4` and `v5.channel.k8s.io`).
//!
//! API servers from 1.36 on pass them through to nodes that declare `ExtendWebSocketsToKubelet` (KEP-4006); older ones do
//! so for clients that speak version 4, and translate everything else to SPDY, which is not spoken here.

mod session;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::routes::{Served, not_here, trouble};
use crate::abilities::{AbilityError, ExecRequest};
use crate::provider::PodKey;
use session::{Protocol, Session};

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    command: Vec<String>,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

/// Answers with a session in which the command runs.
pub(super) async fn exec(
    State(served): State<Arc<Served>>,
    Path(names): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let Some(exec) = served.abilities.exec.clone() else {
        return not_here(request.uri().clone()).await;
    };
    let asked = match Asked::parse(request.uri().query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(error) => return trouble(&error),
    };
    let named = |name: &str| {
        let found = names.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let pod = served.pod(named("namespace"), named("pod"));
    let is_it = |pod: &Pod| {
        let uid = named("uid");
        uid.is_empty() || pod.metadata.uid.as_deref() == Some(uid)
    };
    let Some(pod) = pod.filter(is_it) else {
        return trouble(&AbilityError::NotFound("pod does not exist".to_owned()));
    };
    let container = named("container").to_owned();
    if !runs(&pod, &container) {
        let sentence = format!("container not found ({container:?})");
        return trouble(&AbilityError::NotFound(sentence));
    }
    let Some(key) = PodKey::of(&pod) else {
        return trouble(&AbilityError::failed("the pod has no name"));
    };
    let (protocol, accept) = match handshake(request.headers()) {
        Ok(agreed) => agreed,
        Err(refusal) => return refusal.into_response(),
    };
    let Asked { command, stdin, stdout, stderr, tty } = asked;
    let command = ExecRequest { pod: key, container, command, tty };
    let session = Session { protocol, stdin, stdout, stderr, tty };
    let upgrade = hyper::upgrade::on(request);
    let sessions = served.sessions.clone();
    tokio::spawn(sessions.run_until_cancelled_owned(async move {
        match upgrade.await {
            Ok(connection) => session.run(TokioIo::new(connection), exec, command).await,
            Err(error) => tracing::debug!(%error, "a session did not begin"),
        }
    }));
    let headers = [
        (header::CONNECTION, "Upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, protocol.name().to_owned()),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Whether the container runs, as far as is published.
fn runs(pod: &Pod, container: &str) -> bool {
    let Some(status) = &pod.status else { return false };
    let init = status.init_container_statuses.iter().flatten();
    let mut all = status.container_statuses.iter().flatten().chain(init);
    all.any(|status| {
        let state = status.state.as_ref();
        status.name == container && state.is_some_and(|state| state.running.is_some())
    })
}

/// The version that both sides speak, and the answer to the client's key.
fn handshake(headers: &HeaderMap) -> Result<(Protocol, String), (StatusCode, String)> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text(header::UPGRADE).eq_ignore_ascii_case("websocket") {
        let sentence = "this node speaks WebSocket to those who run commands, and not SPDY: that takes Kubernetes 1.36 or \
                        newer, or a client that speaks v4.channel.k8s.io\n";
        return Err((StatusCode::NOT_IMPLEMENTED, sentence.to_owned()));
    }
    let refused = |sentence: &str| (StatusCode::BAD_REQUEST, format!("{sentence}\n"));
    let key = text(header::SEC_WEBSOCKET_KEY);
    if key.is_empty() || text(header::SEC_WEBSOCKET_VERSION) != "13" {
        return Err(refused("unable to upgrade: this is no WebSocket handshake of version 13"));
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered =
        offered.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let Some(protocol) = offered.find_map(|name| Protocol::named(name.trim())) else {
        let sentence = "unable to upgrade: server accepts [v5.channel.k8s.io v4.channel.k8s.io]";
        return Err((StatusCode::FORBIDDEN, format!("{sentence}\n")));
    };
    Ok((protocol, derive_accept_key(key.as_bytes())))
}

// === impl Asked ===

impl Asked {
    fn parse(query: &str) -> Result<Self, AbilityError> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_set = matches!(&*value, "1" | "true");
            match &*name {
                "command" => asked.command.push(value.into_owned()),
                "input" | "stdin" => asked.stdin |= is_set,
                "output" | "stdout" => asked.stdout |= is_set,
                "error" | "stderr" => asked.stderr |= is_set,
                "tty" => asked.tty |= is_set,
                _ => {}
            }
        }
        // A terminal has one output.
        asked.stderr &= !asked.tty;
        let refused = |sentence: &str| Err(AbilityError::Refused(sentence.to_owned()));
        if !(asked.stdin || asked.stdout || asked.stderr) {
            return refused("you must specify at least 1 of stdin, stdout, stderr");
        }
        if asked.command.is_empty() {
            return refused("you must specify at least 1 command");
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_no_output_of_its_own_for_errors() {
        let asked = Asked::parse("command=ls&command=-l&input=1&output=1&error=1&tty=1").unwrap();
        let command = vec!["ls".to_owned(), "-l".to_owned()];
        assert_eq!(asked, Asked { command, stdin: true, stdout: true, stderr: false, tty: true });
        assert!(Asked::parse("command=ls&output=1&error=1").unwrap().stderr);
    }

    #[test]
    fn a_command_without_anything_to_read_or_write_is_refused() {
        for query in ["", "command=ls", "output=1", "command=ls&output=0"] {
            let refused = Asked::parse(query).unwrap_err();
            assert!(matches!(refused, AbilityError::Refused(_)), "{query}");
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_first_version_that_both_sides_speak_is_spoken() {
        let check = |offered: &'static str, expected: Result<Protocol, StatusCode>| {
            let told = handshake(&headers(&[
                ("upgrade", "WebSocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("sec-websocket-protocol", offered),
            ]));
            if let Ok((_, accept)) = &told {
                // The example of RFC 6455, section 1.3.
                assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            }
            assert_eq!(told.map(|told| told.0).map_err(|told| told.0), expected, "{offered}");
        };
        check("v5.channel.k8s.io, v4.channel.k8s.io", Ok(Protocol::V5));
        check("v9.channel.k8s.io,v4.channel.k8s.io", Ok(Protocol::V4));
        check("channel.k8s.io", Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn spdy_is_refused_with_what_to_do_instead() {
        let told = handshake(&headers(&[("upgrade", "SPDY/3.1")])).unwrap_err();
        assert_eq!(told.0, StatusCode::NOT_IMPLEMENTED);
        assert!(told.1.contains("1.36"), "{}", told.1);
        let told = handshake(&headers(&[("upgrade", "websocket")])).unwrap_err();
        assert_eq!(told.0, StatusCode::BAD_REQUEST);
    }
}
