//! The string that is signed.

/// A header that is to be signed but is not in the request, or a special name this crate does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} was not in the request")]
pub struct MissingHeader(pub String);

/// Builds the string that is signed: a line for each name, in order, without a newline at the end.
///
/// `(request-target)` is the lowercase method and the target exactly as sent; `request-line` is its older form;
/// everything else is looked up as a header. `header` gets lowercase names.
///
/// # Errors
///
/// [`MissingHeader`] when `header` has no answer.
pub fn signing_string(
    names: &[String],
    method: &str,
    path_and_query: &str,
    header: &dyn Fn(&str) -> Option<String>,
) -> Result<String, MissingHeader> {
    let line = |name: &String| {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "(request-target)" => {
                Ok(format!("{name}: {} {path_and_query}", method.to_ascii_lowercase()))
            }
            "request-line" => {
                Ok(format!("{} {path_and_query} HTTP/1.1", method.to_ascii_uppercase()))
            }
            _ => match header(&name) {
                Some(value) => Ok(format!("{name}: {value}")),
                None => Err(MissingHeader(name)),
            },
        }
    };
    Ok(names.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &str, expected: Result<&str, &str>) {
        let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
        let header = |name: &str| match name {
            "date" => Some("today".to_owned()),
            "host" => Some("example.com".to_owned()),
            _ => None,
        };
        let string = signing_string(&names, "Post", "/a/machines?x=%20y", &header);
        let expected = expected.map(str::to_owned).map_err(|name| MissingHeader(name.to_owned()));
        assert_eq!(string, expected);
    }

    #[test]
    fn each_name_makes_one_line_in_order() {
        check("date", Ok("date: today"));
        check(
            "(request-target) date",
            Ok("(request-target): post /a/machines?x=%20y\ndate: today"),
        );
        check("Date HOST", Ok("date: today\nhost: example.com"));
        check("request-line", Ok("POST /a/machines?x=%20y HTTP/1.1"));
    }

    #[test]
    fn a_header_that_is_not_there_is_named() {
        check("date x-other", Err("x-other"));
        check("(created)", Err("(created)"));
    }
}
