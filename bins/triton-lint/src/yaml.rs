//! JSON values as YAML that every reader takes for the same: text that could be something else is quoted.

use serde_json::Value;

/// The value as a block, two spaces a level.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 || out.ends_with('\n') {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str(&scalar(key));
                out.push(':');
                below(value, indent, out);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (at, element) in elements.iter().enumerate() {
                if at > 0 || out.ends_with('\n') {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str("- ");
                block(element, indent + 2, out);
            }
        }
        Value::Object(_) => out.push_str("{}\n"),
        Value::Array(_) => out.push_str("[]\n"),
        Value::String(text) => {
            out.push_str(&scalar(text));
            out.push('\n');
        }
        other => {
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(elements) if !elements.is_empty() => {
            out.push('\n');
            block(value, indent, out);
        }
        _ => {
            out.push(' ');
            block(value, indent, out);
        }
    }
}

/// Plain where nothing else can be meant, else as JSON writes text, which YAML reads alike.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 12] =
        ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf", "nil"];
    let first = text.bytes().next();
    let plain = first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b'/' | b' ' | b'(' | b')' | b'@')
        })
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_stays_text() {
        let value = json!({
            "a": {"b": ["x", {"c": 1, "d": []}, [1, 2]], "e": {}},
            "triton.cns.services": "web:80",
            "t": "true", "n": "12", "m": "a\nb", "p": "plain text",
        });
        assert_eq!(
            write(&value),
            "a:\n  b:\n  - x\n  - c: 1\n    d: []\n  - - 1\n    - 2\n  e: {}\nm: \"a\\nb\"\n\"n\": \"12\"\np: plain text\nt: \
             \"true\"\ntriton.cns.services: \"web:80\"\n"
        );
    }
}
