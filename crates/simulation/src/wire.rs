//! The ways between a process and the two APIs. Every request of the node crosses here, and here its process is killed.
//!
//! For the world a process is what it sends: one whose wire is cut for good can do nothing any more, wherever it was.
//! What was sent before travels on, as packets do.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _};
use triton_sim::{FaultKind, Sim};

use crate::apiserver::ApiServer;
use crate::boundary::{Boundaries, Point};
use crate::history::{Call, History, Side, What};

/// How long a request travels one way.
const WAY: Duration = Duration::from_millis(2);

/// The largest answer of CloudAPI that is passed on, in bytes.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// How long a packet that nobody acknowledges keeps its sender waiting.
const LOST: Duration = Duration::from_secs(20);

/// What one process is connected by.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) life: Line,
    pub(crate) kube: ApiServer,
    pub(crate) sim: Sim,
    pub(crate) router: axum::Router,
    pub(crate) history: History,
    pub(crate) boundaries: Boundaries,
    pub(crate) doors: Doors,
}

/// The end of a wire at the process.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) id: u32,
    inner: Arc<LineInner>,
}

struct LineInner {
    state: Mutex<LineState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct LineState {
    is_dead: bool,
    /// Nothing goes out and nothing comes in.
    frozen_until: Option<Instant>,
    cut: Vec<(Cut, Instant)>,
}

/// Which way is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing gets there.
    Requests(Side),
    /// Nothing comes back.
    Answers(Side),
}

/// Faults of connections to CloudAPI, which the simulator only has on sockets.
#[derive(Clone, Default)]
pub(crate) struct Doors(Arc<Mutex<Vec<Door>>>);

#[derive(Clone, Copy, Debug)]
struct Door {
    kind: FaultKind,
    /// Every so many requests.
    every: u64,
    seen: u64,
    struck: u64,
    until: Instant,
}

/// One side of a wire, as a service.
#[derive(Clone)]
pub(crate) struct Cable {
    wire: Wire,
    side: Side,
}

// === impl Line ===

impl Line {
    pub(crate) fn new(id: u32) -> Self {
        let state = Mutex::new(LineState::default());
        Self { id, inner: Arc::new(LineInner { state, changed: Notify::new() }) }
    }

    /// Cuts it for ever.
    pub(crate) fn kill(&self) {
        self.state().is_dead = true;
        self.inner.changed.notify_waiters();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Stops everything for a while, as SIGSTOP does.
    pub(crate) fn freeze(&self, lasting: Duration) {
        self.state().frozen_until = Some(Instant::now() + lasting);
    }

    pub(crate) fn cut(&self, cut: Cut, lasting: Duration) {
        self.state().cut.push((cut, Instant::now() + lasting));
    }

    /// Ends freezes and cuts.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.frozen_until = None;
        state.cut.clear();
        drop(state);
        self.inner.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self, cut: Cut) -> bool {
        let now = Instant::now();
        self.state().cut.iter().any(|&(held, until)| held == cut && now < until)
    }

