//! The serving certificate, and whose client certificates are believed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube_client::Client;
use kube_client::api::Api;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::api::{CallError, call};

/// Where the serving certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// PEM files, read again every minute.
    Files {
        /// Certificate chain.
        certificate: PathBuf,
        /// Private key: PKCS#1, PKCS#8 or SEC1.
        key: PathBuf,
    },
    /// Made at start, for the node's addresses. API servers that run without `--kubelet-certificate-authority` accept
    /// it.
    SelfSigned,
}

/// Which authority's client certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCa {
    /// A PEM bundle, read again every minute.
    File(PathBuf),
    /// What the API server publishes in `kube-system/extension-apiserver-authentication`, read again every minute.
    ConfigMap,
    /// None: only bearer tokens are.
    Off,
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read as PEM.
    #[error("reading {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The authority's ConfigMap could not be read.
    #[error("reading the client CA from kube-system/extension-apiserver-authentication")]
    ConfigMap(#[source] CallError),
    /// The authority's ConfigMap has no certificate.
    #[error("kube-system/extension-apiserver-authentication has no usable client-ca-file")]
    NoClientCa,
    /// The client verifier refuses the authority.
    #[error("using the client CA")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("using the serving certificate")]
    Certificate(#[source] rustls::Error),
    /// The certificate could not be made.
    #[error("making a serving certificate")]
    Generate(#[source] rcgen::Error),
}

/// A certificate chain with its key. The key is never printed.
pub(crate) struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

// === impl Pair ===

impl Pair {
    pub(crate) fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { path, source }
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificate).map_err(failed(certificate))?.collect();
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
        Ok(Self { chain: chain.map_err(failed(certificate))?, key: key_der })
    }

    /// A certificate that we sign ourselves, named as the kubelet names its own.
    pub(crate) fn self_signed(
        node: &str,
        hostname: &str,
        ips: &[IpAddr],
    ) -> Result<Self, TlsError> {
        let mut names = vec![node.to_owned(), hostname.to_owned()];
        names.extend(ips.iter().map(ToString::to_string));
        names.dedup();
        let mut params = rcgen::CertificateParams::new(names).map_err(TlsError::Generate)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("system:node:{node}"));
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let key = rcgen::KeyPair::generate().map_err(TlsError::Generate)?;
        let certificate = params.self_signed(&key).map_err(TlsError::Generate)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|_| TlsError::Generate(rcgen::Error::CouldNotParseKeyPair))?;
        Ok(Self { chain: vec![certificate.der().clone()], key })
    }
}

/// The certificates of an authority, `None` if none is configured.
pub(crate) async fn client_ca(
    ca: &ClientCa,
    client: &Client,
) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
    match ca {
        ClientCa::Off => Ok(None),
        ClientCa::File(path) => {
            let failed = |source| TlsError::File { path: path.clone(), source };
            let certificates: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
            certificates.map(Some).map_err(failed)
        }
        ClientCa::ConfigMap => {
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
            let reading = maps.get("extension-apiserver-authentication");
            let map = call("reading a ConfigMap", reading).await.map_err(TlsError::ConfigMap)?;
            let pem = map
                .data
                .unwrap_or_default()
                .remove("client-ca-file")
                .ok_or(TlsError::NoClientCa)?;
            let certificates: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
            certificates.map(Some).map_err(|_| TlsError::NoClientCa)
        }
    }
}

/// Client certificates are asked for but not required: others come with a token.
pub(crate) fn server_config(
    pair: &Pair,
    ca: Option<&[CertificateDer<'static>]>,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?;
    let builder = match ca {
        None => builder.with_no_client_auth(),
        Some(certificates) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(
                verifier.allow_unauthenticated().build().map_err(TlsError::Verifier)?,
            )
        }
    };
    let mut config = builder
        .with_single_cert(pair.chain.clone(), pair.key.clone_key())
        .map_err(TlsError::Certificate)?;
    // Upgrades to WebSocket and SPDY exist in HTTP/1.1 only.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
