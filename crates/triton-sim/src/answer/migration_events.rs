//! The answer to who watches a migration: a line for each step, as they happen, until it rests.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::sim::Sim;

/// How often VMAPI looks for news.
const INTERVAL: Duration = Duration::from_secs(1);
/// Who reads slower than this waits.
const LINES_MAX: usize = 16;

/// Lines as they come.
struct Lines(mpsc::Receiver<Value>);

/// A body that goes on until the migration does not.
pub(super) fn body(sim: Sim, id: Uuid) -> AxumBody {
    let (lines, receiver) = mpsc::channel(LINES_MAX);
    tokio::spawn(tell(sim, id, lines));
    AxumBody::new(Lines(receiver))
}

async fn tell(sim: Sim, id: Uuid, lines: mpsc::Sender<Value>) {
    let mut told = None;
    loop {
        let (step, end) = look(&sim, id);
        // How long it has taken changes all the time, and is no news.
        let news =
            step.as_ref().map(|step| (step["started_timestamp"].clone(), step["state"].clone()));
        if let Some(step) = step.filter(|_| news != told) {
            if lines.send(step).await.is_err() {
                return;
            }
            told = news;
        }
        if let Some(end) = end {
            // Who has hung up misses nothing.
            let _ = lines.send(end).await;
            return;
        }
        tokio::select! {
            () = lines.closed() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// The step at work or last, and the last line when the migration rests or is no more.
fn look(sim: &Sim, id: Uuid) -> (Option<Value>, Option<Value>) {
    sim.with(|state, now| match state.world.migration(id) {
        Ok(migration) if migration.is_running() => (migration.last_step_json(now), None),
        Ok(migration) => (migration.last_step_json(now), Some(migration.end_json())),
        // An aborted migration is forgotten, and so is what it was.
        Err(_) => (None, Some(json!({ "type": "end", "phase": "abort", "state": "successful" }))),
    })
}

// === impl Lines ===

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let line = |line: Value| Ok(Frame::data(Bytes::from(format!("{line}\n"))));
        self.0.poll_recv(context).map(|next| next.map(line))
    }
}
