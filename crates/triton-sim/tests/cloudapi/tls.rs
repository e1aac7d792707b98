//! CloudAPI over TLS.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use triton_sim::{Running, TlsError, TlsIdentity};

use crate::caller::Caller;

fn trusting(ca_pem: &str, alpn: &[&[u8]]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn serve(caller: &Caller, identity: &TlsIdentity) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    caller.sim.serve_tls(listener, identity).unwrap()
}

/// Asks for `path` and gives the whole answer.
pub(crate) async fn ask(
    running: &Running,
    connector: TlsConnector,
    name: &str,
    head: &str,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(running.address()).await?;
    let mut stream =
        connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_certificate_made_on_the_spot_is_good_for_loopback() {
    let caller = Caller::new();
    let identity = TlsIdentity::self_signed(caller.sim.now()).unwrap();
    let running = serve(&caller, &identity).await;
    assert_eq!(running.url(), format!("https://{}", running.address()));
    let ping = "GET /--ping HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    for name in ["localhost", "127.0.0.1"] {
        let connector = trusting(identity.ca_pem().unwrap(), &[b"http/1.1"]);
        let answer = ask(&running, connector, name, ping).await.unwrap();
        assert!(answer.contains("pong"), "{answer}");
    }
    let stranger = TlsIdentity::self_signed(caller.sim.now()).unwrap();
    let connector = trusting(stranger.ca_pem().unwrap(), &[]);
    assert!(ask(&running, connector, "localhost", ping).await.is_err(), "another authority");
    let connector = trusting(identity.ca_pem().unwrap(), &[b"h2"]);
    assert!(ask(&running, connector, "localhost", ping).await.is_err(), "HTTP/1.1 only");
}

#[tokio::test]
async fn services_are_named_as_they_are_reached() {
    let caller = Caller::new();
    let identity = TlsIdentity::self_signed(caller.sim.now()).unwrap();
    let running = serve(&caller, &identity).await;
    let signed = caller.request("GET", "/my/services", 0).await.body(()).unwrap();
    let header = |name: &str| signed.headers()[name].to_str().unwrap().to_owned();
    let head = format!(
        "GET /my/services HTTP/1.1\r\nhost: localhost\r\ndate: {}\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
        header("date"),
        header("authorization"),
    );
    let connector = trusting(identity.ca_pem().unwrap(), &[]);
    let answer = ask(&running, connector, "localhost", &head).await.unwrap();
    assert!(answer.contains(r#""cloudapi":"https://localhost""#), "{answer}");
}

#[test]
fn an_identity_from_files_must_fit_together() {
    let certified = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (one, other) = (certified("localhost"), certified("localhost"));
    let key = one.signing_key.serialize_pem();
    let identity = TlsIdentity::from_pem(&one.cert.pem(), &key).unwrap();
    assert!(!format!("{identity:?}").contains(&key[60..80]));
    assert!(identity.ca_pem().is_none());
    let check = |certificate: &str, key: &str| TlsIdentity::from_pem(certificate, key).unwrap_err();
    assert!(matches!(check(&other.cert.pem(), &key), TlsError::Unusable(_)));
    assert!(matches!(check("", &key), TlsError::NoCertificate));
    assert!(matches!(
        check(&one.cert.pem(), "nonsense"),
        TlsError::Pem { what: "private key", .. }
    ));
}
