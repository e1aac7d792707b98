//! `cargo xtask guards`: takes each guard out of a copy of the workspace, one at a time, and demands that a test notices.
//!
//! ```text
//! guards/*.toml  the guards: where each is, what is left without it, which tests hold it
//! list.rs        reads them
//! copy.rs        the copy that they are taken out of
//! suite.rs       builds and runs tests, and reads what came of each
//! page.rs        the table of docs/reliability/guards.md
//! ```

mod copy;
mod list;
mod page;
mod suite;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::build::workspace;
use crate::screen::{print, print_indented};
use copy::Copy;
use list::Guard;
use suite::{Came, Suite};

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the guards whose name, or file, contains this; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Prints the table of docs/reliability/guards.md instead, and runs nothing.
    #[arg(long)]
    markdown: bool,
}

/// Takes them out, one after the other. A guard that nothing notices is an error.
pub(crate) async fn run(args: Args) -> Result<()> {
    let chapters = list::read(&workspace())?;
    if args.markdown {
        print(page::table(&chapters).trim_end());
        return Ok(());
    }
    let is_meant = |guard: &&Guard| {
        let is_it = |only: &String| guard.name.contains(only) || guard.file.contains(only);
        args.only.is_empty() || args.only.iter().any(is_it)
    };
    let guards: Vec<&Guard> =
        chapters.iter().flat_map(|chapter| &chapter.guards).filter(is_meant).collect();
    ensure!(!guards.is_empty(), "no guard is called so");

    let copy = Copy::refresh(&workspace())?;
    hold_with_all_guards(&copy, &guards).await?;
    let mut unheld = Vec::new();
    for guard in &guards {
        let begun = Instant::now();
        copy.take_out(guard)?;
        let came = suite::run(&copy, &guard.suite).await;
        // Before anything else: the next one is taken out alone.
        copy.put_back(guard)?;
        let verdict = judge(guard, &came?);
        let word = if verdict.is_ok() { "held" } else { "NOT HELD" };
        print(format_args!("{word:<8} {:>6.1} s  {}", begun.elapsed().as_secs_f64(), guard.name));
        match verdict {
            Ok(noticed) => print_indented(&noticed),
            Err(why) => {
                print_indented(&why);
                unheld.push(guard.name.as_str());
            }
        }
    }
    ensure!(
        unheld.is_empty(),
        "{} of {} guards were not noticed as they should be: {}",
        unheld.len(),
        guards.len(),
        unheld.join("; ")
    );
    print(format_args!("{} guards, each of them held", guards.len()));
    Ok(())
}

/// A suite that fails anyway notices nothing.
async fn hold_with_all_guards(copy: &Copy, guards: &[&Guard]) -> Result<()> {
    let mut suites: Vec<&Suite> = guards.iter().map(|guard| &guard.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let begun = Instant::now();
        let came = suite::run(copy, suite).await?;
        let Came::Ran { failed, passed } = came else {
            anyhow::bail!("{suite} with all guards in place: {came}");
        };
        ensure!(failed.is_empty(), "{suite} fails with all guards in place: {}", failed.join(", "));
        ensure!(passed > 0, "{suite} runs no test");
        print(format_args!("{passed:>4} pass {:>6.1} s  {suite}", begun.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Who noticed, or why that will not do.
fn judge(guard: &Guard, came: &Came) -> Result<String, String> {
    let Came::Ran { failed, .. } = came else { return Err(came.to_string()) };
    let is_among = |name: &&String| {
        failed.iter().any(|test| test == *name || test.ends_with(&format!("::{name}")))
    };
    let silent: Vec<&str> =
        guard.held_by.iter().filter(|name| !is_among(name)).map(String::as_str).collect();
    if failed.is_empty() {
        Err("no test fails".to_owned())
    } else if silent.is_empty() {
        Ok(failed.join("\n"))
    } else {
        Err(format!("{} passes; these fail:\n{}", silent.join(", "), failed.join("\n")))
    }
}

#[cfg(test)]
mod tests;
