//! Bodies that come in pieces, with pauses, or break off.

use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

/// An answer that must not arrive, or not as a whole.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer is lost on purpose")]
pub(crate) struct AnswerLost;

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// At once.
    Bytes(Bytes),
    /// One byte after the other, each after this long.
    Drip(Bytes, Duration),
    /// This many blanks at once.
    Blanks(u64),
    /// Blanks without end, a chunk each time this has passed.
    BlanksForEver(Duration),
    /// Nothing for this long.
    Pause(Duration),
    /// The body breaks off.
    Break,
}

/// Plays the pieces.
struct Script {
    pieces: VecDeque<Piece>,
    sleep: Option<Pin<Box<Sleep>>>,
}

const BLANKS: &[u8] = &[b' '; 64 * 1024];

/// A body that plays these pieces.
pub(super) fn play(pieces: Vec<Piece>) -> AxumBody {
    AxumBody::new(Script { pieces: pieces.into(), sleep: None })
}

/// The pieces, each byte of what is known on its own.
pub(super) fn drip(pieces: Vec<Piece>, every: Duration) -> Vec<Piece> {
    let slow = |piece| match piece {
        Piece::Bytes(bytes) => Piece::Drip(bytes, every),
        other => other,
    };
    pieces.into_iter().map(slow).collect()
}

/// The first half of what is known, sent off, and then the end.
pub(super) fn cut(pieces: Vec<Piece>) -> Vec<Piece> {
    // Long enough for the half to be on its way before the connection is reset.
    const HEAD_START: Duration = Duration::from_millis(20);
    let half = pieces.into_iter().next().map(|piece| match piece {
        Piece::Bytes(bytes) => Piece::Bytes(bytes.slice(..bytes.len() / 2)),
        Piece::Drip(bytes, every) => Piece::Drip(bytes.slice(..bytes.len() / 2), every),
        other => other,
    });
    half.into_iter().chain([Piece::Pause(HEAD_START), Piece::Break]).collect()
}

// === impl Script ===

impl Script {
    fn rest(&mut self, duration: Duration) {
        self.sleep = Some(Box::pin(tokio::time::sleep(duration)));
    }

    /// What the first piece has to give now; `None`: nothing, look again.
    fn next(&mut self) -> Option<Option<Result<Frame<Bytes>, AnswerLost>>> {
        let Some(piece) = self.pieces.pop_front() else { return Some(None) };
        let give = |bytes: Bytes| Some(Some(Ok(Frame::data(bytes))));
        match piece {
            Piece::Bytes(bytes) if bytes.is_empty() => None,
            Piece::Bytes(bytes) => give(bytes),
            Piece::Drip(bytes, _) if bytes.is_empty() => None,
            Piece::Drip(mut bytes, every) => {
                let first = bytes.split_to(1);
                self.pieces.push_front(Piece::Drip(bytes, every));
                self.rest(every);
                give(first)
            }
            Piece::Blanks(0) => None,
            Piece::Blanks(left) => {
                let now = usize::try_from(left).unwrap_or(usize::MAX).min(BLANKS.len());
                self.pieces.push_front(Piece::Blanks(left - now as u64));
                give(Bytes::from_static(&BLANKS[..now]))
            }
            Piece::BlanksForEver(every) => {
                self.pieces.push_front(Piece::BlanksForEver(every));
                self.rest(every);
                give(Bytes::from_static(BLANKS))
            }
            Piece::Pause(duration) => {
                self.rest(duration);
                None
            }
            Piece::Break => Some(Some(Err(AnswerLost))),
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = AnswerLost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerLost>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            if let Some(given) = self.next() {
                return Poll::Ready(given);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn collect(pieces: Vec<Piece>) -> Option<Vec<u8>> {
        let collected = play(pieces).collect().await.ok()?;
        Some(collected.to_bytes().to_vec())
    }

    fn whole() -> Vec<Piece> {
        vec![Piece::Bytes(Bytes::from_static(b"[1,2]"))]
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_are_played_in_order() {
        let mut pieces = whole();
        pieces.push(Piece::Blanks(70_000));
        let body = collect(pieces).await.unwrap();
        assert_eq!((&body[..5], body.len()), (&b"[1,2]"[..], 70_005));
        assert_eq!(collect(cut(whole())).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_takes_its_time() {
        let started = tokio::time::Instant::now();
        let body = collect(drip(whole(), Duration::from_secs(3))).await;
        assert_eq!(body.as_deref(), Some(&b"[1,2]"[..]));
        assert_eq!(started.elapsed(), Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cut_begins() {
        let mut body = play(cut(drip(whole(), Duration::from_secs(1))));
        for expected in [b"[", b"1"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), &expected[..]);
        }
        assert!(body.frame().await.unwrap().is_err());
    }
}
