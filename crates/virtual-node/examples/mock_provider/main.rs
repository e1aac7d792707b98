//! A node whose pods run in memory: any number, with any number of containers, their lives, logs, usage, and commands.
//!
//! `KUBECONFIG=… cargo run --example mock_provider -- NAME [--listen IP:PORT] [--address IP] [--open]`
//!
//! A container lives as its command says: `sleep 5` ends well after five seconds, `exit 3` badly at once, and whatever
//! else it is runs until it is told not to. The restart policy, init containers, sidecars, `initialDelaySeconds` of
//! readiness probes, ConfigMaps and Secrets of the environment mean what they mean.

mod abilities;
mod commands;
mod life;
mod mock;
mod references;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use virtual_node::{
    Abilities, Auth, ClientCa, HttpConfig, NodeConfig, Serving, VirtualNode, pokes,
};

use abilities::Reader;
use mock::Mock;

/// What the command line says.
struct Args {
    name: String,
    /// Where the kubelet's API is served.
    listen: SocketAddr,
    /// Where others find the node, if not where it listens.
    address: Option<IpAddr>,
    /// Whether everybody may use the kubelet's API.
    open: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let args = Args::parse(std::env::args().skip(1))?;
    let client = kube_client::Client::try_default().await?;

    let mut config = NodeConfig::new(args.name, "mock");
    for (resource, amount) in
        [("cpu", "100"), ("memory", "1Ti"), ("pods", "1000"), ("ephemeral-storage", "1Ti")]
    {
        config.capacity.insert(resource.to_owned(), amount.to_owned());
    }
    config.internal_ips = vec![args.address.unwrap_or(args.listen.ip())];
    config.kubelet_port = Some(args.listen.port());
    config.system.kubelet_version = format!("v1.37.0-mock-{}", env!("CARGO_PKG_VERSION"));

    let auth =
        if args.open { Auth::None } else { Auth::Delegated { client_ca: ClientCa::ConfigMap } };
    let http = HttpConfig { address: args.listen, serving: Serving::SelfSigned, auth };

    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    let mock = Arc::new(Mock::new(client.clone(), now));
    let reader = Arc::new(Reader(Arc::clone(&mock)));
    let abilities =
        Abilities { exec: Some(reader.clone()), logs: Some(reader.clone()), usage: Some(reader) };
    // The mock asks to be called again when something is due; a provider that is told of changes would poke.
    let (_pokes, poked) = pokes();
    VirtualNode::builder(client, mock, poked)
        .config(config)
        .http(http)
        .abilities(abilities)
        .build()
        .run(shutdown)
        .await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place where the example reads a clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

// === impl Args ===

impl Args {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut args = Self {
            name: "mock".to_owned(),
            listen: ([127, 0, 0, 1], 10250).into(),
            address: None,
            open: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--open" => args.open = true,
                "--listen" => args.listen = words.next().unwrap_or_default().parse()?,
                "--address" => args.address = Some(words.next().unwrap_or_default().parse()?),
                name if !name.starts_with('-') => name.clone_into(&mut args.name),
                unknown => return Err(format!("unknown option {unknown}").into()),
            }
        }
        Ok(args)
    }
}
