//! Rows of the kubelet's `http_test.go`, against servers that show the very bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::probe::Handler;
use crate::{Ask, NetworkProber, Prober as _};

/// Long enough never to matter.
const TIMEOUT: Duration = Duration::from_secs(30);

type Reply = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A server that answers each request by its text, and remembers it.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Server {
    async fn start(reply: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(reply)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, reply: Arc<Reply>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    Some(tls) => serve(tls.accept(stream).await.unwrap(), &seen, &*reply).await,
                    None => serve(stream, &seen, &*reply).await,
                }
            }
        });
        Self { port, requests, _task: task }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Outcome {
        self.ask_as(Scheme::Http, path, headers).await
    }

    async fn ask_as(&self, scheme: Scheme, path: &str, headers: &[(&str, &str)]) -> Outcome {
        ask_port(scheme, self.port, path, headers, TIMEOUT).await
    }
}

async fn ask_port(
    scheme: Scheme,
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    timeout: Duration,
) -> Outcome {
    let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let handler = Handler::HttpGet { scheme, host: None, port, path: path.into(), headers };
    let prober = NetworkProber::new().unwrap();
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    prober.ask(Ask { target: "a", handler: &handler, address, timeout }).await
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Mutex<Vec<String>>,
    reply: &Reply,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    seen.lock().unwrap().push(request.clone());
    // A probe that has what it wants may be gone already.
    let _ = stream.write_all(&reply(&request)).await;
    let _ = stream.shutdown().await;
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Text\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into()
}

