//! From what was decided to what goes out: the waiting, the journal, the end of HTTP.

use std::time::Duration;

use axum::body::Body as AxumBody;
use http::Response;

use super::decide::Decision;
use super::render::{Manner, lost, render};
use super::{Arrived, instead, migration_events, trouble};
use crate::clock::add;
use crate::feed;
use crate::http::{Answer, Body, Reply, Upgrade};
use crate::refusal::Refusal;
use crate::requests::RequestRecord;
use crate::sim::Sim;
use crate::version::ApiVersion;
use crate::vnc;
use crate::websocket;

/// How a request ends; a lost answer has the status it would have had.
pub(super) enum End {
    Answer(Result<Reply, Refusal>),
    Reset(u16),
}

/// Names for raw bytes in a WebSocket.
const VNC_PROTOCOLS: [&str; 2] = ["binary", "rfb"];
/// After this HAProxy gives up on CloudAPI.
const PROXY_TIMEOUT: Duration = Duration::from_secs(120);

/// Waits as the answer wants, reads back, writes the journal and renders.
pub(super) async fn finish(
    sim: &Sim,
    arrived: &Arrived,
    mut decision: Decision,
) -> Response<AxumBody> {
    let version = decision.version;
    let refused = || Err(Refusal::internal("Internal Error"));
    let mut switched = None;
    let result = match std::mem::replace(&mut decision.result, refused()) {
        Ok(Answer { reply, upgrade: Some(upgrade), .. }) => {
            switch(sim, arrived, upgrade).map(|response| {
                switched = Some(response);
                reply
            })
        }
        Ok(answer) => {
            tokio::time::sleep(answer.delay).await;
            Ok(read_back(sim, answer, version))
        }
        Err(refusal) if refusal.is_never_sent => {
            tokio::time::sleep(PROXY_TIMEOUT).await;
            Err(instead::unavailable())
        }
        Err(refusal) => Err(refusal),
    };
    let end = match decision.caught {
        Some(strike) => trouble::hide(strike, result).await,
        None => End::Answer(result),
    };
    let status = match &end {
        End::Answer(result) => trouble::status_of(result),
        End::Reset(status) => *status,
    };
    sim.with(|state, _| state.requests.add(record(arrived, &decision, status)));
    match end {
        End::Reset(_) => lost(),
        End::Answer(result) => {
            if let Some(response) = switched {
                return response;
            }
            let now = add(sim.wall(), decision.skew);
            let watched = match &result {
                Ok(Reply { body: Body::MigrationEvents(id), .. }) => Some(*id),
                _ => None,
            };
            let manner = Manner { arrived, version, now, strikes: &decision.strikes };
            let mut response = render(&manner, result);
            if let Some(id) = watched {
                response.headers_mut().remove("content-length");
                *response.body_mut() = migration_events::body(sim.clone(), id);
            }
            response
        }
    }
}

/// Ends HTTP on a connection, and begins what it becomes.
///
/// # Errors
/// Those of a handshake that is not in order; in process there is no connection to take over.
fn switch(sim: &Sim, arrived: &Arrived, upgrade: Upgrade) -> Result<Response<AxumBody>, Refusal> {
    let upgrading = arrived.upgrading.clone();
    let upgrading =
        || upgrading.ok_or_else(|| Refusal::plain("Connection Must Upgrade For WebSockets"));
    match upgrade {
        Upgrade::Changefeed { account, login } => {
            let response = websocket::accept(&arrived.headers, &[])?;
            tokio::spawn(feed::converse(sim.clone(), upgrading()?, account, login));
            Ok(response)
        }
        Upgrade::Vnc { instance } => {
            if !arrived.headers.contains_key("upgrade") {
                let message = "VNC connect endpoint is a websocket and must be upgraded";
                return Err(Refusal::new(400, "UpgradeRequiredError", message));
            }
            let response = websocket::accept(&arrived.headers, &VNC_PROTOCOLS)?;
            tokio::spawn(vnc::converse(sim.clone(), upgrading()?, instance));
            Ok(response)
        }
    }
}

pub(super) fn record(arrived: &Arrived, decision: &Decision, status: u16) -> RequestRecord {
    let endpoint = decision.trouble.endpoint;
    tracing::debug!(method = %arrived.method, path = arrived.uri.path(), endpoint, status, "answered");
    RequestRecord {
        seq: 0,
        at: arrived.at,
        method: arrived.method.to_string(),
        path: arrived.uri.path().to_owned(),
        query: arrived.uri.query().map(str::to_owned),
        endpoint: endpoint.to_owned(),
        account: decision.account.clone(),
        status,
        struck: decision.trouble.struck.clone(),
    }
}

fn read_back(sim: &Sim, answer: Answer, version: ApiVersion) -> Reply {
    let Answer { mut reply, read_back, .. } = answer;
    if let Some(id) = read_back {
        let shown = sim.with(|state, _| {
            let instance = state.world.instances.get(&id);
            instance.map(|instance| instance.to_json(false, version >= ApiVersion(8, 0, 0)))
        });
        reply.body = shown.map_or(Body::Empty, Body::Json);
    }
    reply
}
