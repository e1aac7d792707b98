//! Who asks: from a client certificate or a bearer token.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube_client::Client;
use kube_client::api::{Api, PostParams};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::api::{CallError, call};

/// Someone whom we know.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// UID, if the authenticator knows it.
    pub uid: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// What else an authorizer may want to know.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The identity in a client certificate whose chain has been verified: user is the common name, groups are the
/// organizations. `None` without a common name.
#[must_use]
pub fn of_certificate(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let mut groups: Vec<String> = subject
        .iter_organization()
        .filter_map(|name| name.as_str().ok())
        .map(ToOwned::to_owned)
        .collect();
    // The API server adds this one to everybody it has recognized.
    groups.push("system:authenticated".to_owned());
    (!user.is_empty()).then(|| Identity { user, groups, ..Identity::default() })
}

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Asks the API server whose token this is; `None` if nobody's.
pub(crate) async fn of_token(client: &Client, token: &str) -> Result<Option<Identity>, CallError> {
    let review = TokenReview {
        spec: TokenReviewSpec { token: token.to_owned(), audiences: None },
        ..TokenReview::default()
    };
    let reviews: Api<TokenReview> = Api::all(client.clone());
    let status =
        call("reviewing a token", reviews.create(&PostParams::default(), &review)).await?.status;
    let Some(status) = status.filter(|status| status.authenticated == Some(true)) else {
        return Ok(None);
    };
    let user = status.user.unwrap_or_default();
    Ok(user.username.filter(|name| !name.is_empty()).map(|name| Identity {
        user: name,
        uid: user.uid.filter(|uid| !uid.is_empty()),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_names_user_and_groups() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver-kubelet-client");
        params.distinguished_name.push(DnType::OrganizationName, "kubeadm:cluster-admins");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let identity = of_certificate(certificate.der()).unwrap();
        assert_eq!(identity.user, "kube-apiserver-kubelet-client");
        assert_eq!(identity.groups, ["kubeadm:cluster-admins", "system:authenticated"]);
    }

    #[test]
    fn a_certificate_without_a_name_is_nobody() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(of_certificate(certificate.der()), None);
        assert_eq!(of_certificate(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    #[test]
    fn only_bearer_tokens_count() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