    /// Waits out a freeze; says whether there was one. Never returns to a dead process.
    async fn alive(&self) -> bool {
        let mut was_frozen = false;
        loop {
            let changed = self.inner.changed.notified();
            let (is_dead, until) = {
                let state = self.state();
                (state.is_dead, state.frozen_until)
            };
            if is_dead {
                return std::future::pending().await;
            }
            let Some(until) = until.filter(|&until| Instant::now() < until) else {
                return was_frozen;
            };
            was_frozen = true;
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

// === impl Doors ===

impl Doors {
    /// The kinds that strike here.
    pub(crate) const KINDS: [FaultKind; 6] = [
        FaultKind::ConnectRefused,
        FaultKind::ConnectDropped,
        FaultKind::ResetOnConnect,
        FaultKind::HandshakeStalls,
        FaultKind::IdleClosed,
        FaultKind::ConnectionDies,
    ];

    pub(crate) fn set(&self, kind: FaultKind, every: u64, lasting: Duration) {
        let until = Instant::now() + lasting;
        self.doors().push(Door { kind, every: every.max(1), seen: 0, struck: 0, until });
    }

    pub(crate) fn clear(&self) {
        for door in self.doors().iter_mut() {
            door.until = Instant::now();
        }
    }

    /// How often each kind struck.
    pub(crate) fn struck(&self) -> Vec<(FaultKind, u64)> {
        self.doors().iter().map(|door| (door.kind, door.struck)).collect()
    }

    fn strikes(&self) -> Option<FaultKind> {
        let now = Instant::now();
        let mut doors = self.doors();
        let door = doors.iter_mut().find(|door| now < door.until)?;
        door.seen += 1;
        let strikes = door.seen % door.every == 0;
        door.struck += u64::from(strikes);
        strikes.then_some(door.kind)
    }

    fn doors(&self) -> MutexGuard<'_, Vec<Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes of a connection; `Err` when nothing gets through.
    async fn pass(&self) -> io::Result<()> {
        let (wait, kind) = match self.strikes() {
            None => return Ok(()),
            Some(FaultKind::ConnectRefused) => (0, io::ErrorKind::ConnectionRefused),
            // What a client that gives up after ten seconds sees.
            Some(FaultKind::ConnectDropped | FaultKind::HandshakeStalls) => {
                (10, io::ErrorKind::TimedOut)
            }
            Some(FaultKind::ConnectionDies) => (120, io::ErrorKind::ConnectionReset),
            Some(_) => (0, io::ErrorKind::ConnectionReset),
        };
        tokio::time::sleep(Duration::from_secs(wait)).await;
        Err(kind.into())
    }
}

// === impl Wire ===

impl Wire {
    /// The way to one of the APIs.
    pub(crate) fn cable(&self, side: Side) -> Cable {
        Cable { wire: self.clone(), side }
    }

    /// Notes what is done or happens in the datacenter meanwhile.
    fn follow(&self) {
        self.history.follow(&self.sim);
    }

    fn reach(&self, point: Point) {
        if self.boundaries.reach(point) {
            self.life.kill();
        }
    }

    async fn carry(self, side: Side, request: Request<Bytes>) -> io::Result<Response<Body>> {
        let number = self.boundaries.number(side, request.method(), request.uri());
        self.reach(Point::BeforeSend(number));
        if self.life.alive().await {
            // It would have noticed by itself that its connections are gone, before it sent anything.
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let sent = self.sim.now();
        let journey = tokio::spawn(self.clone().travel(side, request, sent, number));
        let arrived = journey.await.map_err(io::Error::other)?;
        self.life.alive().await;
        self.reach(Point::AfterAnswer(number));
        self.life.alive().await;
        let (parts, body) = arrived?.into_parts();
        let line = self.life.clone();
        // What comes in pieces comes to a living process only.
        let pieces = body.into_data_stream().then(move |piece| {
            let line = line.clone();
            async move {
                line.alive().await;
                if line.is_cut(Cut::Answers(side)) || line.is_cut(Cut::Requests(side)) {
                    tokio::time::sleep(LOST).await;
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                }
                piece.map_err(io::Error::other)
            }
        });
        Ok(Response::from_parts(parts, Body::from_stream(pieces)))
    }

    /// What happens outside of the process.
    async fn travel(
        self,
        side: Side,
        request: Request<Bytes>,
        sent: jiff::Timestamp,
        number: u64,
    ) -> io::Result<Response<Body>> {
        if self.life.is_cut(Cut::Requests(side)) {
            tokio::time::sleep(LOST).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        if side == Side::Cloud {
            self.doors.pass().await?;
        }
        tokio::time::sleep(WAY).await;
        self.follow();
        let mut call = self.describe(side, &request, sent);
        let answer = match side {
            Side::Kube => self.kube.answer(request).await,
            Side::Cloud => self.ask_cloud(request).await,
        };
        self.follow();
        call.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        self.history.add(self.sim.now(), What::Call(call));
        self.reach(Point::AfterCommit(number));
        if self.life.is_cut(Cut::Answers(side)) {
            tokio::time::sleep(LOST).await;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        tokio::time::sleep(WAY).await;
        answer
    }

    async fn ask_cloud(&self, request: Request<Bytes>) -> io::Result<Response<Body>> {
        let shows =
            request.method() == http::Method::GET && request.uri().path().contains("/machines");
        let Ok(response) = self.router.clone().oneshot(request.map(Body::from)).await;
        let (parts, body) = response.into_parts();
        // A body that breaks off is a connection that breaks, and one without end is cut.
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        let body =
            body.map_err(|_lost| io::Error::from(io::ErrorKind::ConnectionReset))?.to_bytes();
        if shows && let Ok(shown) = serde_json::from_slice(&body) {
            self.note_addresses(shown);
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// Notes addresses that an answer shows and that are over already.
    fn note_addresses(&self, shown: Value) {
        let instances = if let Value::Array(items) = shown { items } else { vec![shown] };
        for instance in instances {
            let id = instance.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let Some(record) = id.and_then(|id| self.sim.instance(id)) else { continue };
            let known: Vec<String> = record.ips.iter().map(ToString::to_string).collect();
            let ips = instance.get("ips").and_then(Value::as_array).into_iter().flatten();
            let ips = ips.filter_map(Value::as_str).map(ToOwned::to_owned);
            let over: Vec<String> = ips.filter(|ip| !known.contains(ip)).collect();
            if !over.is_empty() {
                self.history.add(self.sim.now(), What::Shown(record.id, over));
            }
        }
    }

    fn describe(&self, side: Side, request: &Request<Bytes>, sent: jiff::Timestamp) -> Call {
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let mut call = Call {
            life: self.life.id,
            side,
            method: request.method().to_string(),
            target,
            status: None,
            sent,
            pod: None,
            instance: None,
            rule: None,
        };
        if call.is_create() {
            let body: Option<Value> = serde_json::from_slice(request.body()).ok();
            let uid =
                body.as_ref().and_then(|body| body.get("tag.k8s_uid")).and_then(|uid| uid.as_str());
            call.pod = uid.map(ToOwned::to_owned);
        }
        call.instance = call.deletes().and_then(|id| self.sim.instance(id));
        call.rule = call.deletes_rule().and_then(|id| self.sim.firewall_rule(id));
        call
    }
}

// === impl Cable ===

impl<B> Service<Request<B>> for Cable
where
    B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { wire, side } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            wire.carry(side, Request::from_parts(parts, body)).await
        })
    }
}
