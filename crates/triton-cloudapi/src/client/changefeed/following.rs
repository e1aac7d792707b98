//! The task behind a feed: hands events to the supervisor and does what it says.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::error::ChangefeedError;
use super::item::{ChangefeedItem, Interruption};
use super::options::ChangefeedOptions;
use super::outbox::Outbox;
use super::supervisor::{Event, Step, Supervisor};
use crate::changefeed::open_changefeed;
use crate::client::Client;
use crate::client::error::Error;
use crate::client::websocket::{self, WebSocket};
use crate::ids::InstanceId;

/// How long one small frame may take to be written, before the connection is taken for dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

type Opening = Pin<Box<dyn Future<Output = Result<Box<WebSocket>, ChangefeedError>> + Send>>;

/// The connection, such as it is.
enum Connection {
    None,
    Opening(Opening),
    Open(Box<WebSocket>),
}

/// What the connection says.
enum Spoken {
    Opened(Result<Box<WebSocket>, ChangefeedError>),
    Heard(Option<Result<Message, tungstenite::Error>>),
}

struct Following {
    client: Client,
    supervisor: Supervisor,
    subscription: String,
    connection: Connection,
    outbox: Outbox,
    failed: Option<ChangefeedError>,
}

/// Follows until the caller is gone, or it makes no sense.
pub(super) async fn follow(
    client: Client,
    options: ChangefeedOptions,
    mut announcements: mpsc::Receiver<InstanceId>,
    give: mpsc::Sender<Result<ChangefeedItem, ChangefeedError>>,
) {
    let mut following = Following {
        client,
        subscription: options.subscription.to_message(),
        outbox: Outbox::new(options.buffer),
        supervisor: Supervisor::new(options, Instant::now()),
        connection: Connection::None,
        failed: None,
    };
    while following.failed.is_none() {
        let wake_at = following.supervisor.wake_at();
        tokio::select! {
            biased;
            () = give.closed() => return,
            permit = give.reserve(), if !following.outbox.is_empty() => {
                let (Ok(permit), Some(item)) = (permit, following.outbox.take()) else { return };
                permit.send(Ok(item));
            }
            spoken = following.connection.next() => following.heard(spoken).await,
            Some(id) = announcements.recv() => following.take_in(Event::Announced(id)).await,
            () = tokio::time::sleep_until(wake_at) => following.take_in(Event::Tick).await,
        }
    }
    following.connection = Connection::None;
    while let Some(item) = following.outbox.take() {
        if give.send(Ok(item)).await.is_err() {
            return;
        }
    }
    if let Some(error) = following.failed {
        // The caller may be gone by now.
        let _ = give.send(Err(error)).await;
    }
}

async fn open(client: Client) -> Result<Box<WebSocket>, ChangefeedError> {
    let request =
        open_changefeed().map_err(|error| ChangefeedError::Call(Error::Request(error)))?;
    Ok(Box::new(websocket::open(&client, &request, None).await?))
}

// === impl Following ===

impl Following {
    async fn heard(&mut self, spoken: Spoken) {
        match spoken {
            Spoken::Opened(Ok(socket)) => {
                self.connection = Connection::Open(socket);
                self.take_in(Event::Opened).await;
            }
            Spoken::Opened(Err(error)) => self.take_in(Event::NotOpened(error)).await,
            Spoken::Heard(Some(Ok(Message::Text(text)))) => {
                self.take_in(Event::Text(text.as_str())).await;
            }
            Spoken::Heard(Some(Ok(Message::Pong(_)))) => self.take_in(Event::Pong).await,
            Spoken::Heard(Some(Ok(Message::Close(frame)))) => {
                let why = frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                self.take_in(Event::Gone(Interruption::Closed(why))).await;
            }
            Spoken::Heard(Some(Ok(_))) => self.take_in(Event::Traffic).await,
            Spoken::Heard(Some(Err(error))) => {
                self.take_in(Event::Gone(Interruption::Broken(error.to_string()))).await;
            }
            Spoken::Heard(None) => self.take_in(Event::Gone(Interruption::Closed(None))).await,
        }
    }

    async fn take_in(&mut self, event: Event<'_>) {
        let mut steps = self.step(event);
        // A write that fails is an event of its own, whose steps never write.
        while let Err(why) = self.do_all(steps).await {
            steps = self.step(Event::Gone(Interruption::Broken(why)));
        }
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Step> {
        let chance = (self.client.inner.chance)();
        self.supervisor.step(event, Instant::now(), chance)
    }

    async fn do_all(&mut self, steps: Vec<Step>) -> Result<(), String> {
        for step in steps {
            match step {
                Step::Open => {
                    self.connection = Connection::Opening(Box::pin(open(self.client.clone())));
                }
                Step::Subscribe => self.write(Message::text(self.subscription.clone())).await?,
                Step::Ping => self.write(Message::Ping(Bytes::new())).await?,
                Step::Close => self.connection = Connection::None,
                Step::Tell(item) => {
                    tracing::debug!(%item, "changefeed");
                    self.outbox.push(item);
                }
                Step::Fail(error) => self.failed = Some(error),
            }
        }
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), String> {
        let Connection::Open(socket) = &mut self.connection else { return Ok(()) };
        match tokio::time::timeout(WRITE_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("nothing could be written for {} s", WRITE_TIMEOUT.as_secs())),
        }
    }
}

// === impl Connection ===

impl Connection {
    /// What it says next. May be dropped and called again.
    async fn next(&mut self) -> Spoken {
        match self {
            Self::None => pending().await,
            Self::Opening(opening) => {
                let opened = opening.await;
                // Not to be polled again.
                *self = Self::None;
                Spoken::Opened(opened)
            }
            Self::Open(socket) => Spoken::Heard(socket.next().await),
        }
    }
}
