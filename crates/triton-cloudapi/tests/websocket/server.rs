//! A server whose every move is told to it.

use std::io;

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use triton_cloudapi::client::{Client, ClientBuilder};

use crate::common::builder;
use crate::pipe::transport;

/// Bytes on their way.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where the connections of one client arrive.
pub(crate) struct Server {
    connections: mpsc::UnboundedReceiver<DuplexStream>,
}

/// A request for an upgrade, not answered yet.
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    stream: DuplexStream,
}

/// A WebSocket as the server has it. Pings are answered as long as it is not deaf.
pub(crate) struct Peer {
    orders: mpsc::UnboundedSender<Order>,
    heard: mpsc::UnboundedReceiver<Message>,
}

enum Order {
    Send(Message),
    /// Reads and answers nothing any more, but keeps the connection.
    Deafen,
    /// Breaks the connection without a word.
    Break,
}

/// A client of the account `acme`, and its server.
pub(crate) fn server() -> (Client, Server) {
    server_of(builder("http://cloud.example.com:8080"))
}

pub(crate) fn server_of(builder: ClientBuilder) -> (Client, Server) {
    let (dialled, connections) = mpsc::unbounded_channel();
    let transport = transport(move || {
        let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        dialled.send(theirs).map(|()| ours).map_err(refused)
    });
    (builder.build_with_service(transport).unwrap(), Server { connections })
}

// === impl Server ===

impl Server {
    /// The next request, on a connection of its own.
    pub(crate) async fn asked(&mut self) -> Asked {
        let mut stream = self.connections.recv().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let line = lines.next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        Asked { line, headers, stream }
    }

    /// The next feed, open and subscribed.
    pub(crate) async fn subscribed(&mut self) -> Peer {
        let mut peer = self.asked().await.switch(&[]).await;
        assert!(peer.heard().await.is_text());
        peer
    }

    /// Whether nobody has connected.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.connections.is_empty()
    }
}

// === impl Asked ===

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Answers as written, and hangs up.
    pub(crate) async fn answer(mut self, answer: &str) {
        self.stream.write_all(answer.replace('\n', "\r\n").as_bytes()).await.unwrap();
    }

    /// Refuses with JSON or anything else.
    pub(crate) async fn refuse(self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\n{headers}content-length: {length}\n\n");
        self.answer(&format!("{head}{body}")).await;
    }

    /// Never answers.
    pub(crate) fn hang(self) -> DuplexStream {
        self.stream
    }

    /// Switches to WebSocket, with these headers on top, as CloudAPI's watershed words it.
    pub(crate) async fn switch(mut self, headers: &[(&str, &str)]) -> Peer {
        let key = self.header("sec-websocket-key").unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let mut answer = format!(
            "HTTP/1.1 101 The Watershed Moment\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n"
        );
        for (name, value) in headers {
            answer += &format!("{name}: {value}\r\n");
        }
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        let socket = WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await;
        let (orders, take_orders) = mpsc::unbounded_channel();
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(serve(socket, take_orders, tell));
        Peer { orders, heard }
    }
}

async fn serve(
    mut socket: WebSocketStream<DuplexStream>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    tell: mpsc::UnboundedSender<Message>,
) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(message)) => socket.send(message).await.unwrap(),
                Some(Order::Deafen) => std::future::pending().await,
                Some(Order::Break) | None => return,
            },
            heard = socket.next() => {
                let Some(Ok(message)) = heard else { return };
                // The answer to a ping waits until something flushes it.
                let _ = socket.flush().await;
                let _ = tell.send(message);
            }
        }
    }
}

// === impl Peer ===

impl Peer {
    pub(crate) fn send(&self, message: Message) {
        let _ = self.orders.send(Order::Send(message));
    }

    pub(crate) fn text(&self, text: &str) {
        self.send(Message::text(text));
    }

    /// Tells of a change of the instance with this number.
    pub(crate) fn change(&self, id: u32, published: u32, state: &str) {
        let id = format!("00000000-0000-4000-8000-{id:012}");
        self.text(&format!(
            r#"{{"changedResourceId":"{id}","published":"{published}","resourceState":"{state}"}}"#
        ));
    }

    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.send(Message::Close(Some(CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        })));
    }

    pub(crate) fn deafen(&self) {
        let _ = self.orders.send(Order::Deafen);
    }

    pub(crate) fn break_off(&self) {
        let _ = self.orders.send(Order::Break);
    }

    /// The next message of the client's.
    pub(crate) async fn heard(&mut self) -> Message {
        self.heard.recv().await.unwrap()
    }

    /// Waits until the client has closed the connection.
    pub(crate) async fn left(&mut self) {
        while self.heard.recv().await.is_some() {}
    }
}
