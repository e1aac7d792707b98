//! Every request is a boundary between the process and the world; each can be crossed or be the last thing it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Uri};

use crate::history::Side;

/// A moment at a boundary, by the boundary's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The request was made and is not sent.
    BeforeSend(u64),
    /// It was carried out and not answered.
    AfterCommit(u64),
    /// The answer has come, and nothing was done about it.
    AfterAnswer(u64),
}

/// Numbers boundaries, and says where the process dies; clones share them.
#[derive(Clone, Default)]
pub struct Boundaries(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    crossed: Vec<String>,
    deaths: Vec<Point>,
    died: Vec<Point>,
}

// === impl Point ===

impl Point {
    /// The boundary's number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::BeforeSend(number) | Self::AfterCommit(number) | Self::AfterAnswer(number) => {
                number
            }
        }
    }

    /// The three moments at a boundary.
    #[must_use]
    pub fn all(number: u64) -> [Self; 3] {
        [Self::BeforeSend(number), Self::AfterCommit(number), Self::AfterAnswer(number)]
    }
}

// === impl Boundaries ===

impl Boundaries {
    /// A process dies at each of these points.
    #[must_use]
    pub fn with_deaths(deaths: &[Point]) -> Self {
        let inner = Inner { deaths: deaths.to_vec(), ..Inner::default() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Names of the boundaries that were reached, in order.
    #[must_use]
    pub fn crossed(&self) -> Vec<String> {
        self.inner().crossed.clone()
    }

    /// Where processes died.
    #[must_use]
    pub fn died(&self) -> Vec<Point> {
        self.inner().died.clone()
    }

    pub(crate) fn number(&self, side: Side, method: &Method, uri: &Uri) -> u64 {
        let mut inner = self.inner();
        inner.crossed.push(format!("{side:?} {method} {}", uri.path()));
        inner.crossed.len() as u64 - 1
    }

    /// Whether the process dies here.
    pub(crate) fn reach(&self, point: Point) -> bool {
        let mut inner = self.inner();
        let dies = inner.deaths.contains(&point);
        if dies {
            inner.died.push(point);
        }
        dies
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
