//! The feed over TLS, on real sockets.

use std::io::Write as _;

use tokio::net::TcpListener;
use triton_cloudapi::Client;
use triton_cloudapi::client::changefeed::{Changefeed, ChangefeedItem, ChangefeedOptions};
use triton_cloudapi::client::{Config, ConnectionProblem, Error};
use triton_signature::PrivateKey;
use triton_sim::{Running, Sim, TlsIdentity};

use crate::common::{KEY, config};

async fn served() -> (Running, TlsIdentity) {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let sim = Sim::builder().account("acme").key(key).listen(false).build().unwrap();
    let identity = TlsIdentity::self_signed(sim.now()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (sim.serve_tls(listener, &identity).unwrap(), identity)
}

fn follow(config: Config) -> Changefeed {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let client = Client::builder(config, key).build().unwrap();
    client.changefeed(ChangefeedOptions::default())
}

#[tokio::test]
async fn a_server_whose_certificate_is_trusted_is_followed() {
    let (running, identity) = served().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(identity.ca_pem().unwrap().as_bytes()).unwrap();
    let mut config = config(&running.url());
    config.ca_file = Some(file.path().to_owned());
    let item = follow(config).next().await.unwrap().unwrap();
    assert!(matches!(item, ChangefeedItem::Connected), "{item:?}");
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_ends_the_feed() {
    let (running, _) = served().await;
    let (_, other) = served().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(other.ca_pem().unwrap().as_bytes()).unwrap();
    let mut config = config(&running.url());
    config.ca_file = Some(file.path().to_owned());
    let mut feed = follow(config);
    let error = feed.next().await.unwrap().unwrap_err();
    let problem = match error.call() {
        Some(Error::Transport { problem, .. }) => problem,
        _ => panic!("{error:?}"),
    };
    assert!(matches!(problem, ConnectionProblem::Certificate { .. }), "{problem}");
    assert!(feed.next().await.is_none());
}

#[tokio::test]
async fn who_says_insecure_follows_anybody() {
    let (running, _) = served().await;
    let mut config = config(&running.url());
    config.insecure = true;
    let item = follow(config).next().await.unwrap().unwrap();
    assert!(matches!(item, ChangefeedItem::Connected), "{item:?}");
}
