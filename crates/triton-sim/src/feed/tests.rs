//! Who gets what of a batch, and what faults make of it.

use super::*;
use crate::faults::{Fault, FaultScope};

const JILL: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);
const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const ALL_STATES: &[u8] = br#"{"resource":"vm","subResources":["state"]}"#;

/// Changes of the state of instances with these numbers, all of jill's.
fn items(ids: &[u128]) -> VecDeque<Item> {
    let item = |id: &u128| Item {
        seq: 1,
        owner: JILL,
        id: Uuid::from_u128(*id),
        sub_resources: vec!["state", "zone_state"],
        state: "running",
        object: json!({ "id": Uuid::from_u128(*id), "package": "" }),
    };
    ids.iter().map(item).collect()
}

struct Stage {
    feed: Feed,
    faults: Faults,
    id: u64,
    receiver: mpsc::Receiver<Outgoing>,
}

fn stage(account: Uuid, faults: &[FaultKind]) -> Stage {
    let mut feed = Feed::default();
    let (id, receiver) = feed.open(account, "jill".to_owned());
    let mut set = Faults::new(1);
    for kind in faults {
        set.set(*kind, Fault::default().times(1), NOW);
    }
    let mut stage = Stage { feed, faults: set, id, receiver };
    stage.subscribe(ALL_STATES);
    stage
}

impl Stage {
    fn subscribe(&mut self, text: &[u8]) {
        self.feed.subscribe(self.id, text, &mut self.faults, NOW);
    }

    /// The last digits of the ids that arrive; `?` is no event, `#` the end.
    fn publish(&mut self, ids: &[u128]) -> String {
        self.feed.publish(&items(ids), &mut self.faults, NOW);
        let mut arrived = String::new();
        while let Ok(outgoing) = self.receiver.try_recv() {
            arrived.push(match outgoing {
                Outgoing::Close => '#',
                Outgoing::Text(text) => serde_json::from_str::<Value>(&text)
                    .ok()
                    .and_then(|event| event["changedResourceId"].as_str()?.chars().last())
                    .unwrap_or('?'),
            });
        }
        arrived
    }
}

#[test]
fn an_account_gets_its_own_and_what_it_subscribed_to() {
    assert_eq!(stage(JILL, &[]).publish(&[1, 2, 1]), "121");
    assert_eq!(stage(BOB, &[]).publish(&[1, 2]), "");
    let mut stage = stage(JILL, &[]);
    stage.subscribe(br#"{"resource":"vm","subResources":["tags"]}"#);
    assert_eq!(stage.publish(&[1]), "", "the last subscription counts");
    stage.subscribe(b"nonsense");
    assert_eq!(stage.publish(&[1]), "", "nonsense changes nothing");
    stage.subscribe(ALL_STATES);
    assert_eq!(stage.publish(&[1]), "1");
}

#[test]
fn without_a_subscription_nothing_comes() {
    let mut feed = Feed::default();
    let (_, mut receiver) = feed.open(JILL, "jill".to_owned());
    feed.publish(&items(&[1]), &mut Faults::new(1), NOW);
    assert!(receiver.try_recv().is_err());
}

#[track_caller]
fn check(fault: FaultKind, first: &str, second: &str) {
    let mut stage = stage(JILL, &[fault]);
    assert_eq!((&*stage.publish(&[1, 2]), &*stage.publish(&[3, 4])), (first, second), "{fault:?}");
}

#[test]
fn faults_strike_events_and_connections() {
    let of_feed = |kind: &FaultKind| kind.entry().scope == FaultScope::Feed;
    for kind in FaultKind::ALL.into_iter().filter(of_feed) {
        let (first, second) = match kind {
            FaultKind::FeedLoses => ("2", "34"),
            FaultKind::FeedDuplicates => ("112", "34"),
            FaultKind::FeedReorders => ("21", "34"),
            FaultKind::FeedStalls | FaultKind::FeedDeaf => ("", ""),
            FaultKind::FeedBogusFrame => ("?12", "34"),
            FaultKind::FeedCloses => ("#", "34"),
            other => panic!("{other} has no row"),
        };
        check(kind, first, second);
    }
}

#[test]
fn a_deaf_feed_hears_the_next_subscription() {
    let mut stage = stage(JILL, &[FaultKind::FeedDeaf]);
    assert_eq!(stage.publish(&[1]), "");
    stage.subscribe(ALL_STATES);
    assert_eq!(stage.publish(&[2]), "2");
}

#[test]
fn events_look_as_cloudapis() {
    let texts = texts(&items(&[7, 7]), Timestamp::from_millisecond(1_767_323_045_678).unwrap());
    let event: Value = serde_json::from_str(&texts[0]).unwrap();
    let id = Uuid::from_u128(7);
    assert_eq!(
        event,
        json!({
            "changeKind": { "resource": "vm", "subResources": ["state", "zone_state"] },
            "changedResourceId": id,
            "published": "1767323045678",
            "resourceState": "running",
            "resourceObject": { "id": id, "package": "" },
        })
    );
    assert!(texts[1].contains("1767323045679"), "no two of one instance at one moment");
}

#[test]
fn who_does_not_read_is_dropped() {
    let mut stage = stage(JILL, &[]);
    let many: Vec<u128> = vec![1; PENDING_MAX + 1];
    stage.feed.publish(&items(&many), &mut stage.faults, NOW);
    assert!(stage.feed.followers.is_empty());
}
