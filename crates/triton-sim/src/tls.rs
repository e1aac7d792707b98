//! Certificates for the simulator's servers: one made on the spot, or one from files.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WantsServerCert;
use sha2::{Digest as _, Sha256};

use crate::http::CMON_HOST;

/// A certificate with its key, for [`Sim::serve_tls`](crate::Sim::serve_tls) and
/// [`Sim::serve_cmon`](crate::Sim::serve_cmon).
pub struct TlsIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    ca_pem: Option<String>,
}

/// There is no such identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The generator refused.
    #[error("making a certificate")]
    Make(#[source] rcgen::Error),
    /// Not PEM, or not what is looked for.
    #[error("reading the {what} in PEM")]
    Pem {
        /// `certificate` or `private key`.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// The text holds no certificate.
    #[error("reading the certificate in PEM: there is none")]
    NoCertificate,
    /// Key and certificate do not fit, or are of a kind that TLS here does not know.
    #[error("using the certificate with its private key")]
    Unusable(#[source] rustls::Error),
}

/// A certificate that is made on the spot lives this long.
const LIFETIME_DAYS: i64 = 365;
/// Clocks differ: it is valid since before it was made.
const BACKDATED_DAYS: i64 = 1;

// === impl TlsIdentity ===

impl TlsIdentity {
    /// A certificate for loopback names, signed by an authority that is made with it and forgotten.
    ///
    /// It is for `localhost`, `127.0.0.1`, `::1` and the names of the simulated CMON, for a year around `now`. Give clients
    /// [`TlsIdentity::ca_pem`] to trust.
    ///
    /// # Errors
    /// [`TlsError::Make`], when there are no random numbers.
    pub fn self_signed(now: Timestamp) -> Result<Self, TlsError> {
        let mut authority = params(now, "triton-sim authority", &[]).map_err(TlsError::Make)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(TlsError::Make)?;
        let authority = CertifiedIssuer::self_signed(authority, key).map_err(TlsError::Make)?;
        let instances = format!("*.{CMON_HOST}");
        let names = ["localhost", "127.0.0.1", "::1", CMON_HOST, &instances];
        let mut leaf = params(now, "triton-sim", &names).map_err(TlsError::Make)?;
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(TlsError::Make)?;
        let leaf = leaf.signed_by(&key, &authority).map_err(TlsError::Make)?;
        Ok(Self {
            chain: vec![leaf.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            ca_pem: Some(authority.pem()),
        })
    }

    /// A certificate, with those between it and an authority after it, and its private key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`], when they cannot be read or do not fit.
    pub fn from_pem(certificates: &str, key: &str) -> Result<Self, TlsError> {
        let unread = |what| move |source| TlsError::Pem { what, source };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(unread("certificate"))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(unread("private key"))?;
        let identity = Self { chain, key, ca_pem: None };
        identity.config()?;
        Ok(identity)
    }

    /// The authority's certificate in PEM, for [`TlsIdentity::self_signed`]; its key is gone.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// SHA-256 of the server's certificate, as `openssl x509 -fingerprint -sha256` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let certificate: &[u8] = self.chain.first().map(AsRef::as_ref).unwrap_or_default();
        let bytes = Sha256::digest(certificate);
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// For a server that looks at nobody's certificate. HTTP/1.1 only and TLS 1.2 or newer, as HAProxy's front.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.finish(builder()?.with_no_client_auth())
    }

    /// Adds the certificate to a server's settings.
    pub(crate) fn finish(
        &self,
        builder: rustls::ConfigBuilder<ServerConfig, WantsServerCert>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let config = builder.with_single_cert(self.chain.clone(), self.key.clone_key());
        let mut config = config.map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Shows the certificate's fingerprint, and nothing of the key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsIdentity({})", self.fingerprint())
    }
}

/// A server's settings up to whom it asks for a certificate.
pub(crate) fn builder()
-> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)
}

fn params(now: Timestamp, name: &str, hosts: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().copied().map(str::to_owned).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let (year, month, day) = day(now, -BACKDATED_DAYS);
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = self::day(now, LIFETIME_DAYS);
    params.not_after = date_time_ymd(year, month, day);
    Ok(params)
}

/// Year, month and day so many days from `now`.
fn day(now: Timestamp, days: i64) -> (i32, u8, u8) {
    let date = now.to_zoned(TimeZone::UTC).date().saturating_add(jiff::Span::new().days(days));
    let part = |number: i8| u8::try_from(number).unwrap_or(1);
    (date.year().into(), part(date.month()), part(date.day()))
}
