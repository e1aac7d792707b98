//! Lists as streams: pages are fetched as they are needed, and what is on two of them comes once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::list_all::{too_long, unreadable};
use super::paging::{PAGES_MAX, Paging};
use super::{Client, Error};
use crate::ids::{InstanceId, NetworkId};
use crate::instances::{Instance, ListInstances};
use crate::network_ips::{ListNetworkIps, NetworkIp};
use crate::page::Page;

/// The elements of a list, each once.
///
/// An element that cannot be read is an [`Error::Incomplete`] in its place, and the others follow. A list that changed
/// while it was read, so that something may be missing, ends in an [`Error::Incomplete`]. So whoever collects until the
/// first error never takes a part of a list for the whole. Any other error ends the stream.
#[must_use = "nothing is asked for before the first element is"]
pub struct ListStream<T> {
    /// Fetches the page at an offset.
    fetch: Box<dyn Fn(u32, u32) -> Fetching<T> + Send + Sync>,
    /// Takes a page in.
    take: Box<dyn FnMut(Page<T>) -> Step<T> + Send + Sync>,
    fetching: Option<Fetching<T>>,
    waiting: VecDeque<Result<T, Error>>,
    place: Place,
    pages: u32,
    has_changed: bool,
    is_done: bool,
}

type Fetching<T> = Pin<Box<dyn Future<Output = Result<Page<T>, Error>> + Send>>;

/// Where the next page begins, and how long it is to be.
#[derive(Clone, Copy)]
struct Place {
    offset: u32,
    limit: u32,
}

/// What a page brings.
struct Step<T> {
    items: Vec<Result<T, Error>>,
    is_last: bool,
    has_gap: bool,
    next: Place,
}

// === impl Client ===

impl Client {
    /// The account's instances, page by page.
    ///
    /// For the whole list at once, without gaps when it changes on the way, see [`Client::list_all_instances`].
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt as _;
    /// use triton_cloudapi::client::{Client, Error};
    /// use triton_cloudapi::instances::ListInstances;
    ///
    /// # async fn names(client: &Client) -> Result<(), Error> {
    /// let mut instances = client.stream_instances(&ListInstances::default().with_tag("role", "web"));
    /// while let Some(instance) = instances.try_next().await? {
    ///     println!("{}", instance.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream_instances(&self, filter: &ListInstances) -> ListStream<Instance> {
        let (client, filter) = (self.clone(), filter.clone());
        let paging = Paging::<InstanceId>::new(filter.offset, filter.limit);
        let fetch = move |offset, limit| -> Fetching<Instance> {
            let (limit, offset) = (Some(limit), Some(offset));
            let (client, list) =
                (client.clone(), ListInstances { limit, offset, ..filter.clone() });
            Box::pin(async move { client.list_instances(&list).await })
        };
        ListStream::new(fetch, paging, |instance| instance.id)
    }

    /// The addresses of a network that are used or reserved, page by page.
    pub fn stream_network_ips(
        &self,
        network: NetworkId,
        list: &ListNetworkIps,
    ) -> ListStream<NetworkIp> {
        let client = self.clone();
        let paging = Paging::new(list.offset, list.limit);
        let fetch = move |offset, limit| -> Fetching<NetworkIp> {
            let client = client.clone();
            let list = ListNetworkIps { limit: Some(limit), offset: Some(offset) };
            Box::pin(async move { client.list_network_ips(network, &list).await })
        };
        ListStream::new(fetch, paging, |ip| ip.ip)
    }
}

// === impl ListStream ===

impl<T> ListStream<T> {
    fn new<K: Ord + Send + Sync + 'static>(
        fetch: impl Fn(u32, u32) -> Fetching<T> + Send + Sync + 'static,
        mut paging: Paging<K>,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Self {
        let place = Place { offset: paging.offset, limit: paging.limit };
        let take = move |page: Page<T>| {
            let taken = paging.take(page, &key);
            let mut items: Vec<_> = taken.fresh.into_iter().map(Ok).collect();
            items.extend(taken.odd.iter().map(|odd| Err(unreadable(odd))));
            let next = Place { offset: paging.offset, limit: paging.limit };
            Step { items, is_last: taken.is_last, has_gap: taken.has_gap, next }
        };
        Self {
            fetch: Box::new(fetch),
            take: Box::new(take),
            fetching: None,
            waiting: VecDeque::new(),
            place,
            pages: 0,
            has_changed: false,
            is_done: false,
        }
    }

    /// Whether the list was seen to change under the pages, so that something may be missing.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    fn step(&mut self, page: Page<T>) {
        let step = (self.take)(page);
        self.place = step.next;
        self.pages += 1;
        self.has_changed |= step.has_gap;
        self.waiting.extend(step.items);
        self.is_done = step.is_last || self.pages >= PAGES_MAX;
        if self.is_done && !step.is_last {
            self.waiting.push_back(Err(too_long()));
        }
        if self.is_done && self.has_changed {
            let reason = "it changed while it was read".to_owned();
            self.waiting.push_back(Err(Error::Incomplete { reason }));
        }
    }
}

impl<T: Unpin> Stream for ListStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.waiting.pop_front() {
                return Poll::Ready(Some(item));
            }
            if this.is_done {
                return Poll::Ready(None);
            }
            let place = this.place;
            let fetching =
                this.fetching.get_or_insert_with(|| (this.fetch)(place.offset, place.limit));
            let page = ready!(fetching.as_mut().poll(context));
            this.fetching = None;
            match page {
                Ok(page) => this.step(page),
                Err(error) => {
                    this.is_done = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl<T> std::fmt::Debug for ListStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListStream")
            .field("offset", &self.place.offset)
            .field("pages", &self.pages)
            .field("has_changed", &self.has_changed)
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}
