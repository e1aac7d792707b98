//! From a request to its answer.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::store::{DeleteOrder, PatchKind};
use super::{ApiServer, Asked, KubeFault, Resource, Verb, route, text, watch};

/// How long [`KubeFault::Slow`] takes.
const SLOW: Duration = Duration::from_secs(2);
/// How long [`KubeFault::Hang`] takes.
const HANG: Duration = Duration::from_secs(60);
/// How far back [`KubeFault::StaleList`] looks.
const STALE: SignedDuration = SignedDuration::from_secs(10);

/// What an answer is made of.
enum Answer {
    Object(u16, Value),
    Watch(Body),
}

// === impl ApiServer ===

impl ApiServer {
    /// Answers one request.
    ///
    /// # Errors
    /// When the connection breaks instead.
    pub(crate) async fn answer(&self, request: Request<Bytes>) -> io::Result<Response<Body>> {
        let uri = request.uri().clone();
        let Some(asked) = route(request.method(), uri.path(), uri.query()) else {
            return Ok(plain(
                404,
                &json!({ "kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "the server could not find the requested resource" }),
            ));
        };
        if let Some(early) = self.trouble(&asked).await {
            return early;
        }
        let is_change = asked.verb.is_change();
        let answer = self.carry_out(&asked, &request);
        if is_change {
            self.inner.changed.notify_waiters();
            if self.strikes(KubeFault::AnswerLost, &asked) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        Ok(match answer {
            Ok(Answer::Object(code, object)) => plain(code, &object),
            Ok(Answer::Watch(body)) => Response::new(body),
            Err(refusal) => refused(&refusal),
        })
    }

    /// What strikes before the request is looked at.
    async fn trouble(&self, asked: &Asked) -> Option<io::Result<Response<Body>>> {
        if self.strikes(KubeFault::Down, asked) {
            return Some(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        if self.strikes(KubeFault::Hang, asked) {
            tokio::time::sleep(HANG).await;
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.strikes(KubeFault::Slow, asked) {
            tokio::time::sleep(SLOW).await;
        }
        let refusals = [
            (KubeFault::Unauthorized, 401, "Unauthorized", "Unauthorized"),
            (
                KubeFault::Forbidden,
                403,
                "Forbidden",
                "is forbidden: User \"vk-triton\" cannot do that",
            ),
            (
                KubeFault::TooManyRequests,
                429,
                "TooManyRequests",
                "too many requests, please try again later",
            ),
            (
                KubeFault::InternalError,
                500,
                "InternalError",
                "Internal error occurred: etcdserver: request timed out",
            ),
            (
                KubeFault::WebhookDown,
                500,
                "InternalError",
                "Internal error occurred: failed calling webhook",
            ),
            (
                KubeFault::Conflict,
                409,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            (KubeFault::ListExpires, 410, "Expired", "The provided continue parameter is too old"),
        ];
        for (kind, code, reason, message) in refusals {
            if self.strikes(kind, asked) {
                let mut refusal = Refusal::new(code, reason, message);
                refusal.retry_after = (code == 429).then_some(1);
                return Some(Ok(refused(&refusal)));
            }
        }
        None
    }

    pub(super) fn strikes(&self, kind: KubeFault, asked: &Asked) -> bool {
        self.state().faults.strikes(kind, asked, tokio::time::Instant::now())
    }

    fn carry_out(&self, asked: &Asked, request: &Request<Bytes>) -> Result<Answer, Refusal> {
        let resource = asked.resource;
        let namespace = asked.namespace.as_deref().unwrap_or_default();
        let name = asked.name.as_deref().unwrap_or_default();
        let now = self.now();
        let is_metadata = accepts_metadata(request);
        let shown = |object: &Value| if is_metadata { metadata_of(object) } else { object.clone() };
        match asked.verb {
            Verb::Get => {
                let state = self.state();
                let found = state.store.get(resource, namespace, name);
                let found = found.ok_or_else(|| Refusal::not_found(resource, name))?;
                Ok(Answer::Object(200, shown(found)))
            }
            Verb::List => self.list_page(asked, is_metadata).map(|list| Answer::Object(200, list)),
            Verb::Watch => watch::begin(self, asked.clone(), is_metadata).map(Answer::Watch),
            Verb::Create => {
                let object = body(request)?;
                let is_nowhere = !namespace.is_empty()
                    && self.state().store.get(Resource::Namespaces, "", namespace).is_none();
                if is_nowhere {
                    return Err(Refusal::not_found(Resource::Namespaces, namespace));
                }
                let made = self.state().store.create(resource, namespace, object, now)?;
                Ok(Answer::Object(201, shown(&made)))
            }
            Verb::Update => {
                let object = body(request)?;
                let mut state = self.state();
                let is_new = state.store.get(resource, namespace, name).is_none();
                let made = state.store.replace(resource, namespace, name, object, now)?;
                Ok(Answer::Object(if is_new { 201 } else { 200 }, shown(&made)))
            }
            Verb::Patch => {
                let kind =
                    match request.headers().get("content-type").and_then(|kind| kind.to_str().ok())
                    {
                        Some("application/merge-patch+json") => PatchKind::Merge,
                        Some("application/strategic-merge-patch+json") => PatchKind::Strategic,
                        other => {
                            let message = format!("this API server does not patch by {other:?}");
                            return Err(Refusal::new(415, "UnsupportedMediaType", message));
                        }
                    };
                let patch = body(request)?;
                let mut state = self.state();
                let made = state.store.patch(
                    resource,
                    namespace,
                    name,
                    kind,
                    &patch,
                    asked.is_status,
                    now,
                )?;
                Ok(Answer::Object(200, shown(&made)))
            }
            Verb::Delete => {
                let options = if request.body().is_empty() { Value::Null } else { body(request)? };
                let precondition = |field: &str| {
                    let found = options.pointer(&format!("/preconditions/{field}"));
                    found.and_then(Value::as_str).map(ToOwned::to_owned)
                };
                let order = DeleteOrder {
                    grace: options.get("gracePeriodSeconds").and_then(Value::as_i64),
                    uid: precondition("uid"),
                    version: precondition("resourceVersion"),
                };
                let deleted = self.state().store.delete(resource, namespace, name, &order, now)?;
                // A pod is shown as it was, and of anything else it is said that it went well.
                let answer = if resource == Resource::Pods { shown(&deleted) } else { success() };
                Ok(Answer::Object(200, answer))
            }
        }
    }

    fn list_page(&self, asked: &Asked, is_metadata: bool) -> Result<Value, Refusal> {
        let is_stale = self.strikes(KubeFault::StaleList, asked);
        let now = self.now();
        let state = self.state();
        let store = &state.store;
        let (version, after) = match asked.query.get("continue").filter(|token| !token.is_empty()) {
            Some(token) => {
                let (version, after) = token.split_once(':').unwrap_or(("0", ""));
                (version.parse().unwrap_or(0), after.to_owned())
            }
            None if is_stale => {
                let old = store.since(0).iter().rev().find(|change| change.at <= now - STALE);
                (old.map_or(store.version(), |change| change.version), String::new())
            }
            None => (store.version(), String::new()),
        };
        if version < store.compacted() && !after.is_empty() {
            return Err(Refusal::expired());
        }
        let limit = asked.query.get("limit").and_then(|limit| limit.parse().ok());
        let limit = limit.filter(|&limit: &usize| limit > 0).unwrap_or(usize::MAX);
        let place = |object: &Value| {
            format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
        };
        let mut found = store.list_at(asked.resource, version);
        found
            .retain(|object| selects(asked, object) && (after.is_empty() || place(object) > after));
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next =
            found.last().filter(|_| has_more).map(|last| format!("{version}:{}", place(last)));
        let items: Vec<Value> = found
            .iter()
            .map(|object| if is_metadata { metadata_of(object) } else { item(object) })
            .collect();
        let kind = if is_metadata { "PartialObjectMetadata" } else { asked.resource.kind() };
        let api_version = if is_metadata { "meta.k8s.io/v1" } else { asked.resource.api_version() };
        Ok(json!({
            "kind": format!("{kind}List"), "apiVersion": api_version,
            "metadata": { "resourceVersion": version.to_string(), "continue": next }, "items": items,
        }))
    }
}

/// Whether the object is among those that are asked for.
pub(super) fn selects(asked: &Asked, object: &Value) -> bool {
    let namespace = asked.namespace.as_ref();
    if namespace.is_some_and(|namespace| *namespace != text(object, "/metadata/namespace")) {
        return false;
    }
    let selector = asked.query.get("fieldSelector").map(String::as_str).unwrap_or_default();
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (path, value) = term.split_once('=').unwrap_or((term, ""));
        text(object, &format!("/{}", path.replace('.', "/"))) == value.trim_start_matches('=')
    })
}

/// The object as an item of a list, which says of what kind all of them are.
fn item(object: &Value) -> Value {
    let mut item = object.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    item
}

fn success() -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" })
}

/// The object without spec and status.
pub(super) fn metadata_of(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
}

fn accepts_metadata(request: &Request<Bytes>) -> bool {
    let accept = request.headers().get("accept").and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata") && asks_pods(request))
}

fn asks_pods(request: &Request<Bytes>) -> bool {
    route(request.method(), request.uri().path(), None)
        .is_some_and(|asked| matches!(asked.resource, Resource::Pods | Resource::Nodes))
}

fn body(request: &Request<Bytes>) -> Result<Value, Refusal> {
    serde_json::from_slice(request.body())
        .map_err(|error| Refusal::new(400, "BadRequest", format!("the body is no JSON: {error}")))
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let mut response = plain(refusal.code, &refusal.to_json());
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn plain(code: u16, object: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(object.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}
