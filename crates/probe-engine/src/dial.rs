//! Opens connections the way probes want them, and says in words why one did not open.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpStream, lookup_host};

use crate::prober::Outcome;

/// Connects to `host`, an address or a name; to every address of a name in turn, until one accepts.
///
/// The connection is reset when dropped (`SO_LINGER` zero). A probe closes first, so an orderly close would leave its
/// port in TIME_WAIT for a minute: 28 000 ephemeral ports are gone after some 470 probes a second. Nothing is lost by
/// it: a probe has its whole answer when it closes.
///
/// # Errors
/// Of resolving the name, or of the last address tried.
pub(crate) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    if let Some(address) = parse_address(host) {
        return open(SocketAddr::new(address, port)).await;
    }
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "no address of that name");
    for address in lookup_host((host, port)).await? {
        match open(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// The address that `host` spells, with or without the brackets of a URL.
pub(crate) fn parse_address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// `host:port`, with brackets where an IPv6 address needs them.
pub(crate) fn authority(host: &str, port: u16) -> String {
    match parse_address(host) {
        Some(address) => SocketAddr::new(address, port).to_string(),
        None => format!("{host}:{port}"),
    }
}

/// A dial that failed as an outcome: the target's failure, unless it was [we](is_ours) who had no file or port left to
/// try with.
///
/// Here we differ from the kubelet, to which all of it is failure: a node that runs out of file descriptors must not
/// restart everything it watches.
pub(crate) fn dial_failed(message: String, error: &io::Error) -> Outcome {
    if is_ours(error) { Outcome::Unknown(message) } else { Outcome::Failure(message) }
}

/// Why, in a few words: the error and its causes, without the operating system's number.
pub(crate) fn why(error: &(dyn Error + 'static)) -> String {
    let mut words = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let this = match error.downcast_ref::<io::Error>() {
            Some(io) if io.raw_os_error().is_some() => os_words(io),
            _ => error.to_string(),
        };
        if !words.ends_with(&this) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&this);
        }
        next = error.source();
    }
    words
}

/// The operating system's text as a fragment: `Connection refused (os error 111)` is `connection refused`.
fn os_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Whether an error is about this process and not about whom it dials.
pub(crate) fn is_ours(error: &io::Error) -> bool {
    // The same numbers on Linux, illumos, the BSDs and macOS; std has no name for them.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_our_own_files_is_not_the_targets_failure() {
        #[track_caller]
        fn check(errno: i32, words: &str, ours: bool) {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(why(&error), words);
            let outcome = dial_failed(String::new(), &error);
            assert_eq!(matches!(outcome, Outcome::Unknown(_)), ours, "{words}");
        }
        check(24, "too many open files", true);
        check(23, "too many open files in system", true);
        check(111, "connection refused", false);
        check(113, "no route to host", false);
    }

    #[test]
    fn an_ipv6_authority_has_brackets_once() {
        assert_eq!(authority("::1", 80), "[::1]:80");
        assert_eq!(authority("[::1]", 80), "[::1]:80");
        assert_eq!(authority("10.0.0.1", 80), "10.0.0.1:80");
        assert_eq!(authority("db.example.com", 5432), "db.example.com:5432");
    }
}
