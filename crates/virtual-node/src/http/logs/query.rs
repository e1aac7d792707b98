//! `PodLogOptions` as a query, read as the kubelet reads it.

use std::time::Duration;

use jiff::Timestamp;

use crate::abilities::{LogOptions, Output};

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// What the provider heeds.
    pub(super) options: LogOptions,
    /// Whether each line begins with its time.
    pub(super) timestamps: bool,
    /// Bytes after which the answer is cut off.
    pub(super) limit: Option<usize>,
}

/// Why a query asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryError {
    /// A value is not of its kind.
    Unreadable,
    /// A value is not allowed.
    Invalid,
}

/// Reads a query; names that are not known mean nothing.
pub(super) fn parse(query: &str, now: Timestamp) -> Result<Asked, QueryError> {
    let mut asked = Asked::default();
    let (mut since_seconds, mut since_time, mut legacy_tail) = (None, None, None);
    // Of several values the first counts.
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.iter().any(|seen| *seen == name) {
            continue;
        }
        match &*name {
            "follow" => asked.options.follow = is_true(&value),
            "previous" => asked.options.previous = is_true(&value),
            "timestamps" => asked.timestamps = is_true(&value),
            "tailLines" => asked.options.tail = Some(at_least(0, &value)?),
            "tail" if !value.is_empty() => legacy_tail = Some(value.clone().into_owned()),
            "limitBytes" => {
                let bytes = at_least(1, &value)?;
                asked.limit = Some(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            "sinceSeconds" => since_seconds = Some(at_least(1, &value)?),
            "sinceTime" if !value.is_empty() => {
                since_time = Some(value.parse().map_err(|_| QueryError::Unreadable)?);
            }
            "stream" => {
                asked.options.output = match &*value {
                    "All" => None,
                    "Stdout" => Some(Output::Stdout),
                    "Stderr" => Some(Output::Stderr),
                    _ => return Err(QueryError::Invalid),
                };
            }
            _ => {}
        }
        seen.push(name.into_owned());
    }
    // An older name for the same, which wins.
    match legacy_tail.as_deref() {
        None => {}
        Some("all") => asked.options.tail = None,
        Some(lines) => asked.options.tail = Some(at_least(0, lines)?),
    }
    asked.options.since = match (since_seconds, since_time) {
        (Some(_), Some(_)) => return Err(QueryError::Invalid),
        (Some(seconds), None) => {
            Some(now.checked_sub(Duration::from_secs(seconds)).unwrap_or(Timestamp::MIN))
        }
        (None, time) => time,
    };
    // Which of the last lines went where is not known without reading all of them.
    if asked.options.tail.is_some() && asked.options.output.is_some() {
        return Err(QueryError::Invalid);
    }
    Ok(asked)
}

/// As the API's conversion has it: whatever does not say no says yes, also an empty value.
fn is_true(value: &str) -> bool {
    !(value == "0" || value.eq_ignore_ascii_case("false"))
}

fn at_least(least: u64, value: &str) -> Result<u64, QueryError> {
    let number: i64 = value.parse().map_err(|_| QueryError::Unreadable)?;
    u64::try_from(number).ok().filter(|number| *number >= least).ok_or(QueryError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000).unwrap()
    }

    #[track_caller]
    fn check(query: &str, expected: Result<Asked, QueryError>) {
        assert_eq!(parse(query, now()), expected, "{query}");
    }

    fn options(options: LogOptions) -> Result<Asked, QueryError> {
        Ok(Asked { options, ..Asked::default() })
    }

    #[test]
    fn what_is_not_asked_for_is_everything() {
        check("", Ok(Asked::default()));
        check("nonsense=1&stream=All", Ok(Asked::default()));
    }

    #[test]
    fn whatever_does_not_say_no_says_yes() {
        for yes in ["follow=true", "follow=1", "follow=", "follow", "follow=t", "follow=yes"] {
            check(yes, options(LogOptions { follow: true, ..LogOptions::default() }));
        }
        for no in ["follow=false", "follow=0", "follow=False", "follow=false&follow=true"] {
            check(no, Ok(Asked::default()));
        }
        check("previous=true", options(LogOptions { previous: true, ..LogOptions::default() }));
        check("timestamps=true", Ok(Asked { timestamps: true, ..Asked::default() }));
    }

    #[test]
    fn no_lines_are_not_all_lines() {
        let tail = |tail| options(LogOptions { tail: Some(tail), ..LogOptions::default() });
        check("tailLines=0", tail(0));
        check("tailLines=20", tail(20));
        check("tail=7", tail(7));
        check("tail=7&tailLines=20", tail(7));
        check("tail=all&tailLines=20", Ok(Asked::default()));
        check("tailLines=-1", Err(QueryError::Invalid));
        check("tailLines=few", Err(QueryError::Unreadable));
    }

    #[test]
    fn since_is_a_moment_or_a_time_ago_and_never_both() {
        let since = |second: i64| {
            let since = Timestamp::from_second(second).unwrap();
            options(LogOptions { since: Some(since), ..LogOptions::default() })
        };
        check("sinceSeconds=60", since(940));
        check("sinceTime=1970-01-01T00:01:00Z", since(60));
        check("sinceTime=1970-01-01T01:01:00%2B01:00", since(60));
        check("sinceSeconds=60&sinceTime=1970-01-01T00:01:00Z", Err(QueryError::Invalid));
        check("sinceSeconds=0", Err(QueryError::Invalid));
        check("sinceTime=yesterday", Err(QueryError::Unreadable));
    }

    #[test]
    fn a_limit_is_at_least_one_byte() {
        check("limitBytes=10", Ok(Asked { limit: Some(10), ..Asked::default() }));
        check("limitBytes=0", Err(QueryError::Invalid));
    }

    #[test]
    fn one_output_is_asked_for_without_a_tail() {
        let output = |output| options(LogOptions { output: Some(output), ..LogOptions::default() });
        check("stream=Stdout", output(Output::Stdout));
        check("stream=Stderr", output(Output::Stderr));
        check("stream=stdin", Err(QueryError::Invalid));
        check("stream=Stderr&tailLines=1", Err(QueryError::Invalid));
        check(
            "stream=All&tailLines=1",
            options(LogOptions { tail: Some(1), ..LogOptions::default() }),
        );
    }
}
