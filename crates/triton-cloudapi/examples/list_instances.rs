//! Lists the account's instances: `cargo run --example list_instances`.
//!
//! Like every example it asks as the environment says (`TRITON_URL`, `TRITON_ACCOUNT`, `TRITON_KEY_ID`, or the same with
//! `SDC_`), or else as the current profile of the `triton` command does.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use triton_cloudapi::client::Client;
use triton_cloudapi::instances::ListInstances;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    println!("instances of {} at {}", client.account(), client.url());
    // Every instance or an error, never a part of them.
    for instance in client.list_all_instances(&ListInstances::default()).await? {
        let ip = instance.primary_ip.as_deref().unwrap_or("-");
        println!("{} {:12} {ip:15} {}", instance.id, instance.state.as_str(), instance.name);
    }
    Ok(())
}
