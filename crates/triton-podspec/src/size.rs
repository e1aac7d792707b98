//! Whether the create request is small enough for CloudAPI.

use triton_cloudapi::instances::CreateInstance;

use crate::diagnostic::Findings;
use crate::rules;

/// CloudAPI's limit for the body of a request, in bytes (sdc-cloudapi's body parser); beyond it answers 413.
pub const REQUEST_BYTES_MAX: usize = 100_000;

/// What the fields that are not counted one by one can take at most: braces, switches, brand.
const REST_BYTES: usize = 200;

/// Finds a request that CloudAPI would not read; names the largest parts, never their content.
pub(crate) fn check(create: &CreateInstance, findings: &mut Findings) {
    let tags =
        create.tags.iter().map(|(tag, value)| (format!("tag.{tag}"), json_len(&value.to_string())));
    let metadata =
        create.metadata.iter().map(|(key, value)| (format!("metadata.{key}"), json_len(value)));
    let mut parts: Vec<(String, usize)> = tags
        .chain(metadata)
        .map(|(key, len)| {
            let total = key.len() + len + 4;
            (key, total)
        })
        .collect();
    let affinity: usize = create.affinity.iter().map(|rule| json_len(rule) + 1).sum();
    let networks = create.networks.iter().flatten().count() * 39;
    let total = parts.iter().map(|(_, len)| len).sum::<usize>()
        + affinity
        + networks
        + REST_BYTES
        + json_len(&create.name)
        + json_len(&create.package)
        + json_len(&create.image);
    if total <= REQUEST_BYTES_MAX {
        return;
    }
    parts.sort_by_key(|(_, len)| std::cmp::Reverse(*len));
    let largest: Vec<String> =
        parts.iter().take(3).map(|(key, len)| format!("{key} ({len} bytes)")).collect();
    findings.add(
        &rules::REQUEST_TOO_LARGE,
        "metadata.annotations",
        format!(
            "the create request has about {total} bytes and CloudAPI reads {REQUEST_BYTES_MAX}; the largest parts are \
             {}: let the guest fetch what is large",
            largest.join(", ")
        ),
    );
}

/// Bytes of a text in JSON, quotes and escapes included.
fn json_len(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..32 => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_in_json_is_what_serde_writes() {
        for text in ["", "plain", "\"\\\n\r\t\u{8}\u{c}", "\u{1}\u{1f}\u{7f}", "é€😀"] {
            assert_eq!(json_len(text), serde_json::Value::from(text).to_string().len(), "{text:?}");
        }
    }
}
