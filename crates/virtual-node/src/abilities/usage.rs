//! What pods use of processors and memory: `kubectl top`, and what autoscalers decide by.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::AbilityError;
use crate::provider::PodKey;

/// Measures.
pub trait Usage: Send + Sync + 'static {
    /// What the node and its pods use. The metrics server asks every 15 s; answer from what was measured lately.
    ///
    /// Leave out what is not known: the metrics server takes a zero for a measurement, and drops a pod of which one
    /// container has one.
    ///
    /// # Errors
    /// When nothing is known.
    fn usage(&self) -> BoxFuture<'_, Result<NodeUsage, AbilityError>>;
}

/// What a node and its pods use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeUsage {
    /// Since when it has been measured.
    pub started: Option<Timestamp>,
    /// The whole node; `None` is the sum of its pods.
    pub total: Option<Sample>,
    /// Each pod that runs.
    pub pods: Vec<PodUsage>,
}

/// What a pod uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodUsage {
    /// Whose.
    pub key: PodKey,
    /// Since when it runs.
    pub started: Option<Timestamp>,
    /// The whole pod; `None` is the sum of its containers.
    pub total: Option<Sample>,
    /// Each container that runs.
    pub containers: Vec<ContainerUsage>,
}

/// What a container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    /// Its name in the spec.
    pub name: String,
    /// Since when this life of it runs.
    pub started: Option<Timestamp>,
    /// How much.
    pub sample: Sample,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Processor time of all cores since the start; it never goes back.
    pub cpu: Duration,
    /// Billionths of a core in use at the time, if that is known.
    pub cpu_rate: Option<u64>,
    /// Bytes of memory that could not be taken away (`workingSetBytes`).
    pub memory: u64,
}

// === impl NodeUsage ===

impl NodeUsage {
    /// The whole node.
    #[must_use]
    pub fn sum(&self) -> Option<Sample> {
        self.total.or_else(|| Sample::sum(self.pods.iter().filter_map(PodUsage::sum)))
    }
}

// === impl PodUsage ===

impl PodUsage {
    /// The whole pod.
    #[must_use]
    pub fn sum(&self) -> Option<Sample> {
        self.total.or_else(|| Sample::sum(self.containers.iter().map(|container| container.sample)))
    }
}

// === impl Sample ===

impl Sample {
    /// Of several, measured when the last of them was; `None` of none. A rate is known only where all are.
    #[must_use]
    pub fn sum(samples: impl IntoIterator<Item = Self>) -> Option<Self> {
        samples.into_iter().reduce(|a, b| Self {
            at: a.at.max(b.at),
            cpu: a.cpu.saturating_add(b.cpu),
            cpu_rate: a.cpu_rate.zip(b.cpu_rate).map(|(a, b)| a.saturating_add(b)),
            memory: a.memory.saturating_add(b.memory),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, cpu: u64, cpu_rate: Option<u64>) -> Sample {
        let at = Timestamp::from_second(second).unwrap();
        Sample { at, cpu: Duration::from_secs(cpu), cpu_rate, memory: 10 }
    }

    #[test]
    fn a_sum_is_as_new_as_its_newest_part_and_knows_no_more_than_all_of_them() {
        let both = Sample::sum([sample(1, 2, Some(5)), sample(3, 4, Some(6))]).unwrap();
        assert_eq!(both, Sample { memory: 20, ..sample(3, 6, Some(11)) });
        let one = Sample::sum([sample(1, 2, Some(5)), sample(3, 4, None)]).unwrap();
        assert_eq!(one.cpu_rate, None);
        assert_eq!(Sample::sum([]), None);
    }
}
