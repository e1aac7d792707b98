//! A feed that is followed: alive, lost, silent, flooded.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use triton_cloudapi::changefeed::{SubResource, Subscription};
use triton_cloudapi::client::changefeed::{
    Changefeed, ChangefeedItem, ChangefeedOptions, Interruption, ResyncReason,
};
use triton_signature::PrivateKey;
use triton_signature::http::RequestToVerify;

use crate::common::{KEY, config};
use crate::server::{Server, server, server_of};

fn options() -> ChangefeedOptions {
    ChangefeedOptions::default().resync_every(None)
}

async fn next(feed: &mut Changefeed) -> ChangefeedItem {
    feed.next().await.unwrap().unwrap()
}

/// Takes the two items that begin a feed.
#[track_caller]
fn assert_begins(items: [ChangefeedItem; 2], reason: ResyncReason) {
    assert!(matches!(items[0], ChangefeedItem::Connected), "{items:?}");
    assert!(
        matches!(items[1], ChangefeedItem::Resync { reason: found } if found == reason),
        "{items:?}"
    );
}

async fn begin(feed: &mut Changefeed, reason: ResyncReason) {
    let items = [next(feed).await, next(feed).await];
    assert_begins(items, reason);
}

async fn interrupted(feed: &mut Changefeed) -> (Interruption, Duration) {
    match next(feed).await {
        ChangefeedItem::Interrupted { reason, again_in } => (reason, again_in),
        other => panic!("{other:?}"),
    }
}

