//! Reaching both sides before the node begins, with errors that say what to do.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use anyhow::{Context, anyhow};
use k8s_openapi::api::core::v1::Namespace;
use kube_client::config::{KubeConfigOptions, Kubeconfig};
use kube_client::{Api, Client};
use tokio::time::Instant;
use triton_cloudapi::client::{Client as CloudClient, Error as CloudError};
use virtual_node::fence::CONNECT_LIMIT;

use crate::args::Args;
use crate::exit::{Classify, Failure, Kind, Outcome};

/// The namespace whose UID tells clusters apart.
const IDENTITY_NAMESPACE: &str = "kube-system";

/// How long a refusal is taken for one that will pass.
const REFUSED_MAX: Duration = Duration::from_secs(30);

/// Between two tries to reach the API server.
const UNREACHED_PAUSE: Duration = Duration::from_secs(2);

/// The cluster, reached.
pub(crate) struct Cluster {
    /// How to reach it.
    pub(crate) config: kube_client::Config,
    /// UID of `kube-system`.
    pub(crate) uid: String,
    /// `v1.37.0-vk-triton-0.1.0`: the cluster's minor, our version.
    pub(crate) kubelet_version: String,
    /// Our address on the way to the API server, or loopback.
    pub(crate) local_ip: IpAddr,
}

// === impl Cluster ===

impl Cluster {
    /// A client with connections of its own. It is not fenced: for reads, and for the election itself, which bounds its
    /// calls and repeats them by itself.
    ///
    /// # Errors
    /// When the kubeconfig makes none.
    pub(crate) fn client(&self, what_for: &str) -> Outcome<Client> {
        let mut config = self.config.clone();
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_LIMIT);
        Client::try_from(config)
            .with_context(|| format!("setting up the Kubernetes client for {what_for}"))
            .or_fail(Kind::Config)
    }
}

/// As [`cluster`], but waits for an API server that does not answer, for as long as that takes: a process that ends
/// while its cluster is being started helps nobody. One that refuses is given half a minute to know its own rights.
pub(crate) async fn cluster_patiently(args: &Args) -> Outcome<Cluster> {
    let begun = Instant::now();
    loop {
        let failure = match cluster(args).await {
            Ok(cluster) => return Ok(cluster),
            Err(failure) => failure,
        };
        let is_refusal =
            matches!(failure.cause::<kube_client::Error>(), Some(kube_client::Error::Api(_)));
        if !failure.is_unavailable() || (is_refusal && begun.elapsed() >= REFUSED_MAX) {
            return Err(failure);
        }
        tracing::warn!(error = %failure, "waiting for the Kubernetes API server");
        tokio::time::sleep(UNREACHED_PAUSE).await;
    }
}

/// Finds the kubeconfig and reaches the API server.
pub(crate) async fn cluster(args: &Args) -> Outcome<Cluster> {
    let config = kube_config(args).await.or_fail(Kind::Config)?;
    let url = config.cluster_url.clone();
    let local_ip = local_ip_towards(&url.to_string());
    let client = Client::try_from(config.clone())
        .context("setting up the Kubernetes client")
        .or_fail(Kind::Config)?;
    let version = client.apiserver_version().await;
    let version = version
        .with_context(|| format!("reaching the Kubernetes API server {url}"))
        .or_fail(Kind::Unavailable)?;
    let minor: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
    let kubelet_version =
        format!("v{}.{minor}.0-vk-triton-{}", version.major, env!("CARGO_PKG_VERSION"));
    let namespaces: Api<Namespace> = Api::all(client);
    let namespace = namespaces.get(IDENTITY_NAMESPACE).await;
    let namespace = namespace
        .with_context(|| {
            format!(
                "reading namespace {IDENTITY_NAMESPACE}, whose UID tells this cluster from others"
            )
        })
        .or_fail(Kind::Unavailable)?;
    let uid =
        namespace.metadata.uid.context("the API server sent no UID").or_fail(Kind::Unavailable)?;
    let local_ip = local_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Ok(Cluster { config, uid, kubelet_version, local_ip })
}

async fn kube_config(args: &Args) -> anyhow::Result<kube_client::Config> {
    match &args.kubeconfig {
        Some(file) => {
            let shown = file.display();
            let kubeconfig = Kubeconfig::read_from(file).with_context(|| format!("--kubeconfig {shown}"))?;
            let options = KubeConfigOptions::default();
            kube_client::Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .with_context(|| format!("--kubeconfig {shown}"))
        }
        None => kube_client::Config::infer()
            .await
            .context("no kubeconfig: give --kubeconfig FILE or set KUBECONFIG, or run in a pod of the cluster"),
    }
}

/// The address that packets towards the API server leave from. Nothing is sent.
fn local_ip_towards(url: &str) -> Option<IpAddr> {
    let authority = url.split("://").nth(1)?.split('/').next()?;
    let target = authority
        .to_socket_addrs()
        .or_else(|_no_port| format!("{authority}:443").to_socket_addrs());
    let target = target.ok()?.next()?;
    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(target).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Asks CloudAPI who we are. Refused credentials end the program: they do not heal by waiting. A CloudAPI that cannot
/// be reached does not: the node says so in a condition and takes pods when it can.
pub(crate) async fn check_cloudapi(client: &CloudClient) -> Outcome<()> {
    let (url, account, key) =
        (client.url().to_string(), client.account().to_owned(), client.key_id().to_string());
    match client.get_account().await {
        Ok(found) => {
            tracing::info!(%url, account = %found.login, "CloudAPI knows us");
            Ok(())
        }
        Err(error @ CloudError::Sign(_)) => Err(Failure::config(
            anyhow!(error).context(format!("signing requests for account {account} with key {key}")),
        )),
        Err(error) if error.is_auth() => Err(Failure::config(anyhow!(error).context(format!(
            "CloudAPI {url} refuses account {account} with key {key}: check TRITON_ACCOUNT and TRITON_KEY_ID, and that \
             the key is in the account (`triton key list`)"
        )))),
        Err(error) if error.is_not_found() => {
            Err(Failure::config(anyhow!(error).context(format!("{url} is no CloudAPI: check TRITON_URL"))))
        }
        Err(error) => {
            let error = format!("{:#}", anyhow!(error));
            tracing::error!(%url, error, "CloudAPI cannot be reached; the node takes no pods until it can");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_towards_a_loopback_api_server_is_loopback() {
        let ip = local_ip_towards("https://127.0.0.1:6443/").unwrap();
        assert!(ip.is_loopback());
        assert_eq!(local_ip_towards("nonsense"), None);
    }
}
