//! The journal, on a cluster in memory.

use super::*;
use crate::testing::MemoryCluster;

const WINDOW: Duration = Duration::from_secs(180);

/// Opens it as a process would whose Lease was there before.
async fn open(cluster: Arc<MemoryCluster>, name: &str) -> (Journal, Left) {
    Journal::open(cluster, name.to_owned(), WINDOW, Before::Somebody).await.unwrap()
}

/// Opens it as the first process that ever acted for the node.
async fn open_first(cluster: &Arc<MemoryCluster>) -> Journal {
    let cluster = Arc::clone(cluster);
    let opened = Journal::open(cluster, "a".to_owned(), WINDOW, Before::Nobody).await.unwrap();
    assert_eq!(opened.1, Left::default());
    opened.0
}

fn note(second: i64) -> Note {
    Note { at: Timestamp::from_second(second).unwrap() }
}

#[tokio::test(start_paused = true)]
async fn a_note_is_durable_when_record_returns() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    journal.record("uid-1", note(1)).await.unwrap();
    assert!(cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn the_next_process_finds_what_the_last_one_left() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    journal.record("uid-1", note(1)).await.unwrap();
    journal.record("uid-2", note(2)).await.unwrap();
    journal.clear("uid-1");
    journal.record("uid-3", note(3)).await.unwrap();
    let (_, left) = open(cluster, "b").await;
    assert_eq!(left.uids.into_iter().collect::<Vec<_>>(), ["uid-2", "uid-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_taken_over_cannot_note_and_so_cannot_create() {
    let cluster = Arc::new(MemoryCluster::default());
    let first = open_first(&cluster).await;
    first.record("uid-1", note(1)).await.unwrap();
    let (second, _) = open(Arc::clone(&cluster), "b").await;
    let error = first.record("uid-2", note(2)).await.unwrap_err();
    assert!(matches!(error, JournalError::TakenOver { ref holder } if holder == "b"), "{error:?}");
    assert!(first.lost().is_cancelled() && !second.lost().is_cancelled());
    second.record("uid-3", note(3)).await.unwrap();
    assert!(!cluster.journal_text().contains("uid-2"));
}

#[tokio::test(start_paused = true)]
async fn notes_made_together_share_a_write() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    let before = cluster.journal_writes();
    let names: Vec<String> = (0..20).map(|n| format!("uid-{n}")).collect();
    let all = names.iter().map(|uid| journal.record(uid, note(1)));
    futures::future::try_join_all(all).await.unwrap();
    let writes = cluster.journal_writes() - before;
    assert!(writes <= 2, "20 notes took {writes} writes");
}

#[tokio::test(start_paused = true)]
async fn cleared_notes_are_written_away_after_a_while() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    journal.record("uid-1", note(1)).await.unwrap();
    journal.clear("uid-1");
    tokio::time::sleep(SWEEP * 2).await;
    assert!(!cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_no_note() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    cluster.fail_journal(true);
    assert!(matches!(journal.record("uid-1", note(1)).await, Err(JournalError::Write(_))));
    cluster.fail_journal(false);
    journal.record("uid-2", note(2)).await.unwrap();
    assert!(!cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn notes_that_nobody_asks_about_are_dropped_when_they_cannot_come_true_any_more() {
    let cluster = Arc::new(MemoryCluster::default());
    let first = open_first(&cluster).await;
    for uid in ["left", "again"] {
        first.record(uid, note(1)).await.unwrap();
    }
    let (second, left) = open(Arc::clone(&cluster), "b").await;
    assert_eq!(left.uids.len(), 2);
    tokio::time::sleep(WINDOW).await;
    second.record("again", note(2)).await.unwrap();
    tokio::time::sleep(LEFT_MARGIN / 2).await;
    assert_eq!(cluster.noted(), ["again", "left"]);
    tokio::time::sleep(LEFT_MARGIN + SWEEP).await;
    assert_eq!(cluster.noted(), ["again"], "a note that was made again is another one");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_somebody_edited_leaves_every_pod_in_doubt() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    journal.record("uid-1", note(1)).await.unwrap();
    for text in ["", "{", "[]", r#"{"intents": 3}"#, r#"{"holder":"x","intents":{}}"#] {
        cluster
            .save_journal(cluster.load_journal().await.unwrap().version, text.to_owned())
            .await
            .unwrap();
        let (_, left) = open(Arc::clone(&cluster), "b").await;
        assert!(left.in_doubt, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_stays_below_eight_kilobytes_and_then_takes_no_more() {
    let cluster = Arc::new(MemoryCluster::default());
    let journal = open_first(&cluster).await;
    let uid = |n: usize| uuid::Uuid::from_u128(n as u128).to_string();
    let at = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
    for n in 0..NOTES_MAX {
        journal.record(&uid(n), Note { at }).await.unwrap();
    }
    let refused = journal.record(&uid(NOTES_MAX), Note { at }).await;
    assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
    journal.record(&uid(0), Note { at }).await.unwrap();
    assert!(cluster.journal_text().len() < 8 * 1024);
    journal.clear(&uid(0));
    journal.record(&uid(NOTES_MAX), Note { at }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_not_there_is_a_first_start_only_if_nobody_acted_before() {
    open_first(&Arc::new(MemoryCluster::default())).await;
    let (_, left) = open(Arc::new(MemoryCluster::default()), "b").await;
    assert!(left.in_doubt);
}

#[tokio::test(start_paused = true)]
async fn doubt_outlives_the_process_that_had_it_and_ends_with_the_window() {
    let cluster = Arc::new(MemoryCluster::default());
    let (second, _) = open(Arc::clone(&cluster), "b").await;
    second.record("uid-1", note(1)).await.unwrap();
    let (_third, left) = open(Arc::clone(&cluster), "c").await;
    assert!(left.in_doubt, "the process before began with it, a moment ago");
    tokio::time::sleep(WINDOW).await;
    let (_fourth, left) = open(Arc::clone(&cluster), "d").await;
    assert!(left.in_doubt, "the process before was in doubt until its end");
    tokio::time::sleep(WINDOW + LEFT_MARGIN + SWEEP).await;
    let (_fifth, left) = open(cluster, "e").await;
    assert_eq!(left, Left::default());
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_somebody_forged_is_in_doubt_although_its_seal_fits() {
    let cluster = Arc::new(MemoryCluster::default());
    open_first(&cluster).await;
    let opened = Journal::open(Arc::clone(&cluster), "b".to_owned(), WINDOW, Before::Forger).await;
    assert!(opened.unwrap().1.in_doubt);
    assert!(open(cluster, "c").await.1.in_doubt);
}
