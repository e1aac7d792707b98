//! CloudAPI as the account's owner sees it: signed by the agent's key, through the front door.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use triton_cloudapi::client::{Client, Config, KeySource};
use triton_cloudapi::firewall_rules::{CreateFirewallRule, FirewallRule};
use triton_cloudapi::images::ListImages;
use triton_cloudapi::instances::{CreateInstance, Instance, ListInstances};

use crate::oracle::RuleFact;
use crate::scene::{IMAGE, PACKAGE};
use crate::ssh_agent::SshAgent;

/// A client of the account's.
#[derive(Clone)]
pub struct Cloud {
    client: Client,
}

// === impl Cloud ===

impl Cloud {
    /// A client for CloudAPI at `url` that signs with the agent's key.
    ///
    /// # Errors
    /// When the agent does not answer or the URL is none.
    pub(crate) async fn new(url: &str, account: &str, agent: &SshAgent) -> Result<Self> {
        let fingerprint = agent.md5().parse().context("reading the key's fingerprint")?;
        let url = url.parse().context("reading the URL of CloudAPI")?;
        let config = Config::new(url, account, KeySource::Fingerprint(fingerprint));
        let socket = agent.socket().to_string_lossy().into_owned();
        let env = |name: &str| (name == "SSH_AUTH_SOCK").then(|| socket.clone());
        let signer =
            config.signer(&env, None::<&Path>).await.context("finding the key in the agent")?;
        Ok(Self {
            client: Client::builder(config, signer)
                .build()
                .context("making a client of CloudAPI")?,
        })
    }

    /// Every instance that was not destroyed and did not fail.
    ///
    /// # Errors
    /// When CloudAPI does not answer.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        let all = ListInstances::default();
        self.client.list_all_instances(&all).await.context("listing instances")
    }

    /// Texts of the account's firewall rules.
    ///
    /// # Errors
    /// When CloudAPI does not answer.
    pub async fn firewall_rules(&self) -> Result<Vec<String>> {
        let page = self.client.list_firewall_rules().await.context("listing firewall rules")?;
        Ok(page.items.into_iter().map(|rule| rule.rule).collect())
    }

    /// The account's firewall rules, with what their makers say about them.
    ///
    /// # Errors
    /// When CloudAPI does not answer.
    pub async fn rules(&self) -> Result<Vec<RuleFact>> {
        let page = self.client.list_firewall_rules().await.context("listing firewall rules")?;
        let fact = |rule: FirewallRule| RuleFact {
            id: rule.id.to_string(),
            rule: rule.rule,
            description: rule.description.unwrap_or_default(),
        };
        Ok(page.items.into_iter().map(fact).collect())
    }

    /// Makes a firewall rule, and returns its UUID.
    ///
    /// # Errors
    /// When CloudAPI refuses.
    pub async fn make_rule(&self, rule: &str, description: &str) -> Result<String> {
        let create = CreateFirewallRule {
            rule: rule.to_owned(),
            enabled: true,
            description: Some(description.to_owned()),
            ..CreateFirewallRule::default()
        };
        let made = self.client.create_firewall_rule(&create).await;
        Ok(made.context("making a firewall rule")?.id.to_string())
    }

    /// Makes an instance with these tags, and returns its UUID.
    ///
    /// # Errors
    /// When CloudAPI refuses.
    pub async fn make_instance(&self, name: &str, tags: &[(&str, &str)]) -> Result<String> {
        let mut create = CreateInstance {
            name: name.to_owned(),
            package: PACKAGE.to_owned(),
            image: IMAGE.to_owned(),
            ..CreateInstance::default()
        };
        for (name, value) in tags {
            create.tags.insert((*name).to_owned(), (*value).into());
        }
        let made = self.client.create_instance(&create).await;
        Ok(made.context("making an instance")?.id.to_string())
    }

    /// `name@version` of every image, by UUID, as the triton CLI shows images.
    ///
    /// # Errors
    /// When CloudAPI does not answer.
    pub async fn image_names(&self) -> Result<BTreeMap<String, String>> {
        let all = ListImages { state: Some("all".to_owned()), ..ListImages::default() };
        let page = self.client.list_images(&all).await.context("listing images")?;
        let named = |image: triton_cloudapi::images::Image| {
            (image.id.to_string(), format!("{}@{}", image.name, image.version))
        };
        Ok(page.items.into_iter().map(named).collect())
    }
}
