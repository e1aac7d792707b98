//! Lists the account's instances: `cargo run --example list_instances`, with `TRITON_URL`, `TRITON_ACCOUNT` and
//! `TRITON_KEY_ID` set, or a profile of the `triton` command.

use std::process::ExitCode;

use triton_cloudapi::client::{BoxError, Client};
use triton_cloudapi::instances::ListInstances;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print(&chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, BoxError> {
    let client = Client::from_env().await?;
    let mut text = format!("instances of {} at {}\n", client.account(), client.url());
    for instance in client.list_all_instances(&ListInstances::default()).await? {
        let ip = instance.primary_ip.as_deref().unwrap_or("-");
        text += &format!(
            "{} {:12} {:15} {}\n",
            instance.id,
            instance.state.as_str(),
            ip,
            instance.name
        );
    }
    Ok(text)
}

/// An error and why, and why that.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!("  because {error}\n");
        cause = error.source();
    }
    text
}

#[expect(clippy::print_stdout, reason = "an example talks to its user")]
fn print(text: &str) {
    print!("{text}");
}
