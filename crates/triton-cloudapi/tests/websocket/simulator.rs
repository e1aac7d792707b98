//! The simulator's changefeed, as it should be and with all that can happen to it, and its screens.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::client::changefeed::{
    Changefeed, ChangefeedItem, ChangefeedOptions, Interruption, ResyncReason,
};
use triton_cloudapi::client::{Client, RateLimit, VncError};
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{CreateInstance, InstanceState, ListInstances};
use triton_cloudapi::packages::ListPackages;
use triton_signature::PrivateKey;
use triton_sim::{Fault, FaultKind, Sim};

use crate::common::{KEY, builder};
use crate::pipe::transport;

type Known = BTreeMap<InstanceId, InstanceState>;

/// A simulator, and a client whose connections to it are no sockets: both live on the paused clock.
fn sim() -> (Sim, Client) {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let sim = Sim::builder().account("acme").key(key).listen(false).build().unwrap();
    let dialled = sim.clone();
    let builder = builder("http://simulator")
        .with_rate_limit(RateLimit { per_second: 5.0, burst: 10 })
        .build_with_service(transport(move || Ok(dialled.connect())));
    (sim, builder.unwrap())
}

async fn create(client: &Client, name: &str) -> InstanceId {
    create_of(client, name, "lx-dataset").await
}

/// Creates an instance of the first image of this kind.
async fn create_of(client: &Client, name: &str, kind: &str) -> InstanceId {
    let images = client.list_images(&ListImages::default()).await.unwrap().items;
    let create = CreateInstance {
        name: name.to_owned(),
        package: client.list_packages(&ListPackages::default()).await.unwrap().items[0]
            .name
            .clone(),
        image: images.iter().find(|image| image.kind == kind).unwrap().id.to_string(),
        ..CreateInstance::default()
    };
    client.create_instance(&create).await.unwrap().id
}

async fn list(client: &Client) -> Known {
    let instances = client.list_all_instances(&ListInstances::default()).await.unwrap();
    instances.into_iter().map(|instance| (instance.id, instance.state)).collect()
}

async fn next(feed: &mut Changefeed) -> ChangefeedItem {
    feed.next().await.unwrap().unwrap()
}

/// Waits for a feed to have begun; for what reason it says to list.
async fn begun(feed: &mut Changefeed) -> ResyncReason {
    loop {
        if let ChangefeedItem::Resync { reason } = next(feed).await {
            return reason;
        }
    }
}

fn options() -> ChangefeedOptions {
    ChangefeedOptions::default().resync_every(None)
}

