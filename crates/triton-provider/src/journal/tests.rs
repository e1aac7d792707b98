//! What becomes durable when, and what the next process finds.

use super::*;
use crate::testing::MemoryCluster;

const WINDOW: Duration = Duration::from_secs(180);

/// More than any test makes at once.
const COMPANY: usize = 100;

async fn open(cluster: &Arc<MemoryCluster>, holder: &str) -> (Journal, Left) {
    open_after(cluster, holder, Before::Somebody).await
}

async fn open_after(cluster: &Arc<MemoryCluster>, holder: &str, before: Before) -> (Journal, Left) {
    let cluster = Arc::clone(cluster);
    Journal::open(cluster, holder.to_owned(), WINDOW, COMPANY, before).await.unwrap()
}

/// A cluster in which nobody ever acted for the node, and the first who does.
async fn first() -> (Arc<MemoryCluster>, Journal) {
    let cluster = Arc::new(MemoryCluster::default());
    let (journal, left) = open_after(&cluster, "a", Before::Nobody).await;
    assert_eq!(left, Left::default());
    (cluster, journal)
}

fn note(second: i64) -> Note {
    Note { at: Timestamp::from_second(second).unwrap() }
}

#[tokio::test(start_paused = true)]
async fn a_note_is_durable_when_record_returns() {
    let (cluster, journal) = first().await;
    journal.record("uid-1", note(1)).await.unwrap();
    assert!(cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn the_next_process_finds_what_the_last_one_left() {
    let (cluster, journal) = first().await;
    journal.record("uid-1", note(1)).await.unwrap();
    journal.record("uid-2", note(2)).await.unwrap();
    journal.clear("uid-1");
    journal.record("uid-3", note(3)).await.unwrap();
    let (_, left) = open(&cluster, "b").await;
    assert_eq!(left.uids.into_iter().collect::<Vec<_>>(), ["uid-2", "uid-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_taken_over_cannot_note_and_so_cannot_create() {
    let (cluster, first) = first().await;
    first.record("uid-1", note(1)).await.unwrap();
    let (second, _) = open(&cluster, "b").await;
    let error = first.record("uid-2", note(2)).await.unwrap_err();
    assert!(matches!(error, JournalError::TakenOver { ref holder } if holder == "b"), "{error:?}");
    assert!(first.lost().is_cancelled() && !second.lost().is_cancelled());
    second.record("uid-3", note(3)).await.unwrap();
    assert!(!cluster.journal_text().contains("uid-2"));
}

#[tokio::test(start_paused = true)]
async fn notes_made_together_share_a_write() {
    let (cluster, journal) = first().await;
    let before = cluster.journal_writes();
    let names: Vec<String> = (0..20).map(|n| format!("uid-{n}")).collect();
    let all = names.iter().map(|uid| journal.record(uid, note(1)));
    futures::future::try_join_all(all).await.unwrap();
    let writes = cluster.journal_writes() - before;
    assert!(writes <= 2, "20 notes took {writes} writes");
}

/// How long it takes to note so many at once, just after as many writes as make a write wait longest.
async fn noted_in_a_rush(notes: usize, company: usize) -> Duration {
    let cluster = Arc::new(MemoryCluster::default());
    let opened =
        Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW, company, Before::Nobody);
    let (journal, _) = opened.await.unwrap();
    for n in 0..4 {
        journal.record(&format!("earlier-{n}"), note(1)).await.unwrap();
    }
    let (start, before) = (Instant::now(), cluster.journal_writes());
    let names: Vec<String> = (0..notes).map(|n| format!("uid-{n}")).collect();
    futures::future::try_join_all(names.iter().map(|uid| journal.record(uid, note(2))))
        .await
        .unwrap();
    assert_eq!(cluster.journal_writes() - before, 1);
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_company_but_not_when_all_are_there_who_can_come() {
    assert!(noted_in_a_rush(8, 9).await >= Duration::from_millis(50), "one more may come");
    assert_eq!(noted_in_a_rush(8, 8).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn cleared_notes_are_written_away_after_a_while() {
    let (cluster, journal) = first().await;
    journal.record("uid-1", note(1)).await.unwrap();
    journal.clear("uid-1");
    tokio::time::sleep(SWEEP * 2).await;
    assert!(!cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_no_note() {
    let (cluster, journal) = first().await;
    cluster.fail_journal(true);
    assert!(matches!(journal.record("uid-1", note(1)).await, Err(JournalError::Write(_))));
    cluster.fail_journal(false);
    journal.record("uid-2", note(2)).await.unwrap();
    assert!(!cluster.journal_text().contains("uid-1"));
}

#[tokio::test(start_paused = true)]
async fn notes_that_nobody_asks_about_are_dropped_when_they_cannot_come_true_any_more() {
    let (cluster, first) = first().await;
    for uid in ["left", "again"] {
        first.record(uid, note(1)).await.unwrap();
    }
    let (second, left) = open(&cluster, "b").await;
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
    let (cluster, journal) = first().await;
    journal.record("uid-1", note(1)).await.unwrap();
    for text in ["", "{", "[]", r#"{"intents": 3}"#, r#"{"holder":"x","intents":{}}"#] {
        cluster
            .save_journal(cluster.load_journal().await.unwrap().version, text.to_owned())
            .await
            .unwrap();
        let (_, left) = open(&cluster, "b").await;
        assert!(left.in_doubt, "{text}");
    }
}

fn uid(n: usize) -> String {
    uuid::Uuid::from_u128(n as u128).to_string()
}

fn long_note() -> Note {
    Note { at: "2026-01-02T03:04:05.123456789Z".parse().unwrap() }
}

#[tokio::test(start_paused = true)]
async fn no_more_creates_are_begun_while_many_are_not_answered() {
    let (cluster, journal) = first().await;
    for n in 0..OPEN_MAX {
        journal.record(&uid(n), long_note()).await.unwrap();
    }
    let refused = journal.record(&uid(OPEN_MAX), long_note()).await;
    assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
    journal.record(&uid(0), long_note()).await.unwrap();
    journal.answered(&uid(0));
    journal.record(&uid(OPEN_MAX), long_note()).await.unwrap();
    assert!(cluster.noted().contains(&uid(0)), "what was answered stays until it is published");
    journal.clear(&uid(0));
    let refused = journal.record(&uid(OPEN_MAX + 1), long_note()).await;
    assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
    journal.clear(&uid(1));
    journal.record(&uid(OPEN_MAX + 1), long_note()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_keeps_nobody_from_creating() {
    let (cluster, journal) = first().await;
    for n in 0..OPEN_MAX {
        journal.record(&uid(n), long_note()).await.unwrap();
    }
    let (journal, left) = open(&cluster, "b").await;
    assert_eq!(left.uids.len(), OPEN_MAX);
    journal.record(&uid(OPEN_MAX), long_note()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_journal_stays_below_thirty_two_kibibytes_and_then_takes_no_more() {
    let (cluster, journal) = first().await;
    for n in 0..NOTES_MAX {
        journal.record(&uid(n), long_note()).await.unwrap();
        journal.answered(&uid(n));
    }
    let refused = journal.record(&uid(NOTES_MAX), long_note()).await;
    assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
    journal.record(&uid(0), long_note()).await.unwrap();
    assert!(cluster.journal_text().len() < 32 * 1024);
    journal.clear(&uid(0));
    journal.record(&uid(NOTES_MAX), long_note()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_not_there_is_a_first_start_only_if_nobody_acted_before() {
    let _nothing_in_doubt = first().await;
    let (_, left) = open(&Arc::default(), "b").await;
    assert!(left.in_doubt);
}

#[tokio::test(start_paused = true)]
async fn doubt_outlives_the_process_that_had_it_and_ends_with_the_window() {
    let cluster = Arc::default();
    let (second, _) = open(&cluster, "b").await;
    second.record("uid-1", note(1)).await.unwrap();
    let (_third, left) = open(&cluster, "c").await;
    assert!(left.in_doubt, "the process before began with it, a moment ago");
    tokio::time::sleep(WINDOW).await;
    let (_fourth, left) = open(&cluster, "d").await;
    assert!(left.in_doubt, "the process before was in doubt until its end");
    tokio::time::sleep(WINDOW + LEFT_MARGIN + SWEEP).await;
    let (_fifth, left) = open(&cluster, "e").await;
    assert_eq!(left, Left::default());
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_somebody_forged_is_in_doubt_although_its_seal_fits() {
    let (cluster, _journal) = first().await;
    assert!(open_after(&cluster, "b", Before::Forger).await.1.in_doubt);
    assert!(open(&cluster, "c").await.1.in_doubt);
}
