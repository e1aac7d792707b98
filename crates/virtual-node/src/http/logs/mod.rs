//! `/containerLogs`: what `kubectl logs` reads.

mod query;
mod select;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use http::{StatusCode, Uri, header};

use super::routes::{Served, not_here, trouble};
use crate::abilities::{AbilityError, LogLine, LogOptions, LogRequest, LogStream};
use crate::provider::PodKey;
use query::{Asked, QueryError};

/// Answers with the lines of one container.
pub(super) async fn logs(
    State(served): State<Arc<Served>>,
    Path((namespace, name, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    uri: Uri,
) -> Response {
    let Some(logs) = &served.abilities.logs else { return not_here(uri).await };
    let asked = match query::parse(query.as_deref().unwrap_or_default(), crate::clock::now()) {
        Ok(asked) => asked,
        Err(error) => return refused(&error),
    };
    let Some(pod) = served.pod(&namespace, &name) else {
        return trouble(&AbilityError::NotFound(format!("pod {name:?} does not exist")));
    };
    let Some(key) = PodKey::of(&pod) else {
        return trouble(&AbilityError::failed("the pod has no name"));
    };
    let previous = match select::life(&pod, &container, asked.options.previous) {
        Ok(previous) => previous,
        Err(error) => return trouble(&error),
    };
    let Asked { options, timestamps, limit } = asked;
    let output = options.output;
    let options = LogOptions { previous, ..options };
    match logs.logs(LogRequest { pod: key, container, options }).await {
        Ok(lines) => {
            let lines = lines
                .filter(move |line| {
                    let wanted = line
                        .as_ref()
                        .map_or(true, |line| output.is_none_or(|output| line.output == output));
                    std::future::ready(wanted)
                })
                .boxed();
            let body = Body::from_stream(text(lines, timestamps, limit));
            ([(header::CONTENT_TYPE, "text/plain")], body).into_response()
        }
        Err(error) => trouble(&error),
    }
}

/// Lines as text, no more than `limit` bytes of it.
fn text(
    lines: LogStream,
    timestamps: bool,
    limit: Option<usize>,
) -> impl futures::Stream<Item = Result<Bytes, AbilityError>> + Send + 'static {
    lines.scan(limit, move |left, line| {
        if *left == Some(0) {
            return std::future::ready(None);
        }
        let text = line.map(|line| {
            let mut text = written(&line, timestamps);
            if let Some(left) = left {
                text.truncate(*left);
                *left -= text.len();
            }
            Bytes::from(text)
        });
        std::future::ready(Some(text))
    })
}

/// The line as a kubelet writes it: before it the time, always with nine digits after the second.
fn written(line: &LogLine, timestamps: bool) -> Vec<u8> {
    let mut text = if timestamps { format!("{:.9} ", line.at).into_bytes() } else { Vec::new() };
    text.extend_from_slice(&line.text);
    text.push(b'\n');
    text
}

fn refused(error: &QueryError) -> Response {
    let (code, message) = match error {
        QueryError::Unreadable => (StatusCode::BAD_REQUEST, "Unable to decode query."),
        QueryError::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid request."),
    };
    (code, format!("{{\"message\": \"{message}\"}}")).into_response()
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt as _, stream};
    use jiff::Timestamp;

    use super::*;
    use crate::abilities::Output;

    async fn shown(timestamps: bool, limit: Option<usize>) -> String {
        let line = |second: i64, text: &'static str| {
            let at = Timestamp::new(second, 5_000_000).unwrap();
            Ok(LogLine { at, output: Output::Stdout, text: text.into() })
        };
        let lines = stream::iter([line(0, "one"), line(60, "two")]).boxed();
        let parts: Vec<Bytes> = text(lines, timestamps, limit).try_collect().await.unwrap();
        String::from_utf8(parts.concat()).unwrap()
    }

    #[tokio::test]
    async fn lines_are_told_with_their_time_if_that_is_asked_for() {
        assert_eq!(shown(false, None).await, "one\ntwo\n");
        let timed = "1970-01-01T00:00:00.005000000Z one\n1970-01-01T00:01:00.005000000Z two\n";
        assert_eq!(shown(true, None).await, timed);
    }

    #[tokio::test]
    async fn a_limit_cuts_a_line_in_two() {
        assert_eq!(shown(false, Some(6)).await, "one\ntw");
        assert_eq!(shown(false, Some(4)).await, "one\n");
        assert_eq!(shown(false, Some(100)).await, "one\ntwo\n");
    }
}
