//! API versions: which ones are served, and what `Accept-Version` asks for.

use std::fmt;

use crate::refusal::Refusal;

/// An API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion(pub(crate) u16, pub(crate) u16, pub(crate) u16);

/// Served, newest first.
pub(crate) const VERSIONS: [ApiVersion; 6] = [
    ApiVersion(9, 0, 0),
    ApiVersion(8, 0, 0),
    ApiVersion(7, 3, 0),
    ApiVersion(7, 2, 0),
    ApiVersion(7, 1, 0),
    ApiVersion(7, 0, 0),
];

/// One comparison of a range: `lower <= version < upper`.
#[derive(Debug, Clone, Copy)]
struct Interval {
    lower: ApiVersion,
    upper: ApiVersion,
}

// === impl ApiVersion ===

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

const NEVER: ApiVersion = ApiVersion(u16::MAX, 0, 0);

/// The newest version, not older than `since`, that a semver range allows. No range allows all.
///
/// # Errors
/// 400 InvalidVersion when there is none, or the range is not one.
pub(crate) fn choose(range: Option<&str>, since: ApiVersion) -> Result<ApiVersion, Refusal> {
    first_of(range, VERSIONS.into_iter().filter(|version| *version >= since))
}

/// The only version of a route, if a semver range allows it. No range allows all.
///
/// # Errors
/// 400 InvalidVersion when it does not.
pub(crate) fn choose_only(range: Option<&str>, version: ApiVersion) -> Result<ApiVersion, Refusal> {
    first_of(range, [version])
}

fn first_of(
    range: Option<&str>,
    versions: impl IntoIterator<Item = ApiVersion>,
) -> Result<ApiVersion, Refusal> {
    let range = range.unwrap_or("*");
    let alternatives: Vec<Vec<Interval>> = range.split("||").filter_map(intervals).collect();
    let allowed = |version: &ApiVersion| {
        alternatives.iter().any(|all| all.iter().all(|i| i.lower <= *version && *version < i.upper))
    };
    versions.into_iter().find(allowed).ok_or_else(|| invalid(range))
}

/// 400: no version of the route satisfies the range.
pub(crate) fn invalid(range: &str) -> Refusal {
    Refusal::new(400, "InvalidVersion", format!("{range} is not supported by this route"))
}

/// `~9`, `^8.0.0`, `>=7.1 <9`, `8`, `7.x`, `*`; `None` when it is not a range.
fn intervals(text: &str) -> Option<Vec<Interval>> {
    text.split_whitespace().map(interval).collect()
}

fn interval(text: &str) -> Option<Interval> {
    let operators = [">=", "<=", ">", "<", "=", "~", "^"];
    let operator = operators.into_iter().find(|operator| text.starts_with(operator)).unwrap_or("");
    let parts = parts(&text[operator.len()..])?;
    let zero = ApiVersion(0, 0, 0);
    let at = |index: usize| parts.get(index).copied().unwrap_or(0);
    let lower = ApiVersion(at(0), at(1), at(2));
    // The first version after all that match as many parts as were written.
    let after = |written: usize| match written {
        0 => NEVER,
        1 => ApiVersion(at(0) + 1, 0, 0),
        2 => ApiVersion(at(0), at(1) + 1, 0),
        _ => ApiVersion(at(0), at(1), at(2) + 1),
    };
    Some(match operator {
        ">=" => Interval { lower, upper: NEVER },
        ">" => Interval { lower: after(parts.len()), upper: NEVER },
        "<" => Interval { lower: zero, upper: lower },
        "<=" => Interval { lower: zero, upper: after(parts.len()) },
        "~" => Interval { lower, upper: after(parts.len().min(2)) },
        "^" => Interval { lower, upper: after(parts.len().min(1)) },
        _ => Interval { lower, upper: after(parts.len()) },
    })
}

/// The numbers before the first `x` or `*`.
fn parts(text: &str) -> Option<Vec<u16>> {
    let mut parts = Vec::new();
    for part in text.split('.') {
        if matches!(part, "x" | "X" | "*" | "") {
            break;
        }
        // Far below the end of `u16`, so that "the next version" always exists.
        parts.push(part.parse().ok().filter(|number| *number < 10_000)?);
    }
    (parts.len() <= 3).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, expected: Option<&str>) {
        let chosen =
            choose(Some(range), ApiVersion(7, 0, 0)).ok().map(|version| version.to_string());
        assert_eq!(chosen.as_deref(), expected, "{range}");
    }

    #[test]
    fn the_newest_that_satisfies_wins() {
        check("*", Some("9.0.0"));
        check("~9||~8", Some("9.0.0"));
        check("~8||~9", Some("9.0.0"));
        check("8", Some("8.0.0"));
        check("~8", Some("8.0.0"));
        check("~7.2", Some("7.2.0"));
        check("^7.0.0", Some("7.3.0"));
        check(">=7.1 <8", Some("7.3.0"));
        check("7.x", Some("7.3.0"));
        check("<=7.1.0", Some("7.1.0"));
        check(">9", None);
        check("~6", None);
        check("10.0.0", None);
        check("latest", None);
    }

    #[test]
    fn a_route_may_be_younger_than_the_range() {
        assert!(choose(Some("7.1.0"), ApiVersion(7, 2, 0)).is_err());
        assert_eq!(choose(None, ApiVersion(7, 2, 0)).ok(), Some(ApiVersion(9, 0, 0)));
    }
}
