//! Firewall rules.

use crate::client::{Client, Error};
use crate::firewall_rules::{self, CreateFirewallRule, FirewallRule, UpdateFirewallRule};
use crate::ids::{FirewallRuleId, InstanceId};
use crate::instances::Instance;
use crate::page::Page;

impl Client {
    /// ListFirewallRules: the account's and the global ones, in one page.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_firewall_rules(&self) -> Result<Page<FirewallRule>, Error> {
        self.send(firewall_rules::list()?).await
    }

    /// CreateFirewallRule. Sent twice, it makes two rules.
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

    /// UpdateFirewallRule. A global rule cannot be changed (409).
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

    /// DeleteFirewallRule. That it is not there (404) is success.
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
}
