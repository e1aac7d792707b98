//! Elections on paused time, against a server with one Lease.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use kube_client::client::Body as KubeBody;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::*;

/// A server with one Lease, as the API server keeps it: each write replaces the version that it names.
#[derive(Default)]
struct Server(Mutex<State>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
}

/// What becomes of a client's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Open,
    /// They do not arrive.
    Cut,
    /// They arrive, and their answers do not.
    NoAnswers,
    /// They arrive after this long, also when nobody waits for them any more.
    Late(Duration),
    /// Their answers take this long.
    Slow(Duration),
    /// They are refused.
    Forbidden,
    /// The namespace is not there.
    NoNamespace,
}

type Route = Arc<Mutex<Way>>;

impl Server {
    fn client(self: &Arc<Self>) -> (Client, Route) {
        let route = Route::default();
        (self.client_by(&route), route)
    }

    fn client_by(self: &Arc<Self>, route: &Route) -> Client {
        let (server, way) = (Arc::clone(self), Arc::clone(route));
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let (server, way) = (Arc::clone(&server), *way.lock().unwrap());
            async move {
                let method = request.method().clone();
                let body = request.into_body().collect_bytes().await.unwrap_or_default();
                // What is on its way is not called back by a client that gives up.
                let carried = tokio::spawn(async move { server.carry(way, &method, &body).await });
                let (status, answer) = carried.await.unwrap();
                let response = Response::builder().status(status);
                Ok::<_, Infallible>(response.body(Body::from(answer.to_string())).unwrap())
            }
        });
        Client::new(service, "default")
    }

    async fn carry(&self, way: Way, method: &Method, body: &[u8]) -> (StatusCode, Value) {
        match way {
            Way::Cut => std::future::pending().await,
            Way::Forbidden => return refusal(StatusCode::FORBIDDEN),
            Way::NoNamespace => return refusal(StatusCode::NOT_FOUND),
            Way::Late(by) => tokio::time::sleep(by).await,
            Way::Open | Way::NoAnswers | Way::Slow(_) => {}
        }
        let answer = self.answer(method, serde_json::from_slice(body).unwrap_or_default());
        match way {
            Way::NoAnswers => std::future::pending().await,
            Way::Slow(by) => tokio::time::sleep(by).await,
            _ => {}
        }
        answer
    }

    fn answer(&self, method: &Method, body: Value) -> (StatusCode, Value) {
        let mut state = self.0.lock().unwrap();
        let there = state.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        let named = body["metadata"].get("resourceVersion").cloned();
        match (method, there) {
            (&Method::GET, Some(_)) => (StatusCode::OK, state.lease.clone().unwrap()),
            (&Method::GET | &Method::PUT, None) => refusal(StatusCode::NOT_FOUND),
            (&Method::POST, Some(_)) => refusal(StatusCode::CONFLICT),
            (&Method::PUT, there) if there != named => refusal(StatusCode::CONFLICT),
            _ => (StatusCode::OK, state.store(body)),
        }
    }

    /// What somebody else does to the object.
    fn edit(&self, edit: impl FnOnce(&mut Option<Value>)) {
        let mut state = self.0.lock().unwrap();
        let mut lease = state.lease.take();
        edit(&mut lease);
        if let Some(lease) = lease {
            state.store(lease);
        }
    }

    fn holder(&self) -> String {
        let state = self.0.lock().unwrap();
        let lease = state.lease.as_ref().unwrap();
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }
}

impl State {
    fn store(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }
}

fn refusal(code: StatusCode) -> (StatusCode, Value) {
    let message = code.canonical_reason().unwrap_or_default();
    // Clients tell an object that is not there by the reason, which is one word.
    let reason = message.replace(' ', "");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code.as_u16(), "message": message, "reason": reason});
    (code, status)
}

fn election(server: &Arc<Server>, me: &str) -> (Election, Route) {
    let (client, route) = server.client();
    let election = Election::new(client, "kube-system", "vk-triton-n", Identity::named(me))
        .with_death_check(Arc::new(|_| Life::Possible));
    (election, route)
}

/// Stands by in the background.
fn standing_by(election: Election) -> JoinHandle<Term> {
    tokio::spawn(
        async move { election.stand_by(&CancellationToken::new()).await.unwrap().unwrap() },
    )
}

