//! One connection through a proxy.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::fault::{Fate, Passing, RequestFate, Way, fate_of_bytes, fate_of_request};
use super::requests::{self, RequestHead};
use super::{Setting, Shared, Wire};
use crate::luck::Luck;

/// Largest piece that passes at once.
const PIECE: usize = 16 << 10;
/// How long a server may go on with what a client that has gone had asked.
const AFTER_THE_CLIENT: Duration = Duration::from_secs(15);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As its two ends wanted.
    Closed,
    /// By a reset, both ways.
    Reset,
}

/// What both directions of a connection know.
struct Line<'a> {
    shared: &'a Shared,
    luck: Luck,
    /// Whose it is.
    client: String,
    /// Bytes have vanished: the two ends disagree about what was said.
    has_lost: AtomicBool,
    /// The next byte of an answer is not for the client.
    loses_answer: AtomicBool,
}

/// What has gone one way under the present setting.
struct Tally {
    setting: u64,
    before: u64,
    pieces: u64,
}

/// Carries a connection until it ends.
pub(super) async fn carry(client: TcpStream, server: SocketAddr, shared: &Shared, number: u64) {
    let luck = shared.luck.of(number);
    let name = shared.client();
    let mut settings = shared.setting.subscribe();
    let struck = |setting: &Setting| {
        let fault = setting.fault.filter(|fault| fault.effect.ends_connections());
        fault.is_some_and(|fault| luck.of(setting.number).of(0).strikes(fault.probability))
    };
    let refused = struck(&settings.borrow_and_update());
    if refused {
        return reset(client);
    }
    let Ok(server) = TcpStream::connect(server).await else { return reset(client) };
    let line = Line {
        shared,
        luck,
        client: name,
        has_lost: AtomicBool::new(false),
        loses_answer: AtomicBool::new(false),
    };
    let (mut client, mut server) = (client, server);
    for stream in [&client, &server] {
        // Only speed depends on it.
        let _ = stream.set_nodelay(true);
    }
    let end = tokio::select! {
        end = line.both_ways(&mut client, &mut server) => end,
        () = line.ended_from_outside(&mut settings, struck) => End::Reset,
    };
    if end == End::Reset {
        reset(client);
        reset(server);
    }
}

/// Closes so that the other end sees a broken connection, not an orderly end.
fn reset(stream: TcpStream) {
    // Fails only for a socket that is no more.
    let _ = stream.set_zero_linger();
}

// === impl Line ===

impl Line<'_> {
    async fn both_ways(&self, client: &mut TcpStream, server: &mut TcpStream) -> End {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let requests = async {
            match self.shared.wire {
                Wire::Opaque => {
                    self.bytes(Way::Request, &mut from_client, &mut to_server).await?;
                    let _ = to_server.shutdown().await;
                    Ok(())
                }
                Wire::Http => self.requests(&mut from_client, &mut to_server).await,
            }
        };
        let answers = async {
            self.bytes(Way::Answer, &mut from_server, &mut to_client).await?;
            let _ = to_client.shutdown().await;
            // What the client still says nobody hears.
            if self.shared.wire == Wire::Http { Err(End::Closed) } else { Ok(()) }
        };
        match tokio::try_join!(requests, answers) {
            Ok(_) => End::Closed,
            Err(end) => end,
        }
    }

    /// Until a person or a schedule ends this connection.
    async fn ended_from_outside(
        &self,
        settings: &mut watch::Receiver<Setting>,
        struck: impl Fn(&Setting) -> bool,
    ) {
        let cuts = settings.borrow().cuts;
        while settings.changed().await.is_ok() {
            let setting = settings.borrow_and_update().clone();
            if setting.cuts != cuts || self.has_lost.load(Ordering::Acquire) || struck(&setting) {
                return;
            }
        }
        // The proxy is gone.
    }

    /// Passes bytes one way until they end.
    async fn bytes<R, W>(&self, way: Way, from: &mut R, to: &mut W) -> Result<(), End>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = BytesMut::with_capacity(PIECE);
        let mut tally = Tally { setting: 0, before: 0, pieces: 0 };
        loop {
            buffer.clear();
            match from.read_buf(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(End::Reset),
            }
            if way == Way::Answer && self.loses_answer.load(Ordering::Acquire) {
                return Err(End::Reset);
            }
            if !self.piece(way, &buffer, to, &mut tally).await? {
                return Ok(());
            }
        }
    }

    /// Passes one piece, if that is its fate; says whether more may follow.
    async fn piece<W>(
        &self,
        way: Way,
        piece: &[u8],
        to: &mut W,
        tally: &mut Tally,
    ) -> Result<bool, End>
    where
        W: AsyncWrite + Unpin,
    {
        let setting = self.shared.setting.borrow().clone();
        if tally.setting != setting.number {
            *tally = Tally { setting: setting.number, before: 0, pieces: 0 };
        }
        let luck = self.luck.of(setting.number);
        let passing = Passing { way, before: tally.before, pieces: tally.pieces, luck };
        let write =
            async |to: &mut W, piece: &[u8]| to.write_all(piece).await.map_err(|_| End::Reset);
        match fate_of_bytes(setting.fault, passing, piece.len()) {
            Fate::Pass => write(to, piece).await?,
            Fate::PassAfter(wait) => {
                tokio::time::sleep(wait).await;
                write(to, piece).await?;
            }
            Fate::Vanish => {
                self.has_lost.store(true, Ordering::Release);
                return Ok(true);
            }
            Fate::ResetAfter(at) => {
                write(to, &piece[..at]).await?;
                return Err(End::Reset);
            }
            Fate::EndAfter(at) => {
                write(to, &piece[..at]).await?;
                let _ = to.shutdown().await;
                return Ok(false);
            }
        }
        tally.before += piece.len() as u64;
        tally.pieces += 1;
        Ok(true)
    }

    /// Passes requests until the client asks no more.
    async fn requests<R, W>(&self, from: &mut R, to: &mut W) -> Result<(), End>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = BytesMut::new();
        let mut tally = Tally { setting: 0, before: 0, pieces: 0 };
        let mut asked = 0_u64;
        while let Ok(Some(request)) = requests::next(from, &mut buffer).await {
            asked += 1;
            self.request(&request.head, asked).await;
            if !self.piece(Way::Request, &request.bytes, to, &mut tally).await? {
                return Ok(());
            }
            if request.head.is_last {
                self.bytes(Way::Request, from, to).await?;
                break;
            }
        }
        // Whatever became of the client: a server goes on with what it has heard.
        tokio::time::sleep(AFTER_THE_CLIENT).await;
        Err(End::Closed)
    }

    /// Notes a request, and lets it wait if it must.
    async fn request(&self, head: &RequestHead, asked: u64) {
        let setting = self.shared.setting.borrow().clone();
        let fate = fate_of_request(setting.fault, head, self.luck.of(setting.number).of(asked));
        self.shared.note(head, &self.client);
        match fate {
            RequestFate::AsBytes => {}
            RequestFate::Late(wait) => tokio::time::sleep(wait).await,
            RequestFate::LoseAnswer => self.loses_answer.store(true, Ordering::Release),
        }
    }
}
