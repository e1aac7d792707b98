//! One list of our instances, page by page, and what is kept of it.

use std::future::Future;
use std::pin::Pin;

use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::{Instance, ListInstances};
use triton_podspec::ownership;

use crate::seen::{NodeMark, Seen, Shared};

/// A list on its way.
pub(super) type Listing = Pin<Box<dyn Future<Output = Result<Listed, Error>> + Send>>;

/// What a list brings.
pub(super) struct Listed {
    /// Our instances.
    pub(super) ours: Vec<Seen>,
    /// Instances that name this node and no cluster; only the first list looks for them.
    pub(super) unmarked: Option<Vec<Instance>>,
}

/// Lists all our instances. One whose tags do not name this cluster, this node and a pod is not ours and is left out,
/// whatever the server's filter let through.
///
/// The first list is one of all instances that name the node: those that name no cluster are the first provider's.
pub(super) fn list(client: Client, cluster: String, node: String, is_first: bool) -> Listing {
    Box::pin(async move {
        let mut tags = ownership::filter(&cluster, &node);
        if is_first {
            tags.remove(ownership::CLUSTER);
        }
        let filter = ListInstances { tags, ..ListInstances::default() };
        let (mut shared, mut unmarked) = (Shared::default(), Vec::new());
        let keep = |instance: Instance| {
            if !instance.tags.contains_key(ownership::CLUSTER) {
                unmarked.push(instance);
                return None;
            }
            shared.seen(&instance).filter(|seen| is_ours(&seen.mark.node, &cluster, &node))
        };
        let ours = client.collect_instances(&filter, keep).await?;
        Ok(Listed { ours, unmarked: is_first.then_some(unmarked) })
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
