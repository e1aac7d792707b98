//! Creates an instance, waits until it runs, deletes it and waits until it is gone:
//! `cargo run --example create_and_wait NAME IMAGE PACKAGE`.
//!
//! Image and package by UUID, the first digits of it, or name; an image also by `name@version`.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Duration;

use anyhow::bail;
use triton_cloudapi::client::Client;
use triton_cloudapi::instances::{CreateInstance, InstanceState};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, image, package] = arguments.as_slice() else {
        bail!("usage: create_and_wait NAME IMAGE PACKAGE");
    };
    let client = Client::from_env().await?;
    let create = CreateInstance {
        name: name.clone(),
        image: client.resolve_image(image).await?.id.to_string(),
        package: client.resolve_package(package).await?.id.to_string(),
        ..CreateInstance::default()
    };
    // Sent once. Who gets an error of which `is_ambiguous` is true looks for the name before creating again.
    let id = client.create_instance(&create).await?.id;
    println!("created {id}");

    // Minutes, if the image has to be copied to the compute node first.
    let instance = client
        .wait_for_instance(id)
        .until_state(InstanceState::Running)
        .within(Duration::from_secs(600))
        .on_progress(|progress| println!("{} s: {}", progress.waited.as_secs(), progress.seen))
        .await?;
    println!("running at {}", instance.primary_ip.as_deref().unwrap_or("no address"));

    client.delete_instance(id).await?;
    client.wait_for_instance(id).until_gone().await?;
    println!("deleted");
    Ok(())
}