fn path_of(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

fn failure(status: u16) -> Outcome {
    Outcome::Failure(format!("HTTP probe failed with statuscode: {status}"))
}

fn success(body: &str) -> Outcome {
    Outcome::Success(body.into())
}

fn ended(body: &str) -> Outcome {
    Outcome::Warning(format!("Probe terminated redirects, Response body: {body}"))
}

mod judging {
    use super::*;

    #[tokio::test]
    async fn two_hundreds_are_success_and_from_four_hundred_on_it_is_failure() {
        for (status, expected) in [
            (200, success("body")),
            (299, success("body")),
            (300, ended("body")),
            (399, ended("body")),
            (400, failure(400)),
            (500, failure(500)),
            (503, failure(503)),
        ] {
            let server = Server::start(move |_| answer(status, "", "body")).await;
            assert_eq!(server.ask("/", &[]).await, expected);
        }
    }

    #[tokio::test]
    async fn what_speaks_no_http_is_failure() {
        for broken in ["HTTP/1.1 -1 Broken\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", ""] {
            let server = Server::start(move |_| broken.into()).await;
            let outcome = server.ask("/", &[]).await;
            assert!(matches!(outcome, Outcome::Failure(_)), "{outcome}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_failure_and_says_why() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let outcome = ask_port(Scheme::Http, port, "/x?token=1", &[], TIMEOUT).await;
        let place = format!("127.0.0.1:{port}");
        let text = format!("Get \"http://{place}/x\": dial tcp {place}: connection refused");
        assert_eq!(outcome, Outcome::Failure(text));
    }

    #[tokio::test]
    async fn no_answer_within_the_timeout_is_failure() {
        // Accepted by the backlog, and never answered.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let timeout = Duration::from_millis(20);
        for scheme in [Scheme::Http, Scheme::Https] {
            let outcome = ask_port(scheme, port, "/", &[], timeout).await;
            let Outcome::Failure(text) = outcome else { panic!("{outcome}") };
            assert!(text.ends_with("no answer within 20ms"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_body_of_up_to_ten_kibibytes_is_kept_and_more_is_cut() {
        for (sent, kept) in [(10_239, 10_239), (10_240, 10_240), (10_241, 10_240), (90_000, 10_240)]
        {
            let server = Server::start(move |_| answer(200, "", &"x".repeat(sent))).await;
            assert_eq!(server.ask("/", &[]).await, success(&"x".repeat(kept)));
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_counts_neither_way() {
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
        let server = Server::start(|_| cut.to_vec()).await;
        let outcome = server.ask("/", &[]).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome}");
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let server = Server::start(|_| b"HTTP/1.0 200 OK\r\n\r\nold".to_vec()).await;
        assert_eq!(server.ask("/", &[]).await, success("old"));
    }
}

mod asking {
    use super::*;

    /// The header lines the server sees, sorted, without Host.
    async fn check(headers: &[(&str, &str)], expected: &[&str]) {
        let server = Server::start(|_| answer(200, "", "")).await;
        assert_eq!(server.ask("/", headers).await, success(""));
        let request = server.requests().remove(0);
        let lines = request.trim_end().lines().skip(1);
        let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("Host: ")).collect();
        lines.sort_unstable();
        assert_eq!(lines, expected);
    }

    const ANY: &str = "Accept: */*";
    const CLOSE: &str = "Connection: close";
    const AGENT: &str = "User-Agent: kube-probe/1.37";

    #[tokio::test]
    async fn three_headers_are_sent_and_no_more() {
        check(&[], &[ANY, CLOSE, AGENT]).await;
    }

    #[tokio::test]
    async fn the_users_headers_are_sent_as_given() {
        let encoding = "Accept-Encoding: gzip";
        check(&[("Accept-Encoding", "gzip")], &[encoding, ANY, CLOSE, AGENT]).await;
        let muffins = "X-Muffins-Or-Cupcakes: muffins";
        check(&[("X-Muffins-Or-Cupcakes", "muffins")], &[ANY, CLOSE, AGENT, muffins]).await;
        check(&[("User-Agent", "foo/1.0")], &[ANY, CLOSE, "User-Agent: foo/1.0"]).await;
        check(&[("Accept", "text/html")], &["Accept: text/html", CLOSE, AGENT]).await;
        let both = [("Accept", "foo/*"), ("User-Agent", "foo/1.0")];
        check(&both, &["Accept: foo/*", CLOSE, "User-Agent: foo/1.0"]).await;
        for value in ["foo", ""] {
            let line = format!("Accept-Encoding: {value}");
            check(&[("Accept-Encoding", value)], &[&line, ANY, CLOSE, AGENT]).await;
        }
    }

    #[tokio::test]
    async fn names_are_spelled_canonically_and_repeated_ones_kept() {
        let twice = [("FOO-bAR", "1"), ("foo-bar", "2")];
        check(&twice, &[ANY, CLOSE, "Foo-Bar: 1", "Foo-Bar: 2", AGENT]).await;
    }

    #[tokio::test]
    async fn an_empty_agent_or_accept_is_none() {
        check(&[("User-Agent", "")], &[ANY, CLOSE]).await;
        check(&[("Accept", ""), ("User-Agent", "foo/1.0")], &[CLOSE, "User-Agent: foo/1.0"]).await;
    }

    #[tokio::test]
    async fn the_host_is_the_one_dialled_unless_the_probe_has_its_own() {
        let server = Server::start(|_| answer(200, "", "")).await;
        server.ask("/", &[]).await;
        server.ask("/", &[("HOST", "muffins.cupcakes.org")]).await;
        let requests = server.requests();
        assert!(requests[0].contains(&format!("\r\nHost: 127.0.0.1:{}\r\n", server.port)));
        assert!(requests[1].contains("\r\nHost: muffins.cupcakes.org\r\n"));
    }

    #[tokio::test]
    async fn the_request_line_has_path_and_query() {
        let server = Server::start(|_| answer(200, "", "")).await;
        for (path, line) in [
            ("", "GET / HTTP/1.1"),
            ("/path?bar", "GET /path?bar HTTP/1.1"),
            ("?foo", "GET /?foo HTTP/1.1"),
            ("healthz", "GET /healthz HTTP/1.1"),
        ] {
            server.ask(path, &[]).await;
            assert_eq!(server.requests().pop().unwrap().lines().next(), Some(line));
        }
    }

    /// The environment is that of the process, so the questions are asked by another one.
    #[test]
    fn a_proxy_in_the_environment_is_not_asked() {
        let rows =
            "http::tests::judging::two_hundreds_are_success_and_from_four_hundred_on_it_is_failure";
        let proxies = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"];
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args([rows, "--exact"])
            .envs(proxies.map(|name| (name, "http://127.0.0.1:9")))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    }

    #[tokio::test]
    async fn a_header_that_cannot_be_sent_is_failure_and_nothing_is_sent() {
        let server = Server::start(|_| answer(200, "", "")).await;
        let outcome = server.ask("/", &[("bad name", "secret")]).await;
        let Outcome::Failure(text) = outcome else { panic!("{outcome}") };
        assert!(text.ends_with("invalid header field name \"bad name\""), "{text}");
        assert_eq!(server.requests().len(), 0);
    }

    #[tokio::test]
    async fn a_host_given_by_the_probe_is_dialled_instead_of_the_target() {
        let server = Server::start(|_| answer(200, "", "here")).await;
        let handler = Handler::HttpGet {
            scheme: Scheme::Http,
            host: Some("localhost".into()),
            port: server.port,
            path: "/".into(),
            headers: Vec::new(),
        };
        let nowhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let ask = Ask { target: "a", handler: &handler, address: nowhere, timeout: TIMEOUT };
        let outcome = NetworkProber::new().unwrap().ask(ask).await;
        assert_eq!(outcome, success("here"));
    }
}

mod redirecting {
    use super::*;

    const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

    /// A server that sends `/` to `location` and answers other paths by their names.
    async fn check(status: u16, location: String, expected: &Outcome) {
        let server = Server::start(move |request| match path_of(request) {
            "/" => answer(status, &format!("Location: {location}\r\n"), "moved"),
            "/new" => answer(200, "", "new"),
            "/fail" => answer(500, "", ""),
            _ => answer(404, "", ""),
        })
        .await;
        assert_eq!(&server.ask("/", &[]).await, expected, "{status}");
    }

    #[tokio::test]
    async fn a_redirect_on_the_same_host_is_followed() {
        for status in STATUSES {
            check(status, "/new".into(), &success("new")).await;
            check(status, "/fail".into(), &failure(500)).await;
        }
    }

    #[tokio::test]
    async fn another_port_of_the_same_host_is_the_same_host() {
        let other = Server::start(|request| match path_of(request) {
            "/new" => answer(200, "", "other"),
            _ => answer(500, "", ""),
        })
        .await;
        let location = |path| format!("http://127.0.0.1:{}{path}", other.port);
        check(302, location("/new"), &success("other")).await;
        check(302, location("/fail"), &failure(500)).await;
    }

    #[tokio::test]
    async fn another_host_is_not_asked_and_that_is_a_warning() {
        for status in STATUSES {
            check(status, "http://0.0.0.0/fail".into(), &ended("moved")).await;
        }
    }

    #[tokio::test]
    async fn a_location_that_leads_nowhere_is_a_warning() {
        check(308, "ftp://127.0.0.1/".into(), &ended("moved")).await;
        check(302, String::new(), &ended("moved")).await;
    }

    #[tokio::test]
    async fn a_redirect_without_a_location_is_a_warning() {
        for body in ["", "ok body"] {
            let server = Server::start(move |request| match path_of(request) {
                "/" => answer(308, "Location: /new\r\n", ""),
                _ => answer(308, "", body),
            })
            .await;
            assert_eq!(server.ask("/", &[]).await, ended(body));
        }
    }

    #[tokio::test]
    async fn a_loop_ends_after_ten_requests() {
        let server = Server::start(|_| answer(302, "Location: /\r\n", "")).await;
        let outcome = server.ask("/", &[]).await;
        let Outcome::Failure(text) = outcome else { panic!("{outcome}") };
        assert!(text.ends_with("stopped after 10 redirects"), "{text}");
        assert_eq!(server.requests().len(), MAX_REQUESTS);
    }

    #[tokio::test]
    async fn headers_and_host_are_kept_on_the_way() {
        let server = Server::start(|request| match path_of(request) {
            "/" => answer(302, "Location: /new\r\n", ""),
            _ if request.contains("\r\nHost: muffins\r\n") => answer(200, "", ""),
            _ => answer(400, "", ""),
        })
        .await;
        assert_eq!(server.ask("/", &[("Host", "muffins"), ("X-A", "1")]).await, success(""));
        assert_eq!(server.ask("/", &[("Host", "cakes")]).await, failure(400));
        assert!(server.requests()[1].contains("\r\nX-A: 1\r\n"));
    }
}

mod over_tls {
    use super::*;

    async fn start() -> Server {
        let name = "somebody.else.example".to_owned();
        let certified = rcgen::generate_simple_self_signed([name]).unwrap();
        let key = certified.signing_key.serialize_der().try_into().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Server::listen(Some(acceptor), Arc::new(|_: &str| answer(200, "", "tls"))).await
    }

    #[tokio::test]
    async fn any_certificate_is_accepted() {
        assert_eq!(start().await.ask_as(Scheme::Https, "/", &[]).await, success("tls"));
    }

    #[tokio::test]
    async fn tls_to_a_plain_server_is_failure() {
        // It answers before it is asked, as servers do to what they cannot read.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&answer(400, "", "")).await.unwrap();
            stream
        };
        let ask = ask_port(Scheme::Https, port, "/", &[], TIMEOUT);
        let (outcome, _stream) = tokio::join!(ask, plain);
        assert!(matches!(outcome, Outcome::Failure(_)), "{outcome}");
    }
}
