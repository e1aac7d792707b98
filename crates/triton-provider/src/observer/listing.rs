//! One list of our instances, page by page, and what is kept of it.

use std::future::Future;
use std::pin::Pin;

use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::ListInstances;
use triton_podspec::ownership;

use crate::adopt;
use crate::adopt::gate::FirstProvider;
use crate::seen::{NodeMark, Seen, Shared};

/// A list on its way.
pub(super) type Listing = Pin<Box<dyn Future<Output = Result<Vec<Seen>, Error>> + Send>>;

/// Lists all our instances. One whose tags do not name this cluster, this node and a pod is not ours and is left out,
/// whatever the server's filter let through.
///
/// The first list, with `left`, does not ask for the cluster: it shows what the first provider left, too.
pub(super) fn list(
    client: Client,
    cluster: String,
    node: String,
    left: Option<FirstProvider>,
) -> Listing {
    Box::pin(async move {
        let tags = ownership::filter(&cluster, &node);
        let ours = ListInstances { tags, ..ListInstances::default() };
        let filter = if left.is_some() { adopt::filter(&node) } else { ours };
        let (mut shared, mut others) = (Shared::default(), Vec::new());
        let keep = |instance| {
            let seen =
                shared.seen(&instance).filter(|seen| is_ours(&seen.mark.node, &cluster, &node));
            if seen.is_none() && left.is_some() {
                others.extend(adopt::left_of(&instance, &node));
            }
            seen
        };
        let seen = client.collect_instances(&filter, keep).await?;
        if let Some(left) = left {
            left.found(others);
        }
        Ok(seen)
    })
}

pub(super) fn is_ours(mark: &NodeMark, cluster: &str, node: &str) -> bool {
    *mark.cluster == *cluster && *mark.node == *node
}

/// How many pages a list of so many instances takes: each has a thousand, and overlaps the one before by fifty.
pub(super) fn pages(instances: usize) -> u32 {
    let more = instances.saturating_sub(1000 - 1).div_ceil(950);
    u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_fills_its_page_takes_one_more() {
        for (instances, expected) in
            [(0, 1), (999, 1), (1000, 2), (1949, 2), (1950, 3), (10_000, 11)]
        {
            assert_eq!(pages(instances), expected, "{instances}");
        }
    }
}
