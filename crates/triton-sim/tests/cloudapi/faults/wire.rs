//! Headers and bytes of answers, on a real socket.

use std::io::ErrorKind;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use triton_sim::{Fault, FaultKind, FaultScope, Running, TlsIdentity};

use super::{caller_with, check_struck, kinds};
use crate::caller::Caller;
use crate::tls;

pub(super) async fn serve(caller: &Caller) -> Running {
    caller.sim.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

/// A signed GET as HTTP/1.1 writes it.
pub(super) async fn get_text(caller: &Caller, target: &str) -> String {
    let request = caller.request("GET", target, 0).await.body(()).unwrap();
    let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let (date, authorization) = (text("date"), text("authorization"));
    format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\ndate: {date}\r\nauthorization: {authorization}\r\n\r\n"
    )
}

/// Everything that comes until the connection ends, and whether it ended by a reset.
async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> (String, bool) {
    let mut bytes = Vec::new();
    let is_reset = match stream.read_to_end(&mut bytes).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            true
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), is_reset)
}

/// Reads until the text is there.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(wanted) {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "ended before {wanted}");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn header(answer: &str, name: &str) -> Option<String> {
    let head = answer.split("\r\n\r\n").next()?;
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
    Some(line[name.len() + 1..].trim().to_owned())
}

/// Asks for the account with one fault set, and looks at the bytes.
async fn check(kind: FaultKind) {
    let short = Duration::from_millis(1);
    let fault = Fault::default().times(1).delay(short).size(9000);
    let caller = caller_with(kind, fault);
    let spoiled = caller.try_get("/my/config").await;
    assert_eq!(spoiled.is_none(), kind == FaultKind::AnswerCut);
    check_struck(&caller, kind);
    caller.sim.clear_faults();
    let whole = caller.get("/my/config").await.bytes;
    let whole = String::from_utf8_lossy(&whole);
    caller.sim.fault(kind, Fault::default().times(1).delay(short).size(9000));
    let running = serve(&caller).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(get_text(&caller, "/my/config").await.as_bytes()).await.unwrap();
    let length = whole.len().to_string();
    match kind {
        FaultKind::AnswerCut => {
            let (answer, is_reset) = read_all(&mut stream).await;
            assert_eq!(header(&answer, "content-length"), Some(length));
            assert!(is_reset && answer.ends_with(&whole[..whole.len() / 2]), "{answer}");
        }
        FaultKind::SlowLoris => {
            let mut reads = 0;
            let mut bytes = Vec::new();
            while !bytes.ends_with(whole.as_bytes()) {
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
                reads += 1;
            }
            assert!(reads > whole.len() / 4, "{reads} reads for {length} bytes");
        }
        FaultKind::ContentLengthLong => {
            let (answer, _) = read_all(&mut stream).await;
            assert_eq!(header(&answer, "content-length"), Some((whole.len() + 100).to_string()));
            assert!(answer.ends_with(&*whole), "{answer}");
        }
        FaultKind::ContentLengthShort => {
            let (answer, _) = read_all(&mut stream).await;
            assert_eq!(header(&answer, "content-length"), Some((whole.len() / 2).to_string()));
            assert!(answer.ends_with(&*whole), "{answer}");
        }
        FaultKind::NotHttp => {
            let (answer, _) = read_all(&mut stream).await;
            assert!(answer.starts_with("220 "), "{answer}");
        }
        FaultKind::LargeHeader => {
            let answer = read_until(&mut stream, &whole).await;
            assert_eq!(header(&answer, "x-sim-padding").map(|value| value.len()), Some(9000));
        }
        FaultKind::ConnectionClose => {
            let (answer, is_reset) = read_all(&mut stream).await;
            assert_eq!(header(&answer, "connection").as_deref(), Some("close"));
            assert!(!is_reset && answer.ends_with(&*whole));
        }
        FaultKind::NoDate => {
            assert_eq!(header(&read_until(&mut stream, &whole).await, "date"), None);
        }
        FaultKind::WrongDate => {
            caller.sim.fault(kind, Fault::default());
            stream.write_all(get_text(&caller, "/my").await.as_bytes()).await.unwrap();
            let answer = read_until(&mut stream, "\"login\"").await;
            let answer = answer.split_once("HTTP/1.1 200 OK\r\n").unwrap().1;
            let second = answer.split_once("HTTP/1.1 200 OK\r\n").map_or(answer, |(_, rest)| rest);
            let date = httpdate::parse_http_date(&header(second, "date").unwrap()).unwrap();
            let ahead = date.duration_since(caller.sim.now().into()).unwrap();
            assert!(ahead > Duration::from_secs(86_000), "{ahead:?}");
        }
        FaultKind::UnknownApiVersion => {
            let answer = read_until(&mut stream, &whole).await;
            assert_eq!(header(&answer, "api-version").as_deref(), Some("99.0.0"));
        }
        FaultKind::ConnectionDies => {
            // Dead after a millisecond is closed: the answer is whole, and what is asked next is not heard.
            let (answer, is_reset) = read_all(&mut stream).await;
            assert!(!is_reset && answer.ends_with(&*whole), "{answer}");
            assert_eq!(header(&answer, "connection"), None, "nobody said that it would");
        }
        FaultKind::IdleClosed => {
            let (answer, is_reset) = read_all(&mut stream).await;
            let (ours, unasked) = answer.split_once("HTTP/1.1 408 Request Timeout\r\n").unwrap();
            assert!(ours.ends_with(&*whole) && !is_reset);
            assert!(unasked.ends_with('}') && unasked.contains("IdleClientError"), "{unasked}");
            assert_eq!(header(unasked, "connection").as_deref(), Some("close"));
        }
        other => panic!("{other} has no row"),
    }
    assert_eq!(caller.sim.journal().last().unwrap().struck, [kind]);
}

