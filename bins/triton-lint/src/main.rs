//! Checks manifests before they are applied: arguments to context, texts to findings, findings to output.

mod args;
mod config;
mod diff;
mod exit;
mod input;
mod live;
mod output;
mod plan;
mod yaml;

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use triton_podspec::manifest::{Report, lint_all};
use triton_podspec::{fields, rules};

use args::{Args, Command};
use exit::Exit;
use input::Text;
use output::Format;

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = run(&args).unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        Exit::Usage
    });
    ended.into()
}

fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Some(Command::Catalog { output }) => {
            live::save(output.as_deref())?;
            return Ok(Exit::Clean);
        }
        Some(Command::Fields) => return print(&fields::markdown()),
        Some(Command::Rules) => return print(&rules_list()),
        None => {}
    }
    if let Some(name) = &args.explain {
        let rule = rules::find(name).with_context(|| {
            let known = triton_podspec::manifest::Levels::default()
                .set(name, triton_podspec::manifest::Level::Warn);
            known.err().map(|error| error.to_string()).unwrap_or_default()
        })?;
        return print(rule.page);
    }
    let context = config::context(args)?;
    let texts = input::read(&args.files)?;
    if let Some(before) = &args.diff {
        let before = input::read(std::slice::from_ref(before))?;
        let report = |texts: &[Text]| lint_all(&borrowed(texts), &context);
        return print(&diff::diff(&report(&before), &report(&texts))?);
    }
    let report = lint_all(&borrowed(&texts), &context);
    let styled = args.color.is_styled(std::io::stdout().is_terminal());
    match &args.plan {
        Some(form) => {
            // The plan is for programs to read; what is wrong is told beside it.
            let told = output::write(Format::Text, &texts, &report, false)?;
            std::io::stderr().write_all(told.as_bytes()).context("writing findings")?;
            print(&plan::write(&report, &context, *form)?)?;
        }
        None => {
            print(&output::write(args.format, &texts, &report, styled)?)?;
        }
    }
    Ok(ended(&report))
}

fn ended(report: &Report) -> Exit {
    if report.is_denied() { Exit::Findings } else { Exit::Clean }
}

fn borrowed(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| text.content.as_str()).collect()
}

fn rules_list() -> String {
    let mut list = String::new();
    for rule in rules::every() {
        let level = triton_podspec::manifest::Level::of(rule).to_string();
        list.push_str(&format!("{level:5} {:36} {}\n", rule.name, rule.summary));
    }
    list
}

/// A reader that has seen enough is no error.
fn print(text: &str) -> anyhow::Result<Exit> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(Exit::Clean),
    }
}