/// Follows as the documentation says: lists when told to, and takes changes for what they are.
fn follow(client: Client, options: ChangefeedOptions) -> JoinHandle<Known> {
    tokio::spawn(async move {
        let mut known = Known::new();
        let mut feed = client.changefeed(options);
        let mut began = None;
        loop {
            match next(&mut feed).await {
                ChangefeedItem::Resync { .. } => known = list(&client).await,
                ChangefeedItem::Change(change) if change.is_late => {}
                ChangefeedItem::Change(change) if change.is_destroyed() => {
                    known.remove(&change.instance_id);
                }
                ChangefeedItem::Change(change) => {
                    known.insert(change.instance_id, change.state);
                }
                _ => {}
            }
            let since = *began.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(240) {
                return known;
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_life_is_told_as_it_goes() {
    let (_sim, client) = sim();
    let mut feed = client.changefeed(options());
    assert_eq!(begun(&mut feed).await, ResyncReason::FirstConnect);
    let id = create(&client, "web-0").await;
    let mut states = Vec::new();
    let mut told = async |feed: &mut Changefeed, last: InstanceState| loop {
        if let ChangefeedItem::Change(change) = next(feed).await {
            assert_eq!(change.instance_id, id);
            let instance = change.instance.unwrap();
            assert_eq!((instance.name.as_str(), &instance.state), ("web-0", &change.state));
            states.push(change.state.to_string());
            if change.state == last {
                return;
            }
        }
    };
    told(&mut feed, InstanceState::Running).await;
    client.stop_instance(id).await.unwrap();
    told(&mut feed, InstanceState::Stopped).await;
    client.delete_instance(id).await.unwrap();
    told(&mut feed, InstanceState::Deleted).await;
    states.dedup();
    assert_eq!(states, ["provisioning", "running", "stopping", "stopped", "deleted"]);
}

#[tokio::test(start_paused = true)]
async fn the_proxy_never_finds_the_feed_idle() {
    let (_sim, client) = sim();
    let silence = Duration::from_secs(3600);
    let mut feed = client.changefeed(options().silence_max(silence));
    begun(&mut feed).await;
    let since = Instant::now();
    let item = next(&mut feed).await;
    assert!(matches!(item, ChangefeedItem::Interrupted { reason: Interruption::Stalled, .. }));
    assert_eq!(since.elapsed(), silence);
}

/// What a feed does about this trouble when a change is announced that it makes away with.
async fn trouble(kind: FaultKind) -> (Interruption, ResyncReason, Duration) {
    let (sim, client) = sim();
    let id = create(&client, "web-0").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    sim.fault(kind, Fault { times: Some(1), ..Fault::default() });
    let mut feed = client.changefeed(options());
    begun(&mut feed).await;
    feed.announcer().announce(id);
    let since = Instant::now();
    client.stop_instance(id).await.unwrap();
    loop {
        if let ChangefeedItem::Interrupted { reason, .. } = next(&mut feed).await {
            let resync = begun(&mut feed).await;
            return (reason, resync, since.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_falls_silent_is_found_out_by_what_was_announced() {
    for kind in [FaultKind::FeedStalls, FaultKind::FeedDeaf] {
        let (reason, resync, after) = trouble(kind).await;
        assert!(matches!(reason, Interruption::Stalled), "{kind:?}: {reason}");
        assert_eq!((resync, after.as_secs()), (ResyncReason::Stall, 30), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_closed_is_opened_again() {
    let (reason, resync, after) = trouble(FaultKind::FeedCloses).await;
    assert!(matches!(reason, Interruption::Closed(Some((1000, _)))), "{reason}");
    assert!(resync == ResyncReason::Reconnect && after < Duration::from_secs(10), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_cut_in_half_asks_for_a_list() {
    let (sim, client) = sim();
    sim.fault(FaultKind::FeedBogusFrame, Fault { times: Some(1), ..Fault::default() });
    let mut feed = client.changefeed(options());
    begun(&mut feed).await;
    create(&client, "web-0").await;
    assert_eq!(begun(&mut feed).await, ResyncReason::BogusFrame);
}

/// Follows while instances come and go under this trouble; in the end the follower must know what is true.
async fn live_with(kinds: &[FaultKind]) {
    let (sim, client) = sim();
    for kind in kinds {
        sim.fault(*kind, Fault { probability: 0.3, ..Fault::default() });
    }
    let following = follow(client.clone(), ChangefeedOptions::default());
    for round in 0..4 {
        let ids = [
            create(&client, &format!("a-{round}")).await,
            create(&client, &format!("b-{round}")).await,
        ];
        tokio::time::sleep(Duration::from_secs(10)).await;
        client.stop_instance(ids[0]).await.unwrap();
        client.delete_instance(ids[1]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    sim.clear_faults();
    let known = following.await.unwrap();
    assert_eq!(known.len(), 4, "{kinds:?}");
    assert_eq!(known, list(&client).await, "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_the_feed_its_follower_knows_what_is_true_in_the_end() {
    let all = [
        FaultKind::FeedLoses,
        FaultKind::FeedDuplicates,
        FaultKind::FeedReorders,
        FaultKind::FeedStalls,
        FaultKind::FeedCloses,
        FaultKind::FeedBogusFrame,
        FaultKind::FeedDeaf,
    ];
    live_with(&[]).await;
    for kind in all {
        live_with(&[kind]).await;
    }
    live_with(&all).await;
}

#[tokio::test(start_paused = true)]
async fn the_screen_of_a_virtual_machine_speaks_rfb() {
    let (_sim, client) = sim();
    let id = create_of(&client, "vm-0", "zvol").await;
    client.wait_for_instance(id).until_state(InstanceState::Running).await.unwrap();
    let mut screen = client.connect_vnc(id).await.unwrap();
    let mut version = [0; 12];
    screen.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    screen.write_all(&version).await.unwrap();
    // RFC 6143, section 7.1.2: one security type, which is none.
    assert_eq!((screen.read_u8().await.unwrap(), screen.read_u8().await.unwrap()), (1, 1));
    screen.write_u8(1).await.unwrap();
    assert_eq!(screen.read_u32().await.unwrap(), 0);
    screen.write_u8(1).await.unwrap();
    let size = (screen.read_u16().await.unwrap(), screen.read_u16().await.unwrap());
    assert!(size.0 > 0 && size.1 > 0, "{size:?}");
    // The rest of ServerInit; then nothing happens, for much longer than the proxy is patient.
    screen.read_exact(&mut [0; 16]).await.unwrap();
    let mut name = vec![0; screen.read_u32().await.unwrap() as usize];
    screen.read_exact(&mut name).await.unwrap();
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, screen.read_u8()).await.is_err(), "it was cut off");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_screen_says_so() {
    let (_sim, client) = sim();
    let (zone, stopped) =
        (create(&client, "web-0").await, create_of(&client, "vm-0", "zvol").await);
    for id in [zone, stopped] {
        client.wait_for_instance(id).until_state(InstanceState::Running).await.unwrap();
    }
    client.stop_instance(stopped).await.unwrap();
    client.wait_for_instance(stopped).until_state(InstanceState::Stopped).await.unwrap();
    let error = client.connect_vnc(zone).await.unwrap_err();
    assert!(matches!(error, VncError::NoVnc { .. }), "{error:?}");
    let error = client.connect_vnc(stopped).await.unwrap_err();
    assert!(matches!(error, VncError::Stopped { .. }), "{error:?}");
    let nobody = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let error = client.connect_vnc(nobody).await.unwrap_err();
    assert!(matches!(&error, VncError::Call(error) if error.is_not_found()), "{error:?}");
}