async fn changed(feed: &mut Changefeed) -> String {
    match next(feed).await {
        ChangefeedItem::Change(change) => {
            format!("{} {}", &change.instance_id.to_string()[35..], change.state)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_signed_and_names_version_host_and_roles() {
    let mut config = config("http://cloud.example.com:8080");
    config.roles = vec!["dev".to_owned()];
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let public_key = key.public_key().clone();
    let (client, mut server) = server_of(triton_cloudapi::Client::builder(config, key));
    let _feed = client.changefeed(options());
    let asked = server.asked().await;
    assert_eq!(asked.line, "GET /acme/changefeed?as-role=dev HTTP/1.1");
    let rows = [
        ("host", "cloud.example.com:8080"),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("accept-version", "~9||~8"),
    ];
    for (name, value) in rows {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    // The server breaks off a handshake that names a protocol, and knows no extensions.
    assert_eq!(asked.header("sec-websocket-protocol"), None);
    assert_eq!(asked.header("sec-websocket-extensions"), None);
    let now = httpdate::parse_http_date(asked.header("date").unwrap()).unwrap();
    let claim = RequestToVerify {
        method: "GET",
        path_and_query: "/acme/changefeed?as-role=dev",
        header: &|name| asked.header(name).map(str::to_owned),
        now,
    };
    claim.claim().unwrap().verify(&public_key).unwrap();
}

#[tokio::test(start_paused = true)]
async fn changes_come_as_they_are_sent_after_the_list_was_asked_for() {
    let (client, mut server) = server();
    let subscription = Subscription::default().only([SubResource::State]);
    let mut feed = client.changefeed(options().subscription(subscription));
    let mut peer = server.asked().await.switch(&[]).await;
    let subscribed = peer.heard().await;
    assert_eq!(subscribed.to_text().unwrap(), r#"{"resource":"vm","subResources":["state"]}"#);
    assert!(peer.heard().await.is_ping());
    begin(&mut feed, ResyncReason::FirstConnect).await;
    peer.change(1, 10, "provisioning");
    peer.change(2, 11, "running");
    peer.change(2, 11, "running");
    peer.send(Message::binary(vec![1, 2, 3]));
    peer.change(1, 12, "destroyed");
    assert_eq!(changed(&mut feed).await, "1 provisioning");
    assert_eq!(changed(&mut feed).await, "2 running");
    // As a stream, too.
    let item = StreamExt::next(&mut feed).await.unwrap().unwrap();
    assert!(item.change().unwrap().is_destroyed());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_feed_closes_the_connection() {
    let (client, mut server) = server();
    let feed = client.changefeed(options());
    let mut peer = server.subscribed().await;
    drop(feed);
    peer.left().await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_dropped_while_it_connects_lets_go() {
    let (client, mut server) = server();
    let feed = client.changefeed(options());
    let mut stream = server.asked().await.hang();
    drop(feed);
    assert_eq!(tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_is_made_again() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    peer.close(1001, "going away");
    let (reason, again_in) = interrupted(&mut feed).await;
    assert_eq!(reason.to_string(), "the server closed the connection: 1001 \"going away\"");
    let since = Instant::now();
    let peer = server.subscribed().await;
    assert!(since.elapsed() >= again_in && again_in <= Duration::from_secs(1));
    begin(&mut feed, ResyncReason::Reconnect).await;
    peer.change(1, 10, "running");
    assert_eq!(changed(&mut feed).await, "1 running");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_made_again() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    peer.break_off();
    interrupted(&mut feed).await;
    server.subscribed().await;
    begin(&mut feed, ResyncReason::Reconnect).await;
}

/// Follows for a while with a server that answers pings; how long the feed lasted.
async fn lasted(server: &mut Server, feed: &mut Changefeed) -> (Duration, Interruption) {
    let peer = server.subscribed().await;
    let since = Instant::now();
    next(feed).await;
    next(feed).await;
    let (reason, _) = interrupted(feed).await;
    drop(peer);
    (since.elapsed(), reason)
}

#[tokio::test(start_paused = true)]
async fn a_feed_without_changes_is_kept_alive_but_not_for_ever() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let (lasted, reason) = lasted(&mut server, &mut feed).await;
    assert!(matches!(reason, Interruption::Stalled), "{reason}");
    assert_eq!(lasted.as_secs(), 300);
    let _peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::Stall).await;
}

#[tokio::test(start_paused = true)]
async fn an_announced_change_that_does_not_come_finds_the_stall_early() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let announcer = feed.announcer();
    announcer.announce("00000000-0000-4000-8000-000000000001".parse().unwrap());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    let since = Instant::now();
    announcer.announce("00000000-0000-4000-8000-000000000002".parse().unwrap());
    let (reason, _) = interrupted(&mut feed).await;
    assert!(matches!(reason, Interruption::Stalled), "{reason}");
    assert_eq!(since.elapsed().as_secs(), 30);
    drop(peer);
    drop(feed);
    announcer.announce("00000000-0000-4000-8000-000000000003".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_gone_deaf_is_noticed_by_its_pongs() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    let since = Instant::now();
    peer.deafen();
    let (reason, _) = interrupted(&mut feed).await;
    assert!(matches!(reason, Interruption::NoPong), "{reason}");
    assert_eq!(since.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_the_handshake_is_given_up() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let stream = server.asked().await.hang();
    let since = Instant::now();
    let (reason, _) = interrupted(&mut feed).await;
    assert!(matches!(reason, Interruption::OpenTimeout), "{reason}");
    assert_eq!(since.elapsed().as_secs(), 30);
    drop(stream);
    let _peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_cannot_be_read_asks_for_a_list_and_is_not_the_end() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    peer.text("<html>");
    let item = next(&mut feed).await;
    assert!(matches!(item, ChangefeedItem::Resync { reason: ResyncReason::BogusFrame }));
    peer.change(1, 10, "running");
    assert_eq!(changed(&mut feed).await, "1 running");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_large_costs_the_connection_and_not_the_memory() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options());
    let peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    peer.text(&"x".repeat(5 * 1024 * 1024));
    let (reason, _) = interrupted(&mut feed).await;
    assert!(matches!(reason, Interruption::Broken(_)), "{reason}");
    assert!(reason.to_string().len() < 200, "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_too_slow_is_told_to_list() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(options().buffer(10));
    let mut peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    for id in 0..1000 {
        peer.change(id, 10, "running");
    }
    peer.send(Message::Ping(Vec::new().into()));
    while !peer.heard().await.is_pong() {}
    // The last change is for after the overflow; how many were dropped before it is not said.
    let mut items = Vec::new();
    while items.last() != Some(&"999".to_owned()) {
        items.push(match next(&mut feed).await {
            ChangefeedItem::Change(change) => {
                change.instance_id.to_string()[33..].trim_start_matches('0').to_owned()
            }
            other => other.to_string(),
        });
    }
    let overflow = "list again: changes came faster than they were taken";
    assert!(items.contains(&overflow.to_owned()) && items.len() <= 12, "{items:?}");
}

#[tokio::test(start_paused = true)]
async fn lists_are_asked_for_regularly() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(ChangefeedOptions::default());
    let _peer = server.subscribed().await;
    begin(&mut feed, ResyncReason::FirstConnect).await;
    let since = Instant::now();
    let item = next(&mut feed).await;
    assert!(matches!(item, ChangefeedItem::Resync { reason: ResyncReason::Interval }));
    assert_eq!(since.elapsed().as_secs(), 60);
}