async fn elected(election: &Election) -> Term {
    election.stand_by(&CancellationToken::new()).await.unwrap().unwrap()
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn one_acts_and_the_other_stands_by() {
    let server = Arc::new(Server::default());
    let (a, b) = (election(&server, "a").0, election(&server, "b").0);
    let term = elected(&a).await;
    let other = standing_by(b);
    for _ in 0..600 {
        seconds(1).await;
        assert!(term.fence().check().is_ok() && !term.lost().is_cancelled());
    }
    assert!(!other.is_finished());
    assert_eq!(server.holder(), "a");
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_vanishes_is_replaced_within_twenty_seconds() {
    let server = Arc::new(Server::default());
    let (a, b) = (election(&server, "a").0, election(&server, "b").0);
    let term = elected(&a).await;
    let other = standing_by(b);
    seconds(60).await;
    let (fence, vanished) = (term.fence().clone(), Instant::now());
    drop(term);
    let next = other.await.unwrap();
    let took = vanished.elapsed();
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(20), "{took:?}");
    assert!(fence.check().is_err() && next.fence().check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let server = Arc::new(Server::default());
    let (a, b) = (election(&server, "a").0, election(&server, "b").0);
    let term = elected(&a).await;
    let other = standing_by(b);
    seconds(60).await;
    let (fence, asked) = (term.fence().clone(), Instant::now());
    term.resign().await;
    assert_eq!(server.holder(), "");
    assert!(fence.check().is_err());
    other.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_stops_acting_before_anybody_else_begins() {
    let server = Arc::new(Server::default());
    let ((a, way), (b, _)) = (election(&server, "a"), election(&server, "b"));
    let term = elected(&a).await;
    let other = standing_by(b);
    seconds(30).await;
    *way.lock().unwrap() = Way::Cut;
    let mut closed_at = None;
    while !other.is_finished() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if !term.fence().is_open() {
            closed_at.get_or_insert(Instant::now());
        }
    }
    let gap = closed_at.expect("it stopped first").elapsed();
    assert!(gap >= Duration::from_secs(2), "what was on the wire had {gap:?} to arrive");
    let next = other.await.unwrap();
    assert!(!term.lost().is_cancelled(), "it cannot know yet");
    *way.lock().unwrap() = Way::Open;
    term.lost().cancelled().await;
    assert!(term.fence().check().is_err() && next.fence().check().is_ok());
    assert_eq!(server.holder(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_nobody_replaced_meanwhile_goes_on() {
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    let term = elected(&a).await;
    *way.lock().unwrap() = Way::Cut;
    seconds(3600).await;
    assert!(term.fence().check().is_err(), "it does not act on a lease that it cannot renew");
    *way.lock().unwrap() = Way::Open;
    seconds(10).await;
    assert!(term.fence().check().is_ok() && !term.lost().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_known_for_our_own() {
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    let term = elected(&a).await;
    *way.lock().unwrap() = Way::NoAnswers;
    seconds(7).await;
    *way.lock().unwrap() = Way::Open;
    seconds(8).await;
    assert!(term.fence().check().is_ok() && !term.lost().is_cancelled());
    assert_eq!(server.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn an_election_whose_answer_was_lost_is_won_with_the_next_look() {
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    let waiting = standing_by(a);
    *way.lock().unwrap() = Way::NoAnswers;
    seconds(12).await;
    *way.lock().unwrap() = Way::Open;
    let begun = Instant::now();
    assert!(waiting.await.unwrap().fence().check().is_ok());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it waited for itself: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_label_on_the_lease_costs_nothing_and_a_deleted_lease_costs_the_term() {
    let server = Arc::new(Server::default());
    let term = elected(&election(&server, "a").0).await;
    server.edit(|lease| lease.as_mut().unwrap()["metadata"]["labels"] = json!({"team": "red"}));
    seconds(10).await;
    assert!(term.fence().check().is_ok() && !term.lost().is_cancelled());
    server.edit(|lease| *lease = None);
    seconds(10).await;
    assert!(term.fence().check().is_err() && term.lost().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn of_a_deleted_lease_nobody_else_makes_use_while_its_holder_acts() {
    let server = Arc::new(Server::default());
    let term = elected(&election(&server, "a").0).await;
    let other = standing_by(election(&server, "b").0);
    seconds(9).await;
    server.edit(|lease| *lease = None);
    while term.fence().check().is_ok() {
        assert!(!other.is_finished());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let next = other.await.unwrap();
    assert!(!next.is_first && next.fence().check().is_ok());
}

/// A client of a server that answers every question after the Node so.
fn asked_for_nodes(status: StatusCode) -> Client {
    let service = tower::service_fn(move |request: Request<KubeBody>| async move {
        assert_eq!(request.uri().path(), "/api/v1/nodes/triton");
        let answer = match status {
            StatusCode::OK => json!({"metadata": {"name": "triton"}}),
            _ => refusal(status).1,
        };
        let response = Response::builder().status(status);
        Ok::<_, Infallible>(response.body(Body::from(answer.to_string())).unwrap())
    });
    Client::new(service, "default")
}

#[tokio::test(start_paused = true)]
async fn nobody_acted_before_whoever_made_the_lease_while_there_was_no_node() {
    let server = Arc::new(Server::default());
    let term = elected(&election(&server, "a").0).await;
    let acted = async |term: &Term, status| {
        !term.nobody_acted_before(&asked_for_nodes(status), "triton").await
    };
    assert!(!acted(&term, StatusCode::NOT_FOUND).await);
    assert!(
        acted(&term, StatusCode::OK).await,
        "somebody registered it, and its Lease was deleted"
    );
    assert!(acted(&term, StatusCode::INTERNAL_SERVER_ERROR).await, "nobody can say");
    term.resign().await;
    let second = elected(&election(&server, "b").0).await;
    assert!(acted(&second, StatusCode::NOT_FOUND).await, "the Lease was there");
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lease_is_not_taken_back() {
    let server = Arc::new(Server::default());
    let term = elected(&election(&server, "a").0).await;
    server.edit(|lease| lease.as_mut().unwrap()["spec"]["holderIdentity"] = json!("thief"));
    // Its time is not over: it is the theft that ends it.
    seconds(5).await;
    assert!(term.fence().check().is_err() && term.lost().is_cancelled());
    term.resign().await;
    assert_eq!(server.holder(), "thief");
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_at_once() {
    let server = Arc::new(Server::default());
    drop(elected(&election(&server, "a").0).await);
    let death_check: DeathCheck = Arc::new(|holder| match holder.as_str() {
        "a" => Life::Over,
        _ => Life::Possible,
    });
    let begun = Instant::now();
    let b = election(&server, "b").0.with_death_check(death_check);
    assert!(elected(&b).await.fence().check().is_ok());
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_try_at_once_one_is_elected() {
    let server = Arc::new(Server::default());
    let mut waiting: Vec<_> =
        ["a", "b", "c"].map(|name| standing_by(election(&server, name).0)).into_iter().collect();
    seconds(120).await;
    waiting.retain(|one| !one.is_finished());
    assert_eq!(waiting.len(), 2);
    waiting.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_after_a_while_but_one_that_goes_later_is_waited_for() {
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    for refused in [Way::Forbidden, Way::NoNamespace] {
        *way.lock().unwrap() = refused;
        let error = a.stand_by(&CancellationToken::new()).await.unwrap_err().to_string();
        assert!(error.contains("kube-system/vk-triton-n") && error.contains("leases"), "{error}");
    }

    // An API server that has just begun knows no rights yet.
    let early = standing_by(a.clone());
    seconds(20).await;
    *way.lock().unwrap() = Way::Open;
    drop(early.await.unwrap());
    seconds(60).await;
    let term = elected(&election(&server, "b").0).await;
    let waiting = standing_by(a);
    seconds(5).await;
    *way.lock().unwrap() = Way::Forbidden;
    seconds(60).await;
    *way.lock().unwrap() = Way::Open;
    drop(term);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn standing_by_ends_when_told_to() {
    let server = Arc::new(Server::default());
    let _term = elected(&election(&server, "a").0).await;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let b = election(&server, "b").0;
    let waiting = tokio::spawn(async move { b.stand_by(&token).await });
    seconds(30).await;
    shutdown.cancel();
    assert!(waiting.await.unwrap().unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_right_to_act_counts_from_when_a_renewal_was_asked_for() {
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    *way.lock().unwrap() = Way::Slow(Duration::from_secs(4));
    let asked = Instant::now();
    let term = elected(&a).await;
    *way.lock().unwrap() = Way::Cut;
    assert!(asked.elapsed() >= Duration::from_secs(8), "one read and one write");
    // The write was asked for 4 s ago: 6 s are left, not 10.
    tokio::time::sleep(Duration::from_millis(5900)).await;
    assert!(term.fence().check().is_ok());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(term.fence().check().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_answered_late_lengthens_the_right_to_act_by_no_more_than_it_would_have()
{
    let server = Arc::new(Server::default());
    let (a, way) = election(&server, "a");
    let term = elected(&a).await;
    *way.lock().unwrap() = Way::Slow(Duration::from_secs(4));
    let version = || server.0.lock().unwrap().version;
    let before = version();
    while version() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = Instant::now();
    *way.lock().unwrap() = Way::Cut;
    tokio::time::sleep_until(asked + Duration::from_millis(9900)).await;
    assert!(term.fence().check().is_ok());
    tokio::time::sleep_until(asked + Duration::from_millis(10_100)).await;
    assert!(term.fence().check().is_err());
}

/// One process after another on one way to the server: each stands by, acts for a while, and crashes or resigns.
async fn lives(
    server: Arc<Server>,
    route: Route,
    fences: Arc<Mutex<Vec<Fence>>>,
    mut luck: StdRng,
) {
    loop {
        let me = Identity::named(format!("{:x}", luck.random::<u64>()));
        let client = server.client_by(&route);
        let election = Election::new(client, "kube-system", "vk-triton-n", me)
            .with_death_check(Arc::new(|_| Life::Possible));
        let Ok(Some(term)) = election.stand_by(&CancellationToken::new()).await else {
            // It ended at the start, and is started again.
            seconds(1).await;
            continue;
        };
        fences.lock().unwrap().push(term.fence().clone());
        let time = Duration::from_secs(luck.random_range(1..180));
        let lost = term.lost().clone();
        let acts_on = tokio::time::timeout(time, lost.cancelled()).await.is_err();
        if acts_on && luck.random_bool(0.5) {
            term.resign().await;
        }
    }
}

fn some_way(luck: &mut StdRng) -> Way {
    let by = Duration::from_millis(luck.random_range(10..40_000));
    match luck.random_range(0..8) {
        0 | 1 => Way::Cut,
        2 => Way::NoAnswers,
        3 => Way::Late(by),
        4 => Way::Slow(by / 8),
        5 => Way::Forbidden,
        _ => Way::Open,
    }
}

/// Whatever networks do, in any order: no two fences are ever open at once, and in the end one is.
#[tokio::test(start_paused = true)]
async fn never_do_two_act_and_in_the_end_one_does() {
    let mut terms = 0;
    for seed in 0..8 {
        let mut luck = StdRng::seed_from_u64(seed);
        let server = Arc::new(Server::default());
        let fences: Arc<Mutex<Vec<Fence>>> = Arc::default();
        let routes: [Route; 3] = Default::default();
        let mut running = tokio::task::JoinSet::new();
        for route in &routes {
            let luck = StdRng::seed_from_u64(luck.random());
            running.spawn(lives(Arc::clone(&server), Arc::clone(route), Arc::clone(&fences), luck));
        }
        let open = || fences.lock().unwrap().iter().filter(|fence| fence.is_open()).count();
        for tick in 0..6_000 {
            if tick % 20 == 0 {
                *routes[luck.random_range(0..3)].lock().unwrap() = some_way(&mut luck);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(open() <= 1, "seed {seed}, tick {tick}: {} act at once", open());
        }
        terms += fences.lock().unwrap().len();
        for route in &routes {
            *route.lock().unwrap() = Way::Open;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while open() != 1 {
            assert!(Instant::now() < deadline, "seed {seed}: nobody acts");
            seconds(1).await;
        }
        running.shutdown().await;
    }
    assert!(terms > 80, "only {terms} terms: the test has no teeth");
}
