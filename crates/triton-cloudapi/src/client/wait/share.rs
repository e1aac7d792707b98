//! One list for all who wait for instances, so that a hundred waits do not ask a hundred times a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::{Client, Error, list_all};
use crate::ids::InstanceId;
use crate::instances::{Instance, ListInstances, Presence};
use crate::page::PAGE_MAX;
use crate::request::Priority;

/// From so many on, those who wait share a list; below, each asks for its own instance, which is less to read.
const SHARED_FROM: usize = 6;

/// How long a list serves. Less than the shortest time between two looks of the same wait.
const LIST_AGE_MAX: Duration = Duration::from_millis(800);

/// What those who wait for instances of one account share.
#[derive(Default)]
pub(crate) struct SharedLooks {
    waiting: AtomicUsize,
    list: Mutex<Option<List>>,
}

/// A list, and when it was asked for.
struct List {
    asked_at: Instant,
    by_id: Arc<BTreeMap<InstanceId, Instance>>,
}

/// Somebody waits, as long as this lives.
pub(super) struct Waiting {
    client: Client,
    since: Instant,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(client: &Client) -> Self {
        client.inner.looks.waiting.fetch_add(1, Ordering::Relaxed);
        Self { client: client.clone(), since: Instant::now() }
    }

    /// Looks for an instance, alone or with the others.
    pub(super) async fn look(&self, id: InstanceId) -> Result<Presence, Error> {
        let looks = &self.client.inner.looks;
        let pages = {
            let list = looks.list.lock().await;
            list.as_ref().map_or(1, |list| list.by_id.len().div_ceil(PAGE_MAX as usize).max(1))
        };
        // A long list has many pages, each of which is a request as dear as many single ones.
        if looks.waiting.load(Ordering::Relaxed) < SHARED_FROM * pages {
            return self.client.find_instance(id).await;
        }
        match self.list().await?.get(&id) {
            Some(instance) => Ok(Presence::Present(Box::new(instance.clone()))),
            // Failed and destroyed ones are not in the list, and neither is one that was overlooked.
            None => self.client.find_instance(id).await,
        }
    }

    async fn list(&self) -> Result<Arc<BTreeMap<InstanceId, Instance>>, Error> {
        // Whoever comes while the list is being read waits here for it.
        let mut list = self.client.inner.looks.list.lock().await;
        let now = Instant::now();
        // A list from before the wait may show how things were before what is waited for.
        let is_fresh =
            |list: &&List| list.asked_at >= self.since && now - list.asked_at <= LIST_AGE_MAX;
        if let Some(list) = list.as_ref().filter(is_fresh) {
            return Ok(Arc::clone(&list.by_id));
        }
        let filter = ListInstances::default();
        let all = list_all::list_all(&self.client, &filter, Priority::Delete).await?;
        let by_id = Arc::new(all.into_iter().map(|instance| (instance.id, instance)).collect());
        *list = Some(List { asked_at: now, by_id: Arc::clone(&by_id) });
        Ok(by_id)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let looks = &self.client.inner.looks;
        if looks.waiting.fetch_sub(1, Ordering::Relaxed) == 1
            && let Ok(mut list) = looks.list.try_lock()
        {
            // The last one to leave puts the list away: it may be large.
            *list = None;
        }
    }
}
