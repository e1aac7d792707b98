//! Numbered steps with timings.

use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::screen::{print, print_indented};

/// Counts steps and times them.
#[derive(Debug)]
pub(crate) struct Steps {
    number: usize,
    begun: Instant,
}

// === impl Steps ===

impl Steps {
    pub(crate) fn new() -> Self {
        Self { number: 0, begun: Instant::now() }
    }

    /// Says what is going to happen, does it, and says how long it took and what came out.
    ///
    /// What comes out is one line or several; the first stands beside the time.
    pub(crate) async fn step(
        &mut self,
        what: &str,
        doing: impl Future<Output = Result<String>>,
    ) -> Result<()> {
        self.number += 1;
        print(format_args!("{:>3}. {what}", self.number));
        let begun = Instant::now();
        let came_out =
            doing.await.with_context(|| format!("step {} does not hold: {what}", self.number))?;
        let (first, rest) = came_out.split_once('\n').unwrap_or((&came_out, ""));
        print(
            format_args!("     {:>6.1} s  {first}", begun.elapsed().as_secs_f64())
                .to_string()
                .trim_end(),
        );
        print_indented(rest);
        Ok(())
    }

    /// A part that came up inside a step, with the time since the start of the first step.
    pub(crate) fn came_up(&self, what: &str) {
        print(format_args!("     {:>6.1} s  {what}", self.begun.elapsed().as_secs_f64()));
    }

    /// The last line.
    pub(crate) fn finish(&self, what: &str) {
        print(format_args!(
            "\n{what}: {} steps, {:.1} s",
            self.number,
            self.begun.elapsed().as_secs_f64()
        ));
    }
}
