use std::sync::atomic::AtomicU64;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use triton_signature::agent::{Agent, AgentError};
use triton_signature::{Fingerprint, PrivateKey};

use super::*;

/// The example key of RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

const DATE: SigningPolicy = SigningPolicy { scope: SigningScope::Date, is_server_known: true };
const REQUEST: SigningPolicy = SigningPolicy { scope: SigningScope::Request, ..DATE };

/// Signs by a clock that stands where it was put.
fn signing_with(signer: Signer, policy: SigningPolicy) -> (Arc<Signing>, Arc<AtomicU64>) {
    let key_id = KeyId::new("acme", signer.public_key().md5_fingerprint());
    let seconds = Arc::new(AtomicU64::new(1_000_000_000));
    let clock = Arc::clone(&seconds);
    let clock: Clock =
        Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
    (Arc::new(Signing::new(signer, key_id, policy, clock)), seconds)
}

fn signing(policy: SigningPolicy) -> (Arc<Signing>, Arc<AtomicU64>) {
    signing_with(PrivateKey::from_text(KEY, None).unwrap().into(), policy)
}

#[tokio::test(start_paused = true)]
async fn one_signature_serves_every_request_of_its_second() {
    let (signing, seconds) = signing(DATE);
    let first = signing.headers("GET", "/acme/machines").await.unwrap();
    assert_eq!(first.date, "Sun, 09 Sep 2001 01:46:40 GMT");
    let authorization = &first.authorization;
    assert!(authorization.starts_with("Signature keyId=\"/acme/keys/"), "{authorization}");
    assert!(authorization.contains("headers=\"date\""), "{authorization}");
    assert_eq!(signing.headers("DELETE", "/acme/machines/1").await.unwrap(), first);
    assert_eq!(signing.made(), 1);
    seconds.fetch_add(5, Ordering::Relaxed);
    let later = signing.headers("GET", "/acme/machines").await.unwrap();
    assert_ne!(later.date, first.date);
    assert_ne!(later.authorization, first.authorization);
    assert_eq!(signing.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_others_can_read_along_each_target_has_its_own_signature() {
    let (signing, _) = signing(REQUEST);
    let first = signing.headers("GET", "/acme/machines").await.unwrap();
    assert!(first.authorization.contains("headers=\"(request-target) date\""));
    assert_eq!(signing.headers("GET", "/acme/machines").await.unwrap(), first);
    let other = signing.headers("POST", "/acme/machines").await.unwrap();
    assert_ne!(other.authorization, first.authorization);
    assert_eq!(signing.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_at_once_need_one_signature() {
    let (signing, _) = signing(DATE);
    let tasks: Vec<_> = (0..100)
        .map(|round| {
            let signing = Arc::clone(&signing);
            tokio::spawn(async move { signing.headers("GET", &format!("/{round}")).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(signing.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_one_signature_go_on_in_the_order_in_which_they_came() {
    let (signing, _) = signing(DATE);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (signing, order) = (Arc::clone(&signing), Arc::clone(&order));
            tokio::spawn(async move {
                signing.headers("GET", "/").await.unwrap();
                order.lock().unwrap().push(number);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn while_requests_flow_the_next_signature_is_ready_and_afterwards_nothing_is_made() {
    let (signing, seconds) = signing(DATE);
    for second in 0..20 {
        for _ in 0..100 {
            signing.headers("GET", "/").await.unwrap();
        }
        // Those made in advance are made by tasks of their own.
        tokio::task::yield_now().await;
        let in_advance = u64::from(second > 0);
        assert_eq!(signing.made(), second + 1 + in_advance);
        seconds.fetch_add(1, Ordering::Relaxed);
    }
    let next = (1_000_000_020, String::new());
    assert!(signing.shared.lock().slots[&next].outcome.get().is_some(), "the next one is there");
    // A minute of silence, and one request a minute after that: each needs one signature and no more.
    for _ in 0..3 {
        seconds.fetch_add(60, Ordering::Relaxed);
        let before = signing.made();
        signing.headers("GET", "/").await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(signing.made(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_leaves_the_signature_to_the_others() {
    let (signing, _) = signing(DATE);
    drop(signing.shared.slot(1_000_000_000, String::new()).unwrap_err());
    signing.headers("GET", "/").await.unwrap();
    assert_eq!(signing.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_servers_clock_is_followed_in_both_directions() {
    let (signing, _) = signing(DATE);
    let date = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    signing.follow_server_clock(date(1_000_003_600));
    assert_eq!(signing.headers("GET", "/").await.unwrap().date, "Sun, 09 Sep 2001 02:46:40 GMT");
    signing.follow_server_clock(date(999_996_400));
    assert_eq!(signing.headers("GET", "/").await.unwrap().date, "Sun, 09 Sep 2001 00:46:40 GMT");
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_followed_unasked_once_it_is_far_enough() {
    let (signing, _) = signing(DATE);
    let date = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    signing.watch_server_clock(date(1_000_000_029));
    assert_eq!(signing.now(), date(1_000_000_000));
    signing.watch_server_clock(date(1_000_000_600));
    assert_eq!(signing.now(), date(1_000_000_600));
    signing.watch_server_clock(date(1_000_000_590));
    assert_eq!(signing.now(), date(1_000_000_600));
    signing.watch_server_clock(date(999_999_400));
    assert_eq!(signing.now(), date(999_999_400));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_may_be_someone_else_cannot_lead_the_clock_far() {
    let (signing, _) = signing(SigningPolicy { is_server_known: false, ..REQUEST });
    let day = u64::try_from(UNTRUSTED_OFFSET_SECONDS_MAX).unwrap();
    let date = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    signing.follow_server_clock(date(1_000_000_000 + 365 * day));
    assert_eq!(signing.now(), date(1_000_000_000 + day));
    signing.follow_server_clock(date(1_000_000_000 - 365 * day));
    assert_eq!(signing.now(), date(1_000_000_000 - day));
}

#[tokio::test(start_paused = true)]
async fn the_cache_does_not_grow_without_end() {
    let (signing, _) = signing(REQUEST);
    for round in 0..CACHED_MAX * 2 + 1 {
        signing.headers("GET", &format!("/{round}")).await.unwrap();
    }
    assert!(signing.shared.lock().slots.len() <= CACHED_MAX);
}

#[test]
fn a_clock_beyond_all_dates_does_not_panic() {
    let far = UNIX_EPOCH + Duration::from_secs(300_000_000_000);
    assert_eq!(httpdate::fmt_http_date(shift(far, 0)), "Fri, 31 Dec 9999 23:59:58 GMT");
    assert_eq!(shift(UNIX_EPOCH, -10), UNIX_EPOCH);
}

/// An agent with the example key that signs with zeros, each time after that many seconds; `None`: hangs up.
async fn agent(dir: &tempfile::TempDir, waits: Vec<Option<u64>>) -> Signer {
    let public = PrivateKey::from_text(KEY, None).unwrap().public_key().clone();
    let socket = dir.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let string =
        |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let list = string(&[&[12, 0, 0, 0, 1][..], &string(public.wire()), &string(b"")].concat());
    let signature = string(&[string(b"ssh-ed25519"), string(&[0; 64])].concat());
    let signed = string(&[&[14][..], &signature].concat());
    tokio::spawn(async move {
        let mut waits = waits.into_iter();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u32().await.unwrap() as usize;
            let mut question = vec![0; length];
            stream.read_exact(&mut question).await.unwrap();
            if question[0] == 11 {
                stream.write_all(&list).await.unwrap();
            } else if let Some(wait) = waits.next().expect("asked no more often than written down")
            {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                stream.write_all(&signed).await.unwrap();
            }
        }
    });
    let wanted: Fingerprint = public.md5_fingerprint().parse().unwrap();
    Agent::new(socket).signer(&wanted).await.unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_asks_its_user_is_asked_once_a_minute_and_never_in_advance() {
    let dir = tempfile::TempDir::new().unwrap();
    let signer = agent(&dir, vec![Some(5), Some(5)]).await;
    let (signing, seconds) = signing_with(signer, DATE);
    let waiting = Arc::clone(&signing);
    let first = tokio::spawn(async move { waiting.headers("GET", "/").await.unwrap() });
    tokio::task::yield_now().await;
    // The user has not answered yet, and the next second's request waits for the same answer.
    seconds.fetch_add(1, Ordering::Relaxed);
    let second = signing.headers("GET", "/").await.unwrap();
    assert_eq!(first.await.unwrap(), second);
    for _ in 0..50 {
        seconds.fetch_add(1, Ordering::Relaxed);
        assert_eq!(signing.headers("GET", "/").await.unwrap(), second);
    }
    assert_eq!(signing.made(), 1);
    seconds.fetch_add(10, Ordering::Relaxed);
    assert_ne!(signing.headers("GET", "/").await.unwrap(), second);
    assert_eq!(signing.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_dies_is_an_error_for_all_who_wait_and_heals_with_the_next_request() {
    let dir = tempfile::TempDir::new().unwrap();
    let signer = agent(&dir, vec![None, Some(0)]).await;
    let (signing, _) = signing_with(signer, DATE);
    let (one, other) = tokio::join!(signing.headers("GET", "/1"), signing.headers("GET", "/2"));
    for outcome in [one, other] {
        let error = outcome.unwrap_err();
        assert!(matches!(*error, SignError::Agent(AgentError::Talk { .. })), "{error:?}");
    }
    signing.headers("GET", "/3").await.unwrap();
    assert_eq!(signing.made(), 2);
}
