//! CMON as a client meets it: TLS, with a certificate that the account's SSH key has signed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use triton_sim::{Running, TlsIdentity};

use crate::caller::{Caller, quiet};
use crate::tls::ask;

/// Somebody with an ECDSA key on the account, and a certificate of the official client's making.
struct Monitor {
    caller: Caller,
    running: Running,
    identity: TlsIdentity,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

async fn monitor() -> Monitor {
    let ssh = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let string =
        |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let fields = [&b"ecdsa-sha2-nistp256"[..], b"nistp256", ssh.public_key_raw()];
    let wire: Vec<u8> = fields.iter().flat_map(|field| string(field)).collect();
    let public = triton_signature::PublicKey::from_wire(&wire).unwrap();
    let caller = Caller::of(quiet().key(public.to_openssh()));
    let md5: Vec<u8> = public
        .md5_fingerprint()
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let params = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        let cmon = vec![1, 3, 6, 1, 4, 1, 38678, 1, 4, 2];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::Other(cmon)];
        params
    };
    let issuer = params(&format!("MD5:{}", STANDARD_NO_PAD.encode(md5)));
    let fresh = KeyPair::generate().unwrap();
    let certificate =
        params("jill").signed_by(&fresh, &Issuer::from_params(&issuer, &ssh)).unwrap();

    let identity = TlsIdentity::self_signed(caller.sim.now()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = caller.sim.serve_cmon(listener, &identity).unwrap();
    Monitor {
        caller,
        running,
        identity,
        certificate: certificate.der().clone(),
        key: PrivatePkcs8KeyDer::from(fresh.serialize_der()),
    }
}

impl Monitor {
    fn connector(&self, with_certificate: bool) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let ca = self.identity.ca_pem().unwrap().as_bytes();
        roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if with_certificate {
            let key = self.key.clone_key().into();
            config.with_client_auth_cert(vec![self.certificate.clone()], key).unwrap()
        } else {
            config.with_no_client_auth()
        };
        TlsConnector::from(Arc::new(config))
    }

    /// Status and body.
    async fn get_as(&self, with_certificate: bool, host: &str, path: &str) -> (u16, String) {
        let host = format!("{host}.sim-1.localhost");
        let name = host.clone();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer =
            ask(&self.running, self.connector(with_certificate), &name, &head).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn get(&self, host: &str, path: &str) -> (u16, String) {
        self.get_as(true, host, path).await
    }
}

#[tokio::test]
async fn metrics_are_for_whom_the_accounts_key_vouches() {
    let monitor = monitor().await;
    let id = monitor.caller.create(&json!({ "name": "web" })).await;
    let host = format!("{id}.cmon");
    let (status, text) = monitor.get(&host, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("# TYPE cpu_user_usage counter\ncpu_user_usage "), "{text}");
    assert!(text.contains("net_agg_bytes_in{interface=\"vnic0\""), "{text}");
    assert_eq!(monitor.get_as(false, &host, "/metrics").await.0, 401, "no certificate");
    monitor.caller.sim.stop_behind_back(id.parse().unwrap());
    assert_eq!(monitor.get(&host, "/metrics").await.0, 404, "only what runs");
    let stranger = uuid::Uuid::from_u128(7);
    assert_eq!(monitor.get(&format!("{stranger}.cmon"), "/metrics").await.0, 404);
    assert_eq!(monitor.get("cmon", "/metrics").await.0, 404);
}

#[tokio::test]
async fn removing_the_key_revokes_the_certificate() {
    let monitor = monitor().await;
    assert_eq!(monitor.get("cmon", "/v1/discover").await.0, 200);
    let keys = monitor.caller.get("/my/keys").await.body;
    let ecdsa = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["key"].as_str().unwrap().starts_with("ecdsa"));
    let fingerprint = ecdsa.unwrap()["fingerprint"].as_str().unwrap().replace(':', "%3A");
    let deleted = monitor.caller.delete(&format!("/my/keys/{fingerprint}")).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(monitor.get("cmon", "/v1/discover").await.0, 401);
}

#[tokio::test]
async fn discovery_is_by_group() {
    let monitor = monitor().await;
    let grouped = json!({ "name": "web", "tag.triton.cmon.groups": "a,b" });
    let web = monitor.caller.create(&grouped).await;
    monitor.caller.create(&json!({ "name": "db" })).await;
    let names = |body: &str| -> Vec<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        let containers = body["containers"].as_array().unwrap().iter();
        containers.map(|container| container["vm_alias"].as_str().unwrap().to_owned()).collect()
    };
    let (_, all) = monitor.get("cmon", "/v1/discover").await;
    assert_eq!(names(&all).len(), 2);
    let (_, some) = monitor.get("cmon", "/v1/discover?groups=b,c").await;
    assert_eq!(names(&some), ["web"]);
    assert!(some.contains(&web) && some.contains(r#""groups":["a","b"]"#), "{some}");
    assert_eq!(monitor.get("cmon", "/v1/discover?groups=a,,b").await.0, 400);
    assert_eq!(monitor.get("cmon", "/nothing").await.0, 404);
}

#[tokio::test]
async fn services_say_where_it_is() {
    let monitor = monitor().await;
    let services = monitor.caller.get("/my/services").await.body;
    let port = monitor.running.address().port();
    assert_eq!(services["cmon"], format!("https://cmon.sim-1.localhost:{port}"));
    tokio::time::timeout(Duration::from_secs(10), monitor.running.shutdown()).await.unwrap();
}
