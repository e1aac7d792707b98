//! Development tasks: `cargo xtask demo`, `test`, `up`, `down`, `bench`, `chaos`, `guards`, `check`.

mod bench;
mod build;
mod chaos;
mod check;
mod clock;
mod demo;
mod down;
mod foreign;
mod guards;
mod screen;
mod steps;
mod test;
mod up;

use std::process::ExitCode;

use clap::Parser;

/// Development tasks of vk-triton. Each says what is missing when it needs something this machine does not have.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Shows it: control plane, simulator, vk-triton, and the walkthrough, step by step.
    Demo(demo::Args),
    /// Tests everything: unit, doc and scenario tests, clients that others wrote, a real control plane.
    Test(test::Args),
    /// Starts everything and leaves it running.
    ///
    /// Writes `env` (shell exports for kubectl and triton) and, for each program, NAME.pid, NAME.log and NAME.cmd: a
    /// shell line that starts just that program again.
    Up(up::Args),
    /// Ends what `up` started.
    Down(down::Args),
    /// Measures what the node adds: time, requests, writes, memory.
    Bench(bench::Args),
    /// Lets everything go wrong, by name and by seed, and says which promises were broken.
    Chaos(chaos::Args),
    /// Takes guards out of the code, one at a time, and demands that a test notices.
    Guards(guards::Args),
    /// Looks whether this machine has what the other tasks need.
    Check,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Demo(args) => demo::run(args).await,
        Task::Test(args) => test::run(args).await,
        Task::Up(args) => up::run(args).await,
        Task::Down(args) => down::run(args).await,
        Task::Bench(args) => bench::run(args).await,
        Task::Chaos(args) => chaos::run(args).await,
        Task::Guards(args) => guards::run(args).await,
        Task::Check => check::run().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            testbed::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
