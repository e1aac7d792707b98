//! The cluster's own certificate authorities, and the certificates and keys they sign.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

/// First address of the service range: what `kubernetes.default` resolves to inside a cluster.
const API_SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));

/// Everything a control plane needs to trust itself, as files in one directory.
#[derive(Debug)]
pub struct Pki {
    dir: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
    front_proxy: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Certificate, PEM.
    pub cert: PathBuf,
    /// Private key, PEM (PKCS#8), readable by its owner only.
    pub key: PathBuf,
}

// === impl Pki ===

impl Pki {
    /// Makes both authorities (`ca`, `front-proxy-ca`) and the key that signs service account tokens (`sa`).
    ///
    /// # Errors
    /// When a key cannot be made or a file cannot be written.
    pub fn create(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        let pki = Self {
            dir: dir.to_owned(),
            ca: authority("vk-triton testbed")?,
            front_proxy: authority("front-proxy-ca")?,
        };
        write_public(&pki.ca(), &pki.ca.pem())?;
        write_secret(&dir.join("ca.key"), &pki.ca.key().serialize_pem())?;
        write_public(&pki.front_proxy_ca(), &pki.front_proxy.pem())?;
        let service_accounts = KeyPair::generate().context("making the key of service accounts")?;
        write_secret(&pki.service_account_key(), &service_accounts.serialize_pem())?;
        write_public(&pki.service_account_public_key(), &service_accounts.public_key_pem())?;
        Ok(pki)
    }

    /// Certificate of the authority that everything but aggregation trusts.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// Its certificate and key, for the controller that signs requests.
    #[must_use]
    pub fn signer(&self) -> Identity {
        self.files("ca")
    }

    /// Certificate of the authority that aggregated API servers trust.
    #[must_use]
    pub fn front_proxy_ca(&self) -> PathBuf {
        self.dir.join("front-proxy-ca.crt")
    }

    /// Key that signs service account tokens.
    #[must_use]
    pub fn service_account_key(&self) -> PathBuf {
        self.dir.join("sa.key")
    }

    /// Key that service account tokens are checked with.
    #[must_use]
    pub fn service_account_public_key(&self) -> PathBuf {
        self.dir.join("sa.pub")
    }

    /// A client certificate: `user` is the common name, `groups` the organizations, as the API server reads them.
    ///
    /// # Errors
    /// When a key cannot be made or a file cannot be written.
    pub fn client(&self, name: &str, user: &str, groups: &[&str]) -> Result<Identity> {
        let params = leaf(user, groups, ExtendedKeyUsagePurpose::ClientAuth);
        self.sign(name, &params, &self.ca)
    }

    /// The certificate with which the API server forwards requests to aggregated ones.
    ///
    /// # Errors
    /// As [`Pki::client`].
    pub fn front_proxy_client(&self) -> Result<Identity> {
        let params = leaf("front-proxy-client", &[], ExtendedKeyUsagePurpose::ClientAuth);
        self.sign("front-proxy-client", &params, &self.front_proxy)
    }

    /// The API server's serving certificate, for loopback and the names a pod would use.
    ///
    /// # Errors
    /// As [`Pki::client`].
    pub fn apiserver(&self) -> Result<Identity> {
        let mut params = leaf("kube-apiserver", &[], ExtendedKeyUsagePurpose::ServerAuth);
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        for name in names {
            params
                .subject_alt_names
                .push(SanType::DnsName(name.try_into().context("naming the API server")?));
        }
        params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        params.subject_alt_names.push(SanType::IpAddress(API_SERVICE));
        self.sign("apiserver", &params, &self.ca)
    }

    fn sign(
        &self,
        name: &str,
        params: &CertificateParams,
        issuer: &CertifiedIssuer<'_, KeyPair>,
    ) -> Result<Identity> {
        let key = KeyPair::generate().with_context(|| format!("making the key of {name}"))?;
        let cert = params
            .signed_by(&key, issuer)
            .with_context(|| format!("signing the certificate of {name}"))?;
        let files = self.files(name);
        write_public(&files.cert, &cert.pem())?;
        write_secret(&files.key, &key.serialize_pem())?;
        Ok(files)
    }

    fn files(&self, name: &str) -> Identity {
        Identity {
            cert: self.dir.join(format!("{name}.crt")),
            key: self.dir.join(format!("{name}.key")),
        }
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    let key = KeyPair::generate().with_context(|| format!("making the key of {name}"))?;
    CertifiedIssuer::self_signed(params, key).with_context(|| format!("signing {name}"))
}

fn leaf(
    common_name: &str,
    organizations: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    for organization in organizations {
        params.distinguished_name.push(DnType::OrganizationName, *organization);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn write_public(path: &Path, pem: &str) -> Result<()> {
    fs::write(path, pem).with_context(|| format!("writing {}", path.display()))
}

fn write_secret(path: &Path, pem: &str) -> Result<()> {
    let file =
        fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("creating {}", path.display()))?;
    file.write_all(pem.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::create(dir.path()).unwrap();
        let client = pki.client("admin", "admin", &["system:masters"]).unwrap();
        for key in [&client.key, &pki.signer().key, &pki.service_account_key()] {
            assert_eq!(
                fs::metadata(key).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                key.display()
            );
        }
        assert!(
            fs::read_to_string(client.cert).unwrap().starts_with("-----BEGIN CERTIFICATE-----")
        );
    }
}
