//! Annotations of a GitHub workflow ("Workflow commands for GitHub Actions").

use std::fmt::Write as _;

use triton_podspec::manifest::{Level, Report};

use super::name;
use crate::input::Text;

pub(super) fn write(texts: &[Text], report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let command = if finding.level == Level::Deny { "error" } else { "warning" };
        let place = [finding.object.as_str(), finding.path.as_str()].join(" ");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "::{command} file={},line={},col={},title={}::{}",
            property(name(texts, finding.text)),
            finding.line,
            finding.column,
            property(finding.rule.name),
            data(&format!("{}: {}", place.trim(), finding.message)),
        );
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(property("C:\\a,b"), "C%3A\\a%2Cb");
    }
}
