use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use triton_signature::PrivateKey;

use super::*;

/// The example key of RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

/// Signs by a clock that stands where it was put.
fn signing() -> (Signing, Arc<AtomicU64>) {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let key_id = KeyId::new("acme", key.public_key().md5_fingerprint());
    let seconds = Arc::new(AtomicU64::new(1_000_000_000));
    let clock = Arc::clone(&seconds);
    let clock: Clock = Arc::new(move || {
        SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed))
    });
    (Signing::new(key.into(), key_id, clock), seconds)
}

#[tokio::test]
async fn each_second_and_each_target_has_its_own_signature() {
    let (signing, seconds) = signing();
    let first = signing.headers("GET", "/acme/machines").await.unwrap();
    assert_eq!(first.date, "Sun, 09 Sep 2001 01:46:40 GMT");
    assert!(
        first.authorization.starts_with("Signature keyId=\"/acme/keys/"),
        "{}",
        first.authorization
    );
    assert_eq!(signing.headers("GET", "/acme/machines").await.unwrap(), first);
    let other = signing.headers("GET", "/acme/images").await.unwrap();
    assert_ne!(other.authorization, first.authorization);
    seconds.fetch_add(1, Ordering::Relaxed);
    let later = signing.headers("GET", "/acme/machines").await.unwrap();
    assert_ne!(later.date, first.date);
    assert_ne!(later.authorization, first.authorization);
}

#[tokio::test]
async fn the_servers_clock_is_followed_in_both_directions() {
    let (signing, _) = signing();
    let date = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    signing.follow_server_clock(date(1_000_003_600));
    assert_eq!(signing.headers("GET", "/").await.unwrap().date, "Sun, 09 Sep 2001 02:46:40 GMT");
    signing.follow_server_clock(date(999_996_400));
    assert_eq!(signing.headers("GET", "/").await.unwrap().date, "Sun, 09 Sep 2001 00:46:40 GMT");
}

#[tokio::test]
async fn the_cache_does_not_grow_without_end() {
    let (signing, _) = signing();
    for round in 0..CACHED_MAX * 2 + 1 {
        signing.headers("GET", &format!("/{round}")).await.unwrap();
    }
    assert!(signing.cache.lock().unwrap().by_string.len() <= CACHED_MAX);
}

#[test]
fn a_clock_beyond_all_dates_does_not_panic() {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000);
    assert_eq!(httpdate::fmt_http_date(shift(far, 0)), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(shift(SystemTime::UNIX_EPOCH, -10), SystemTime::UNIX_EPOCH);
}
