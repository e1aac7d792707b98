//! What the mock can do beside running pods: logs and usage.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::Timestamp;
use virtual_node::abilities::{
    AbilityError, ContainerUsage, LogLine, LogOptions, LogRequest, LogStream, Logs, NodeUsage,
    PodUsage, Sample, Usage,
};

use crate::mock::Mock;

/// Memory that a container holds.
const MEMORY: u64 = 16 * 1024 * 1024;

/// Billionths of a core that a container uses.
const CPU: u64 = 5_000_000;

/// The mock for those who read logs.
#[derive(Clone)]
pub(crate) struct Reader(pub(crate) Arc<Mock>);

// === impl Logs for Reader ===

impl Logs for Reader {
    fn logs(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, AbilityError>> {
        let mock = Arc::clone(&self.0);
        async move {
            let first = match request.options.tail {
                None => 0,
                Some(tail) => {
                    let there = lines(&mock, &request).map_or(0, |(lines, _)| lines.len());
                    there.saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX))
                }
            };
            let written = mock.written.subscribe();
            let lines = stream::unfold((mock, request, first, written), next);
            Ok(lines.map(Ok).boxed())
        }
        .boxed()
    }
}

type Position = (Arc<Mock>, LogRequest, usize, tokio::sync::watch::Receiver<()>);

/// The next line; waits for it if the reader follows and the container runs.
async fn next(position: Position) -> Option<(LogLine, Position)> {
    let (mock, request, mut nth, mut written) = position;
    loop {
        written.borrow_and_update();
        let (lines, runs) = lines(&mock, &request)?;
        while let Some(line) = lines.get(nth) {
            nth += 1;
            if is_asked_for(line, &request.options) {
                return Some((line.clone(), (mock, request, nth, written)));
            }
        }
        if !request.options.follow || !runs || written.changed().await.is_err() {
            return None;
        }
    }
}

fn is_asked_for(line: &LogLine, options: &LogOptions) -> bool {
    options.since.is_none_or(|since| line.at >= since)
}

/// All that is kept, and whether more may come.
fn lines(mock: &Mock, request: &LogRequest) -> Option<(Vec<LogLine>, bool)> {
    mock.lines(&request.pod, &request.container)
}

// === impl Usage for Reader ===

impl Usage for Reader {
    fn usage(&self) -> BoxFuture<'_, Result<NodeUsage, AbilityError>> {
        let at = self.0.now();
        let sample = |since: Timestamp| {
            let ran = Duration::try_from(at.duration_since(since)).unwrap_or_default();
            let cpu = Duration::from_nanos(1 + ran.as_secs().saturating_mul(CPU));
            Sample { at, cpu, cpu_rate: Some(CPU), memory: MEMORY }
        };
        let pods = self.0.pods();
        let pods = pods
            .iter()
            .map(|(key, running)| PodUsage {
                key: key.clone(),
                started: Some(running.since),
                total: None,
                containers: running
                    .lives
                    .running()
                    .map(|container| ContainerUsage {
                        name: container.name.to_owned(),
                        started: Some(container.since),
                        sample: sample(container.since),
                    })
                    .collect(),
            })
            .collect();
        async move { Ok(NodeUsage { pods, ..NodeUsage::default() }) }.boxed()
    }
}
