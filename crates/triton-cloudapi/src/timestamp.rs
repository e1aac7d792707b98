//! Points in time as CloudAPI writes them: ISO 8601, UTC, milliseconds. What cannot be read is absent.

use jiff::Timestamp;
use serde::{Deserializer, Serializer};

use crate::lenient;

pub(crate) fn serialize<S: Serializer>(
    timestamp: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match timestamp {
        Some(timestamp) => serializer.collect_str(&format_args!("{timestamp:.3}")),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    lenient::parsed(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Holder(#[serde(with = "super")] Option<Timestamp>);

    #[track_caller]
    fn check(read: &str, written: &str) {
        let holder: Holder = serde_json::from_str(read).unwrap();
        assert_eq!(serde_json::to_string(&holder).unwrap(), written);
    }

    #[test]
    fn times_have_milliseconds() {
        check("\"2026-01-02T03:04:05.678Z\"", "\"2026-01-02T03:04:05.678Z\"");
        check("\"2026-01-02T03:04:35Z\"", "\"2026-01-02T03:04:35.000Z\"");
        check("\"2026-01-02T04:04:35+01:00\"", "\"2026-01-02T03:04:35.000Z\"");
        for odd in ["null", "\"yesterday\"", "5", "{}"] {
            check(odd, "null");
        }
    }
}
