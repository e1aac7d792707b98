//! One command and whoever watches it: several streams on one WebSocket, told apart by each message's first byte.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex,
};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::abilities::{AbilityError, Exec, ExecIo, ExecRequest, TerminalSize};
use crate::api::chain;

/// How long a session may be silent, as the kubelet's `streamingConnectionIdleTimeout`. Clients send pings.
const IDLE: Duration = Duration::from_secs(4 * 60 * 60);

/// What may wait between a command and its watcher, of each stream.
const PIPE_BYTES: usize = 64 * 1024;

/// The longest message of output.
const CHUNK_BYTES: usize = 16 * 1024;

/// The longest message that is taken in.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// Messages that wait to be sent.
const WAITING: usize = 16;

/// Sizes of a terminal that wait to be taken in.
const SIZES: usize = 8;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

/// Version 5: the stream that the second byte names is over.
const CLOSE: u8 = 255;

/// A version of the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The end of standard input cannot be told.
    V4,
    /// It can.
    V5,
}

/// What a session carries.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

// === impl Protocol ===

impl Protocol {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::V4, Self::V5].into_iter().find(|protocol| protocol.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }
}

// === impl Session ===

impl Session {
    /// Runs the command until it ends or nobody watches it any more.
    pub(super) async fn run<I>(self, connection: I, exec: Arc<dyn Exec>, request: ExecRequest)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES));
        let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(limits)).await;
        let (sink, stream) = socket.split();
        let (send, waiting) = mpsc::channel(WAITING);
        let sending = tokio::spawn(send_all(sink, waiting));

        let mut io = ExecIo::default();
        let pipe = |wanted: bool| wanted.then(|| duplex(PIPE_BYTES)).unzip();
        let (stdin, typed): (_, Option<DuplexStream>) = pipe(self.stdin);
        io.stdin = stdin.map(|stdin: DuplexStream| Box::pin(stdin) as _);
        let (stdout, written): (Option<DuplexStream>, _) = pipe(self.stdout);
        io.stdout = stdout.map(|stdout| Box::pin(stdout) as _);
        let (stderr, complained): (Option<DuplexStream>, _) = pipe(self.stderr);
        io.stderr = stderr.map(|stderr| Box::pin(stderr) as _);
        let (resize, sizes) = mpsc::channel(SIZES);
        io.sizes = self.tty.then_some(sizes);

        // The first message, without content, says that the command is about to run.
        let first = if self.stdout {
            STDOUT
        } else if self.stderr {
            STDERR
        } else {
            ERROR
        };
        let _ = send.send(message(first, &[])).await;

        let running = async {
            // Everything that was written is sent before how it ended.
            let (ended, (), ()) = tokio::join!(
                exec.exec(request, io),
                pump(STDOUT, written, &send),
                pump(STDERR, complained, &send),
            );
            let status = status(&ended).to_string();
            let _ = send.send(message(ERROR, status.as_bytes())).await;
        };
        tokio::select! {
            () = running => {}
            () = receive(stream, self.protocol, typed, resize) => {
                tracing::debug!("a command is not watched any more; it is given up");
            }
        }
        // Clients take a close without a code for a failure.
        let close = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        let _ = send.send(Message::Close(Some(close))).await;
        drop(send);
        let _ = sending.await;
    }
}

/// Sends until nobody has anything to send, or nobody takes it.
async fn send_all<I: AsyncRead + AsyncWrite + Unpin>(
    mut sink: SplitSink<WebSocketStream<I>, Message>,
    mut waiting: mpsc::Receiver<Message>,
) {
    while let Some(message) = waiting.recv().await {
        if tokio::time::timeout(IDLE, sink.send(message)).await.is_ok_and(|sent| sent.is_ok()) {
            continue;
        }
        return;
    }
}

/// Takes in what the watcher sends, until it goes.
async fn receive<I: AsyncRead + AsyncWrite + Unpin>(
    mut stream: SplitStream<WebSocketStream<I>>,
    protocol: Protocol,
    mut stdin: Option<DuplexStream>,
    sizes: mpsc::Sender<TerminalSize>,
) {
    while let Ok(Some(Ok(message))) = tokio::time::timeout(IDLE, stream.next()).await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.as_bytes().to_vec().into(),
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        match (bytes.first().copied(), bytes.get(1..).unwrap_or_default()) {
            (Some(STDIN), typed) => {
                // A command that reads no more is no reason to end the session.
                if let Some(pipe) = &mut stdin {
                    match tokio::time::timeout(IDLE, pipe.write_all(typed)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => stdin = None,
                        Err(_) => return,
                    }
                }
            }
            (Some(RESIZE), size) => {
                if let Ok(size) = serde_json::from_slice(size) {
                    // Whoever takes in no sizes needs none.
                    let _ = sizes.try_send(size);
                }
            }
            (Some(CLOSE), [STDIN]) if protocol == Protocol::V5 => stdin = None,
            _ => {}
        }
    }
}

