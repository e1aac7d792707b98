//! Opens a port of all instances with a tag: `cargo run --example firewall role=web 443`.
//!
//! The rule is found again by its description, since CloudAPI writes its text anew. Run twice, it changes nothing.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use anyhow::Context as _;
use triton_cloudapi::client::Client;
use triton_cloudapi::firewall_rules::CreateFirewallRule;
use triton_cloudapi::instances::ListInstances;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let usage = "usage: firewall TAG=VALUE PORT";
    let mut arguments = std::env::args().skip(1);
    let argument = arguments.next().context(usage)?;
    let (tag, value) = argument.split_once('=').context(usage)?;
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).context(usage)?;

    let client = Client::from_env().await?;
    let description = format!("example: {tag}={value} port {port}");
    let rules = client.list_firewall_rules().await?.items;
    let found = rules.into_iter().find(|rule| rule.description.as_ref() == Some(&description));
    let rule = match found {
        Some(rule) => rule,
        None => {
            let create = CreateFirewallRule {
                rule: format!(r#"FROM any TO tag "{tag}" = "{value}" ALLOW tcp PORT {port}"#),
                enabled: true,
                description: Some(description),
                ..CreateFirewallRule::default()
            };
            client.create_firewall_rule(&create).await?
        }
    };
    println!("{} {}", rule.id, rule.rule);

    // A rule filters only where the instance's firewall is on.
    let tagged = ListInstances::default().with_tag(tag, value);
    for instance in client.list_all_instances(&tagged).await? {
        if !instance.firewall_enabled {
            client.enable_firewall(instance.id).await?;
        }
        println!("{} {} lets port {port} in", instance.id, instance.name);
    }
    Ok(())
}
