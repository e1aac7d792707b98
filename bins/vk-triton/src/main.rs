//! vk-triton: every pod bound to this node becomes exactly one Triton instance.

mod args;
mod clock;
mod cloud;
mod commands;
mod config;
mod connect;
mod exit;
mod logging;
mod nearest;
mod plan;
mod run;
mod table;
mod term;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

/// Lists and pods come and go in pieces of all sizes, and glibc gives little of that back: with 2000 pods it holds 86
/// MiB where this one holds 38 (docs/decisions/0016).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The tree has one crypto provider; whoever asks for the process's default gets it. A second install is refused,
    // and there is no first one before main.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::usage(&error),
    };
    exit::code(match args.command.clone() {
        Some(command) => commands::run(&args, command),
        None => run::run(args).map(|()| exit::Left::Nothing),
    })
}
