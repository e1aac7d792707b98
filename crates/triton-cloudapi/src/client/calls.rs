//! The calls by name. Each is a request of the pure half, sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Client, Error, list_all};
use crate::account::{self, Account, Key, Pong};
use crate::firewall_rules::{self, CreateFirewallRule, FirewallRule, UpdateFirewallRule};
use crate::ids::{FirewallRuleId, ImageId, InstanceId, NetworkId};
use crate::images::{self, Image, ListImages};
use crate::instances::{self, AuditEntry, CreateInstance, Instance, ListInstances, Presence};
use crate::networks::{self, Network};
use crate::packages::{self, Package};
use crate::page::Page;
use crate::tags::Tags;

// The errors of all of them are the same, so they are told once, at `Error`.
impl Client {
    /// ListMachines, all pages: every instance once, or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] when something in the list cannot be read, or it changes too fast to be sure of it.
    pub async fn list_all_instances(&self, filter: &ListInstances) -> Result<Vec<Instance>, Error> {
        list_all::list_all(self, filter).await
    }

    /// ListMachines, one page. Odd elements are told of beside the others.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instances(&self, list: &ListInstances) -> Result<Page<Instance>, Error> {
        self.send(instances::list(list)?).await
    }

    /// CreateMachine. Never sent twice; after an ambiguous error ([`Error::is_ambiguous`]) look before creating again.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_instance(&self, create: &CreateInstance) -> Result<Instance, Error> {
        self.send(instances::create(create)?).await
    }

    /// GetMachine, where not being there is an answer and not an error.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn find_instance(&self, id: InstanceId) -> Result<Presence, Error> {
        self.send(instances::find(id)?).await
    }

    /// DeleteMachine. That it is gone already (404, 410) is success; that it goes takes a while.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::delete(id)?).await
    }

    /// StartMachine. Accepted in any state; only the audit tells whether it was any use.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn start_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::start(id)?).await
    }

    /// StopMachine. Accepted in any state.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn stop_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::stop(id)?).await
    }

    /// RebootMachine.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn reboot_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::reboot(id)?).await
    }

    /// RenameMachine.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rename_instance(&self, id: InstanceId, name: &str) -> Result<(), Error> {
        self.send(instances::rename(id, name)?).await
    }

    /// EnableMachineFirewall.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn enable_firewall(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::enable_firewall(id)?).await
    }

    /// DisableMachineFirewall.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn disable_firewall(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::disable_firewall(id)?).await
    }

    /// EnableMachineDeletionProtection.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn enable_deletion_protection(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::enable_deletion_protection(id)?).await
    }

    /// DisableMachineDeletionProtection.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn disable_deletion_protection(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::disable_deletion_protection(id)?).await
    }

    /// MachineAudit, newest first.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_audit(&self, id: InstanceId) -> Result<Page<AuditEntry>, Error> {
        self.send(instances::audit(id)?).await
    }

    /// ListMachineTags.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_tags(&self, id: InstanceId) -> Result<Tags, Error> {
        self.send(instances::list_tags(id)?).await
    }

    /// AddMachineTags. The answer is what the tags will be, seconds later.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_instance_tags(&self, id: InstanceId, tags: &Tags) -> Result<Tags, Error> {
        self.send(instances::add_tags(id, tags)?).await
    }

    /// ReplaceMachineTags. The answer is what the tags will be, seconds later.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn replace_instance_tags(&self, id: InstanceId, tags: &Tags) -> Result<Tags, Error> {
        self.send(instances::replace_tags(id, tags)?).await
    }

    /// DeleteMachineTag. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance_tag(&self, id: InstanceId, name: &str) -> Result<(), Error> {
        self.send(instances::delete_tag(id, name)?).await
    }

    /// ListMachineMetadata.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_metadata(
        &self,
        id: InstanceId,
    ) -> Result<BTreeMap<String, Value>, Error> {
        self.send(instances::list_metadata(id)?).await
    }

    /// AddMachineMetadata. The answer is what the metadata will be, seconds later.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_instance_metadata(
        &self,
        id: InstanceId,
        metadata: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Value>, Error> {
        self.send(instances::add_metadata(id, metadata)?).await
    }

    /// DeleteMachineMetadata, one key. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance_metadata(&self, id: InstanceId, key: &str) -> Result<(), Error> {
        self.send(instances::delete_metadata(id, key)?).await
    }

    /// ListImages.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_images(&self, filter: &ListImages) -> Result<Page<Image>, Error> {
        self.send(images::list(filter)?).await
    }

    /// GetImage.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_image(&self, id: ImageId) -> Result<Image, Error> {
        self.send(images::get(id)?).await
    }

    /// ListPackages.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_packages(&self) -> Result<Page<Package>, Error> {
        self.send(packages::list()?).await
    }

    /// GetPackage, by UUID or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_package(&self, id_or_name: &str) -> Result<Package, Error> {
        self.send(packages::get(id_or_name)?).await
    }

    /// ListNetworks: networks and pools.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_networks(&self) -> Result<Page<Network>, Error> {
        self.send(networks::list()?).await
    }

    /// GetNetwork, pools too.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_network(&self, id: NetworkId) -> Result<Network, Error> {
        self.send(networks::get(id)?).await
    }

    /// ListFirewallRules: the account's and the global ones.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_firewall_rules(&self) -> Result<Page<FirewallRule>, Error> {
        self.send(firewall_rules::list()?).await
    }

    /// CreateFirewallRule. Never sent twice.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_firewall_rule(
        &self,
        create: &CreateFirewallRule,
    ) -> Result<FirewallRule, Error> {
        self.send(firewall_rules::create(create)?).await
    }

    /// GetFirewallRule.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_firewall_rule(&self, id: FirewallRuleId) -> Result<FirewallRule, Error> {
        self.send(firewall_rules::get(id)?).await
    }

    /// UpdateFirewallRule.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_firewall_rule(
        &self,
        id: FirewallRuleId,
        update: &UpdateFirewallRule,
    ) -> Result<FirewallRule, Error> {
        self.send(firewall_rules::update(id, update)?).await
    }

    /// EnableFirewallRule.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn enable_firewall_rule(&self, id: FirewallRuleId) -> Result<FirewallRule, Error> {
        self.send(firewall_rules::enable(id)?).await
    }

    /// DisableFirewallRule.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn disable_firewall_rule(&self, id: FirewallRuleId) -> Result<FirewallRule, Error> {
        self.send(firewall_rules::disable(id)?).await
    }

    /// DeleteFirewallRule. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_firewall_rule(&self, id: FirewallRuleId) -> Result<(), Error> {
        self.send(firewall_rules::delete(id)?).await
    }

    /// ListFirewallRuleMachines: the instances a rule is about.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_firewall_rule_instances(
        &self,
        id: FirewallRuleId,
    ) -> Result<Page<Instance>, Error> {
        self.send(firewall_rules::list_instances(id)?).await
    }

    /// ListMachineFirewallRules: the rules that are about an instance.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_firewall_rules(
        &self,
        id: InstanceId,
    ) -> Result<Page<FirewallRule>, Error> {
        self.send(firewall_rules::list_of_instance(id)?).await
    }

    /// GetAccount.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_account(&self) -> Result<Account, Error> {
        self.send(account::get()?).await
    }

    /// ListKeys.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_keys(&self) -> Result<Page<Key>, Error> {
        self.send(account::list_keys()?).await
    }

    /// ListDatacenters: names and URLs.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_datacenters(&self) -> Result<BTreeMap<String, String>, Error> {
        self.send(account::list_datacenters()?).await
    }

    /// Ping: whether anyone is there, without authentication.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn ping(&self) -> Result<Pong, Error> {
        self.send(account::ping()?).await
    }
}
