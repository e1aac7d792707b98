//! What an endpoint answers.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Text(String),
    /// What happens to the migration of this instance, line by line.
    MigrationEvents(Uuid),
}

/// An answer without the headers that all answers have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// A reply, and when it goes out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Waited for after the change was made.
    pub(crate) delay: Duration,
    /// The reply's body becomes this instance as it is after the delay.
    pub(crate) read_back: Option<Uuid>,
    /// The connection stops being HTTP, if the request's handshake is in order.
    pub(crate) upgrade: Option<Upgrade>,
}

/// What a connection becomes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Upgrade {
    /// The changefeed of an account, asked for by this login.
    Changefeed { account: Uuid, login: String },
    /// The screen of an instance.
    Vnc { instance: Uuid },
}

// === impl Reply ===

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(crate) fn text(body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Text(body) }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

// === impl Answer ===

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, delay: Duration::ZERO, read_back: None, upgrade: None }
    }
}

impl Answer {
    /// 200 with this body.
    pub(crate) fn ok(body: Value) -> Self {
        Reply::json(200, body).into()
    }

    /// 101, if the handshake is in order.
    pub(crate) fn upgrade(upgrade: Upgrade) -> Self {
        Self { upgrade: Some(upgrade), ..Self::empty(101) }
    }

    /// A body-less answer.
    pub(crate) fn empty(status: u16) -> Self {
        Reply::empty(status).into()
    }
}
