//! What a plain scalar is: as kubectl reads it, which is YAML 1.1's way.

use serde_json::Number;

use super::tree::Content;

/// Null, boolean or number; `None` for text.
///
/// `yes`, `no`, `on` and `off` are booleans and `010` is eight, because `sigs.k8s.io/yaml` reads them so: what the
/// linter sees is what the API server gets.
pub(crate) fn plain(text: &str) -> Option<Content<'static>> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Content::Null),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            return Some(Content::Bool(true));
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            return Some(Content::Bool(false));
        }
        _ => {}
    }
    let first = text.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    number(text).map(Content::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radix = |prefix: &str, radix: u32| {
        magnitude.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok())
    };
    let integer =
        radix("0x", 16).or_else(|| radix("0b", 2)).or_else(|| radix("0o", 8)).or_else(|| {
            let octal = magnitude.len() > 1 && magnitude.starts_with('0');
            if octal {
                radix("0", 8)
            } else {
                plain_digits(magnitude).then(|| magnitude.parse().ok())?
            }
        });
    if let Some(integer) = integer {
        return if negative {
            0i64.checked_sub_unsigned(integer).map(Number::from)
        } else {
            Some(Number::from(integer))
        };
    }
    if !is_float(magnitude) {
        return None;
    }
    let float: f64 = digits.strip_prefix('+').unwrap_or(&digits).parse().ok()?;
    Number::from_f64(float)
}

fn plain_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits with a point or an exponent; `1.2.3` and `1e` are text.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && exponent.is_none_or(|exponent| {
            plain_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn scalars_are_what_kubectl_makes_of_them() {
        for (text, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", json!(true)),
            ("off", json!(false)),
            ("true", json!(true)),
            ("0", json!(0)),
            ("80", json!(80)),
            ("-1", json!(-1)),
            ("+5", json!(5)),
            ("010", json!(8)),
            ("0x1f", json!(31)),
            ("1_000", json!(1000)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("1.2.3", json!("1.2.3")),
            ("1e", json!("1e")),
            ("-", json!("-")),
            ("089", json!(89.0)),
            ("500m", json!("500m")),
            ("4Gi", json!("4Gi")),
            ("2026-01-01", json!("2026-01-01")),
            ("nginx:1.27", json!("nginx:1.27")),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        ] {
            let found = match plain(text) {
                Some(Content::Null) => Value::Null,
                Some(Content::Bool(value)) => Value::Bool(value),
                Some(Content::Number(number)) => Value::Number(number),
                _ => Value::from(text),
            };
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