/// Sends what is written to one stream, until its end.
async fn pump(channel: u8, from: Option<DuplexStream>, to: &mpsc::Sender<Message>) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let bytes = chunk.get(..length).unwrap_or_default();
        if to.send(message(channel, bytes)).await.is_err() {
            return;
        }
    }
}

fn message(channel: u8, bytes: &[u8]) -> Message {
    let mut framed = Vec::with_capacity(bytes.len() + 1);
    framed.push(channel);
    framed.extend_from_slice(bytes);
    Message::Binary(Bytes::from(framed))
}

/// How it ended, as a `Status`: clients read the exit code out of its causes.
fn status(ended: &Result<i32, AbilityError>) -> Value {
    match ended {
        Ok(0) => json!({ "metadata": {}, "status": "Success" }),
        Ok(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
        }),
        Err(error) => {
            tracing::debug!(error = chain(error), "a command could not be run");
            json!({
                "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("error executing command in container: {error}"),
                "details": { "causes": [{ "message": error.to_string() }] },
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    use super::*;
    use crate::provider::PodKey;

    /// Says "ready", then gives back what it reads until its end, complains, and exits with 3. With the command `hang`
    /// it does nothing, for ever.
    #[derive(Default)]
    struct Echo {
        was_given_up: Arc<AtomicBool>,
    }

    struct GivenUp(Arc<AtomicBool>);

    impl Drop for GivenUp {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    impl Exec for Echo {
        fn exec(
            &self,
            request: ExecRequest,
            io: ExecIo,
        ) -> BoxFuture<'_, Result<i32, AbilityError>> {
            async move {
                let _given_up = GivenUp(Arc::clone(&self.was_given_up));
                if request.command == ["hang"] {
                    std::future::pending::<()>().await;
                }
                let mut stdout = io.stdout.unwrap();
                stdout.write_all(b"ready").await.unwrap();
                let mut typed = Vec::new();
                io.stdin.unwrap().read_to_end(&mut typed).await.unwrap();
                stdout.write_all(&typed).await.unwrap();
                io.stderr.unwrap().write_all(b"that is all").await.unwrap();
                Ok(3)
            }
            .boxed()
        }
    }

    /// A session in which `command` runs, and its other end.
    async fn begin(command: &str, exec: Echo) -> WebSocketStream<DuplexStream> {
        let session =
            Session { protocol: Protocol::V5, stdin: true, stdout: true, stderr: true, tty: false };
        let pod = PodKey { namespace: "a".to_owned(), name: "b".to_owned(), uid: "c".to_owned() };
        let (container, command) = ("c".to_owned(), vec![command.to_owned()]);
        let request = ExecRequest { pod, container, command, tty: false };
        let (ours, theirs) = duplex(1024);
        tokio::spawn(session.run(theirs, Arc::new(exec), request));
        WebSocketStream::from_raw_socket(ours, Role::Client, None).await
    }

    #[tokio::test]
    async fn a_command_reads_until_the_end_and_everything_it_writes_comes_before_how_it_ended() {
        let mut client = begin("echo", Echo::default()).await;
        client.send(message(STDIN, b" and steady")).await.unwrap();
        client.send(message(CLOSE, &[STDIN])).await.unwrap();
        let (mut told, mut written) = (Vec::new(), Vec::new());
        while let Some(Ok(message)) = client.next().await {
            match message {
                Message::Binary(bytes) if bytes[0] == STDOUT => {
                    written.extend_from_slice(&bytes[1..])
                }
                Message::Binary(bytes) => told.push((bytes[0], bytes.slice(1..))),
                Message::Close(frame) => assert_eq!(frame.unwrap().code, CloseCode::Normal),
                other => panic!("{other}"),
            }
        }
        assert_eq!(written, b"ready and steady");
        assert_eq!(told[0], (STDERR, Bytes::from_static(b"that is all")));
        let (channel, ended) = told.last().unwrap();
        let ended: Value = serde_json::from_slice(ended).unwrap();
        assert_eq!((*channel, &ended["details"]["causes"][0]["message"]), (ERROR, &json!("3")));
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[tokio::test]
    async fn a_command_that_nobody_watches_is_given_up() {
        let echo = Echo::default();
        let was_given_up = Arc::clone(&echo.was_given_up);
        let mut client = begin("hang", echo).await;
        let first = client.next().await.unwrap().unwrap();
        assert_eq!(first, message(STDOUT, &[]), "the client knows that it has begun");
        drop(client);
        while !was_given_up.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn clients_find_the_exit_code_in_the_causes() {
        assert_eq!(status(&Ok(0))["status"], "Success");
        let failed = status(&Ok(42));
        assert_eq!(failed["reason"], "NonZeroExitCode");
        assert_eq!(
            failed["details"]["causes"][0],
            json!({ "reason": "ExitCode", "message": "42" })
        );
        let unknown = status(&Err(AbilityError::failed("no route")));
        assert_eq!((&unknown["reason"], &unknown["code"]), (&json!("InternalError"), &json!(500)));
        assert!(unknown["message"].as_str().unwrap().ends_with("no route"));
    }
}
