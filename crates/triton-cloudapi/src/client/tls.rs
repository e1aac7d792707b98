//! TLS with the machine's certificates, or, when the user says so, with none checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::BoxError;

/// The configuration for `https`; for `http` one that trusts nobody, so that no certificates are needed.
pub(crate) fn config(
    is_https: bool,
    insecure: bool,
    ca_file: Option<&Path>,
) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    if is_https && insecure {
        tracing::warn!(
            "the certificate of CloudAPI is NOT checked (insecure): whoever is in between can read everything and act \
             in its place"
        );
        let verifier = Arc::new(AnyCertificate { provider });
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    if let (true, Some(path)) = (is_https, ca_file) {
        let roots = roots(path)?;
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    if is_https {
        let rooted = builder.with_native_roots().map_err(NoCertificates)?;
        return Ok(rooted.with_no_client_auth());
    }
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The certificates in that file, and no others: who names a CA means it.
fn roots(path: &Path) -> Result<RootCertStore, CaFile> {
    let error = |source: BoxError| CaFile { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|source| error(source.into()))? {
        let certificate = certificate.map_err(|source| error(source.into()))?;
        roots.add(certificate).map_err(|source| error(source.into()))?;
    }
    if roots.is_empty() {
        return Err(error(
            "there is no certificate in it: want PEM text with `-----BEGIN CERTIFICATE-----`"
                .into(),
        ));
    }
    Ok(roots)
}

/// The file of a CA cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("reading the CA's certificates from {}", path.display())]
struct CaFile {
    path: PathBuf,
    #[source]
    source: BoxError,
}

/// The machine has no CA certificates, as small container images do not.
#[derive(Debug, thiserror::Error)]
#[error(
    "loading this machine's CA certificates (on Debian and Alpine they come with the package ca-certificates)"
)]
struct NoCertificates(#[source] std::io::Error);

/// Takes every certificate: for datacenters whose certificate is their own. The connection is still encrypted, and
/// signatures still keep others from using the account; but an eavesdropper in the middle can read along.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
