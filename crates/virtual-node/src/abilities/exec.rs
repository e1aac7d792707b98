//! Commands in containers: `kubectl exec`.

use std::pin::Pin;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::AbilityError;
use crate::provider::PodKey;

/// Runs commands in containers.
pub trait Exec: Send + Sync + 'static {
    /// Runs one command until it ends, and gives its exit code.
    ///
    /// The future is dropped when nobody waits for it any more: end the command then. Standard output and error may be
    /// dropped as soon as nothing more comes.
    ///
    /// # Errors
    /// When the command could not be run, or nobody knows how it ended.
    fn exec(&self, request: ExecRequest, io: ExecIo) -> BoxFuture<'_, Result<i32, AbilityError>>;
}

/// What is to be run where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// The pod.
    pub pod: PodKey,
    /// The container, by its name in the spec.
    pub container: String,
    /// The program and its arguments; no shell.
    pub command: Vec<String>,
    /// Whether it is given a terminal.
    pub tty: bool,
}

/// What a command reads and writes; `None` is nothing.
#[derive(Default)]
pub struct ExecIo {
    /// Standard input; its end is the end of what somebody typed.
    pub stdin: Option<Pin<Box<dyn AsyncRead + Send>>>,
    /// Standard output.
    pub stdout: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// Standard error; with a terminal it is one with the output.
    pub stderr: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// The size of the terminal, as it changes.
    pub sizes: Option<mpsc::Receiver<TerminalSize>>,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}
