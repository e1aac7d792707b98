//! Creates an instance, waits until it runs, deletes it and waits until it is gone:
//! `cargo run --example create_and_wait NAME IMAGE PACKAGE`, image and package by name.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Duration;

use anyhow::{Context as _, bail};
use triton_cloudapi::InstanceId;
use triton_cloudapi::client::Client;
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{CreateInstance, Instance, InstanceState, Presence};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// An image may have to be copied to the compute node first.
const CREATED_WITHIN: Duration = Duration::from_secs(600);
const DELETED_WITHIN: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, image, package] = arguments.as_slice() else {
        bail!("usage: create_and_wait NAME IMAGE PACKAGE");
    };
    let client = Client::from_env().await?;
    let images = client.list_images(&ListImages::default()).await?.items;
    let newest =
        images.iter().filter(|found| found.name == *image).max_by_key(|found| found.published_at);
    let create = CreateInstance {
        name: name.clone(),
        image: newest.with_context(|| format!("no image is called {image}"))?.id.to_string(),
        package: package.clone(),
        ..CreateInstance::default()
    };
    // Sent once. Who gets an error of which `is_ambiguous` is true looks for the name before creating again.
    let id = client.create_instance(&create).await?.id;
    println!("created {id}");
    let instance = tokio::time::timeout(CREATED_WITHIN, running(&client, id)).await??;
    println!("running at {}", instance.primary_ip.as_deref().unwrap_or("no address"));
    client.delete_instance(id).await?;
    tokio::time::timeout(DELETED_WITHIN, gone(&client, id)).await??;
    println!("deleted");
    Ok(())
}

async fn running(client: &Client, id: InstanceId) -> anyhow::Result<Instance> {
    loop {
        match client.find_instance(id).await? {
            Presence::Present(instance) if instance.state == InstanceState::Running => {
                return Ok(*instance);
            }
            Presence::Present(instance) if instance.state == InstanceState::Failed => {
                bail!("provisioning {id} failed; the audit may say why")
            }
            Presence::Present(_) => tokio::time::sleep(INTERVAL).await,
            Presence::Destroyed(_) | Presence::NotFound => bail!("somebody deleted {id}"),
        }
    }
}

async fn gone(client: &Client, id: InstanceId) -> anyhow::Result<()> {
    while let Presence::Present(_) = client.find_instance(id).await? {
        tokio::time::sleep(INTERVAL).await;
    }
    Ok(())
}
