//! What containers have written: `kubectl logs`.

use axum::body::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;

use super::AbilityError;
use crate::provider::PodKey;

/// Keeps what containers write.
///
/// ```
/// use futures::future::BoxFuture;
/// use futures::{FutureExt as _, StreamExt as _, stream};
/// use virtual_node::abilities::{AbilityError, LogLine, LogRequest, LogStream, Logs, Output};
///
/// struct Silent;
///
/// impl Logs for Silent {
///     fn logs(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, AbilityError>> {
///         let line = LogLine {
///             at: jiff::Timestamp::UNIX_EPOCH,
///             output: Output::Stdout,
///             text: format!("nothing to say about {}", request.container).into(),
///         };
///         async move { Ok(stream::iter([Ok(line)]).boxed()) }.boxed()
///     }
/// }
/// ```
pub trait Logs: Send + Sync + 'static {
    /// The lines of one container, oldest first.
    ///
    /// The node has made sure that the container has run. It adds time stamps, and cuts off what is beyond a limit of
    /// bytes; the stream is dropped when nobody reads it any more.
    ///
    /// # Errors
    /// When there are none to be had. An error in the stream ends it.
    fn logs(&self, request: LogRequest) -> BoxFuture<'_, Result<LogStream, AbilityError>>;
}

/// Lines as they come.
pub type LogStream = BoxStream<'static, Result<LogLine, AbilityError>>;

/// Whose lines are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// The pod.
    pub pod: PodKey,
    /// The container, by its name in the spec.
    pub container: String,
    /// Which of its lines.
    pub options: LogOptions,
}

/// Which lines are asked for: what a provider must heed of `PodLogOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Those of the life before the present one.
    pub previous: bool,
    /// Also those to come, until the container ends.
    pub follow: bool,
    /// Of those that are there only so many, the newest. Zero is none.
    pub tail: Option<u64>,
    /// Only those at or after this moment.
    pub since: Option<Timestamp>,
    /// Only what was written to this one.
    pub output: Option<Output>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Where it was written to.
    pub output: Output,
    /// What was written, without the end of the line.
    pub text: Bytes,
}

/// Where a process writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
