//! The door: 401 for strangers, 403 for those who may not.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use kube_client::Client;
use tokio::sync::Semaphore;

use super::access::Access;
use super::attributes::attributes;
use super::identity::{self, Identity};
use crate::api::{CallError, chain};

/// Reviews that may be asked of the API server at once: strangers with made-up tokens must not flood it.
const REVIEWS: usize = 8;

/// Decides who gets in.
pub(crate) enum Guard {
    /// Asks the API server.
    Delegated(Box<Reviews>),
    /// Lets everybody in.
    Off,
}

/// What asks the API server.
pub(crate) struct Reviews {
    client: Client,
    access: Access,
    /// One place per request that is being judged.
    places: Semaphore,
}

/// Who the connection's client certificate names, put into each request by the server.
#[derive(Clone, Debug)]
pub(crate) struct Peer(pub(crate) Option<Identity>);

// === impl Guard ===

impl Guard {
    pub(crate) fn delegated(client: Client, node: &str) -> Self {
        let access = Access::new(client.clone(), node);
        Self::Delegated(Box::new(Reviews { client, access, places: Semaphore::new(REVIEWS) }))
    }

    /// `Ok` lets the request in.
    async fn judge(&self, request: &Parts) -> Result<(), Refusal> {
        let Self::Delegated(reviews) = self else { return Ok(()) };
        let Reviews { client, access, places } = reviews.as_ref();
        // Held over both reviews, so that a request never waits for a second place while it has one.
        let _place = places.acquire().await.map_err(|_| Refusal::Stranger)?;
        let peer = request.extensions.get::<Peer>().and_then(|peer| peer.0.clone());
        let who = match peer {
            Some(identity) => identity,
            None => {
                let header = request
                    .headers
                    .get(header::AUTHORIZATION)
                    .and_then(|value| value.to_str().ok());
                let token = header.and_then(identity::bearer).ok_or(Refusal::Stranger)?;
                identity::of_token(client, token)
                    .await
                    .map_err(Refusal::Unknown)?
                    .ok_or(Refusal::Stranger)?
            }
        };
        let asked = attributes(&request.method, request.uri.path());
        if access.is_allowed(&who, &asked).await.map_err(Refusal::Unknown)? {
            return Ok(());
        }
        let verb = asked.first().map_or("get", |attributes| attributes.verb);
        let subresources: Vec<&str> =
            asked.iter().map(|attributes| attributes.subresource).collect();
        Err(Refusal::Forbidden(format!(
            "Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{}])",
            who.user,
            subresources.join(" ")
        )))
    }
}

/// Why a request does not get in.
enum Refusal {
    Stranger,
    Forbidden(String),
    /// The API server gave no answer; that is never a yes.
    Unknown(CallError),
}

// === impl Refusal ===

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Stranger => (StatusCode::UNAUTHORIZED, "Unauthorized\n").into_response(),
            Self::Forbidden(sentence) => (StatusCode::FORBIDDEN, sentence).into_response(),
            Self::Unknown(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "could not find out whether a request is allowed"
                );
                (StatusCode::INTERNAL_SERVER_ERROR, "could not find out whether this is allowed\n")
                    .into_response()
            }
        }
    }
}

/// The middleware.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match guard.judge(&parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}