#[tokio::test]
async fn each_kind_shows_in_the_bytes() {
    for kind in kinds(FaultScope::Wire) {
        check(kind).await;
    }
}

#[tokio::test]
async fn a_connection_that_died_hears_nothing() {
    let fault = Fault::default().times(1).delay(Duration::from_secs(3600));
    let caller = caller_with(FaultKind::ConnectionDies, fault);
    let running = serve(&caller).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(TcpStream::connect(running.address()).await.unwrap());
    }
    let (text, mut dead) = (get_text(&caller, "/my").await, streams.remove(0));
    dead.write_all(text.as_bytes()).await.unwrap();
    read_until(&mut dead, "\"login\"").await;
    dead.write_all(text.as_bytes()).await.unwrap();
    // Somebody else is answered, who asks later.
    streams[0].write_all(text.as_bytes()).await.unwrap();
    read_until(&mut streams[0], "\"login\"").await;
    assert_eq!(caller.sim.journal().len(), 2);
    let nothing = dead.try_read(&mut [0; 8]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_idle_connection_that_is_used_in_time_stays() {
    let fault = Fault::default().times(1).delay(Duration::from_secs(3600));
    let caller = caller_with(FaultKind::IdleClosed, fault);
    let running = serve(&caller).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(get_text(&caller, "/my").await.as_bytes()).await.unwrap();
        read_until(&mut stream, "\"login\"").await;
    }
    assert_eq!(caller.sim.journal().len(), 2);
}

#[tokio::test]
async fn a_request_that_is_reset_gets_no_byte() {
    for kind in
        [FaultKind::ResetBeforeBody, FaultKind::ResetBeforeCommit, FaultKind::AnswerLostAfterCommit]
    {
        let caller = caller_with(kind, Fault::default());
        let running = serve(&caller).await;
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(get_text(&caller, "/my").await.as_bytes()).await.unwrap();
        assert_eq!(read_all(&mut stream).await, (String::new(), true), "{kind}");
    }
}

#[tokio::test]
async fn within_tls_connections_end_as_they_do_without() {
    let name = ServerName::try_from("localhost").unwrap();
    for (kind, expected, is_reset) in [
        (FaultKind::ResetBeforeCommit, "", true),
        (FaultKind::AnswerCut, "HTTP/1.1 200 OK", true),
        (FaultKind::NotHttp, "220 ", false),
        (FaultKind::IdleClosed, "HTTP/1.1 408 Request Timeout", false),
    ] {
        let caller = Caller::new();
        let identity = TlsIdentity::self_signed(caller.sim.now()).unwrap();
        let running = tls::serve(&caller, &identity).await;
        let connector = tls::trusting(identity.ca_pem().unwrap(), &[]);
        let stream = TcpStream::connect(running.address()).await.unwrap();
        let mut stream = connector.connect(name.clone(), stream).await.unwrap();
        caller.sim.fault(kind, Fault::default().delay(Duration::from_millis(1)));
        stream.write_all(get_text(&caller, "/my").await.as_bytes()).await.unwrap();
        let (answer, was_reset) = read_all(&mut stream).await;
        assert!(answer.contains(expected), "{kind}: {answer}");
        assert_eq!(was_reset, is_reset, "{kind}");
    }
}
