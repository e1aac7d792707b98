//! Findings for people and for programs: one file a format.

mod github;
mod json;
mod sarif;
mod text;

use clap::ValueEnum;
use triton_podspec::manifest::Report;

use crate::input::Text;

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the lines they are about.
    Text,
    /// One object.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// The findings in that format.
pub(crate) fn write(
    format: Format,
    texts: &[Text],
    report: &Report,
    styled: bool,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => text::write(texts, report, styled),
        Format::Json => json::write(texts, report)?,
        Format::Github => github::write(texts, report),
        Format::Sarif => sarif::write(texts, report)?,
    })
}

fn name(texts: &[Text], at: usize) -> &str {
    texts.get(at).map_or("", |text| text.name.as_str())
}
