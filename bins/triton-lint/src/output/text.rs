//! Findings with the lines they are about.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level as Title, Renderer, Snippet};
use triton_podspec::manifest::{Finding, Level, Report};

use super::name;
use crate::input::Text;

/// Longest line that is shown whole, in bytes: minified JSON is one line.
const LINE_MAX: usize = 200;

/// Control characters of a hostile file must not reach the terminal.
fn safe(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

pub(super) fn write(texts: &[Text], report: &Report, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for finding in &report.findings {
        let content = texts.get(finding.text).map_or("", |text| text.content.as_str());
        let (line, span, cut) = line_of(content, &finding.span);
        let line = safe_line(line);
        let title = match finding.level {
            Level::Deny => Title::ERROR,
            Level::Warn | Level::Allow => Title::WARNING,
        };
        let mut place = safe(&place(finding));
        if cut {
            place.push_str(&format!(" (column {})", finding.column));
        }
        let file = safe(name(texts, finding.text));
        let message = safe(&finding.told());
        let snippet = Snippet::source(line.as_str())
            .line_start(finding.line)
            .annotation(AnnotationKind::Primary.span(span));
        let group = title.primary_title(message.as_str()).id(finding.rule.name);
        let group = group.element(snippet.path(file.as_str()));
        let group =
            if place.is_empty() { group } else { group.element(Title::NOTE.message(place)) };
        let _ = writeln!(out, "{}\n", renderer.render(&[group]));
    }
    out.push_str(&summary(texts, report));
    out
}

fn place(finding: &Finding) -> String {
    match (finding.object.as_str(), finding.path.as_str()) {
        ("", path) => path.to_owned(),
        (object, "") => object.to_owned(),
        (object, path) => format!("{object}: {path}"),
    }
}

/// The line that the span begins in, the span within it, and whether the line was long and is cut around the span.
fn line_of<'a>(content: &'a str, span: &Range<usize>) -> (&'a str, Range<usize>, bool) {
    let start = span.start.min(content.len());
    let begin = content[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = content[start..].find('\n').map_or(content.len(), |at| start + at);
    let cut = end - begin > LINE_MAX;
    let (begin, end) = if cut {
        let from = boundary(content, start.saturating_sub(LINE_MAX / 3).max(begin));
        (from, boundary(content, (from + LINE_MAX).min(end)))
    } else {
        (begin, end)
    };
    let line = content[begin..end].trim_end_matches('\r');
    let from = (start - begin).min(line.len());
    let to = span.end.min(end).saturating_sub(begin).clamp(from, line.len());
    (line, from..to, cut)
}

/// The byte, or the beginning of the letter that it is within.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// As long as the line, so that spans hold.
fn safe_line(line: &str) -> String {
    line.chars()
        .map(|letter| if letter.is_control() && letter.len_utf8() == 1 { ' ' } else { letter })
        .collect()
}

fn summary(texts: &[Text], report: &Report) -> String {
    let count = |level| report.findings.iter().filter(|it| it.level == level).count();
    let (denied, warned) = (count(Level::Deny), count(Level::Warn));
    let pods = counted(report.plans.len(), "pod template");
    let files = counted(texts.len(), "file");
    if denied + warned == 0 {
        return format!("{pods} in {files}: nothing to say\n");
    }
    let rule = report.findings.first().map_or("", |finding| finding.rule.name);
    format!(
        "{pods} in {files}: {}, {}; `triton-lint --explain {rule}` says more\n",
        counted(denied, "error"),
        counted(warned, "warning"),
    )
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let long = format!("{}here{}", "é".repeat(500), "x".repeat(500));
        let (line, span, cut) = line_of(&long, &(1000..1004));
        assert!(cut);
        assert_eq!(&line[span], "here");
        assert!(line.len() <= LINE_MAX);
    }

    #[test]
    fn the_place_is_found_in_its_line() {
        for (content, span, expected) in [
            ("a: b\nc: d\n", 5..9, ("c: d", "c: d")),
            ("a: b\r\nc: d", 0..4, ("a: b", "a: b")),
            ("a: |\n  x\n  y\n", 0..12, ("a: |", "a: |")),
            ("", 0..0, ("", "")),
            ("a\n", 2..2, ("", "")),
        ] {
            let (line, span, _) = line_of(content, &span);
            assert_eq!((line, &line[span]), expected, "{content:?}");
        }
    }
}
