//! An ssh-agent with one key that counts what it signs (draft-miller-ssh-agent).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use triton_signature::PrivateKey;

use crate::KEY;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// It ends with the runtime.
pub(crate) struct CountingAgent {
    pub(crate) socket: PathBuf,
    signed: Arc<AtomicU64>,
    _dir: TempDir,
}

// === impl CountingAgent ===

impl CountingAgent {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let signed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&signed);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&counter)));
            }
        });
        Self { socket, signed, _dir: dir }
    }

    /// Signatures made since the start.
    pub(crate) fn signed(&self) -> u64 {
        self.signed.load(Ordering::Relaxed)
    }
}

/// Answers until the other side hangs up.
async fn serve(mut stream: UnixStream, signed: Arc<AtomicU64>) {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    while let Ok(length) = stream.read_u32().await {
        let mut request = vec![0; length as usize];
        stream.read_exact(&mut request).await.unwrap();
        let answer = match request[0] {
            REQUEST_IDENTITIES => {
                let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 1];
                put(&mut answer, key.public_key().wire());
                put(&mut answer, b"counted");
                answer
            }
            SIGN_REQUEST => {
                signed.fetch_add(1, Ordering::Relaxed);
                let blob_end = 5 + be(&request[1..5]);
                let data_start = blob_end + 4;
                let data_end = data_start + be(&request[blob_end..data_start]);
                let signature = key.sign(&request[data_start..data_end]).unwrap();
                let mut inner = Vec::new();
                put(&mut inner, b"ssh-ed25519");
                put(&mut inner, &signature.bytes);
                let mut answer = vec![SIGN_RESPONSE];
                put(&mut answer, &inner);
                answer
            }
            other => panic!("asked for {other}"),
        };
        let mut framed = Vec::new();
        put(&mut framed, &answer);
        stream.write_all(&framed).await.unwrap();
    }
}

/// Length, then bytes.
fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    to.extend(bytes);
}

fn be(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes.try_into().unwrap()) as usize
}
