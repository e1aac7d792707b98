//! Prints what happens to the account's instances until it is interrupted: `cargo run --example follow_changefeed`.
//!
//! It keeps a list that is never wrong for long: what the feed tells goes in at once, and whenever the feed may have
//! missed something, everything is listed again.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::collections::BTreeMap;

use triton_cloudapi::InstanceId;
use triton_cloudapi::client::Client;
use triton_cloudapi::client::changefeed::{ChangefeedItem, ChangefeedOptions};
use triton_cloudapi::instances::{InstanceState, ListInstances};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    let mut known: BTreeMap<InstanceId, InstanceState> = BTreeMap::new();
    let mut feed = client.changefeed(ChangefeedOptions::default());
    while let Some(item) = feed.next().await {
        match item? {
            ChangefeedItem::Resync { reason } => {
                let instances = client.list_all_instances(&ListInstances::default()).await?;
                known =
                    instances.into_iter().map(|instance| (instance.id, instance.state)).collect();
                println!("{} instances, listed because {reason}", known.len());
            }
            ChangefeedItem::Change(change) if change.is_late => {
                // Something newer about this instance came before.
            }
            ChangefeedItem::Change(change) => {
                let name = change.instance.as_ref().map_or("", |instance| &instance.name);
                println!("{} is {} {name}", change.instance_id, change.state);
                if change.is_destroyed() {
                    known.remove(&change.instance_id);
                } else {
                    known.insert(change.instance_id, change.state);
                }
            }
            // Connected, or interrupted for a while: the feed goes on by itself.
            other => println!("{other}"),
        }
    }
    Ok(())
}
