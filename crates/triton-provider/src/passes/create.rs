//! Making a pod's instance: translate, rules, permit, note, one POST.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::client::Ready;
use triton_cloudapi::instances::{self, Instance};
use triton_podspec::{
    Diagnostic, Inputs, InstancePlan, Refusal, Severity, Sources, Translation, translate,
};
use virtual_node::{PodEvent, ProviderError, ProviderErrorKind};

use super::action_failed;
use super::report::Standing;
use super::sync::{After, Pass};
use crate::classify::{CreateFailure, create_failure};
use crate::cluster::{Cluster, ClusterError};
use crate::journal::{JournalError, Note};
use crate::memory::Intent;
use crate::observer::chain;
use crate::seen::Seen;
use crate::{clock, sources};

/// How long a pod that stands in line for its create waits at most before it asks again by itself.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Makes the pod's instance, with at most one POST.
    pub(crate) async fn create(&mut self) -> Result<After, ProviderError> {
        // The line comes first: who waits reads no Secrets and asks nobody.
        let Some(_permit) = self.shared.creates.enter(&self.key.uid) else {
            return Ok(After::Report(Standing::Waiting, Some(QUEUE_PATIENCE)));
        };
        let plan = match self.translate().await? {
            Ok(plan) => plan,
            Err(after) => return Ok(after),
        };
        if let Err(error) = self.shared.firewall.ensure(&self.key.uid, &plan.firewall_rules).await {
            let what = error.to_string();
            return self.refused(&what, error.source);
        }
        self.memory.rules_ensured = true;
        let request = instances::create(&plan.create);
        let request = request.map_err(|error| {
            ProviderError::new(ProviderErrorKind::Invalid, "InvalidInstance", chain(&error))
                .caused_by(error)
        })?;
        // Waiting and signing first: between the note and its request nothing is left to do but to send, so that a
        // crash between the two, which leaves a pod in doubt, is as unlikely as can be.
        let ready = self.shared.client.make_ready(request).await;
        let ready = ready.map_err(|error| action_failed("preparing the create", error))?;
        self.note().await?;
        self.post(ready).await
    }

    /// Translates the pod; `Err` ends the pass because the pod must wait.
    async fn translate(&mut self) -> Result<Result<InstancePlan, After>, ProviderError> {
        let sources = sources::read(&*self.shared.cluster, &self.pod).await.map_err(unreadable)?;
        let catalog = self.shared.catalog.get().await;
        let catalog = catalog
            .map_err(|error| action_failed("reading packages, images and networks", error))?;
        let mut translation = self.translate_with(&sources, &catalog);
        if translation.refusal().is_some_and(|refusal| refusal.severity == Severity::Wait) {
            // It may name something that was made a moment ago.
            let catalog = self.shared.catalog.refresh().await;
            let catalog = catalog
                .map_err(|error| action_failed("reading packages, images and networks", error))?;
            translation = self.translate_with(&sources, &catalog);
        }
        match translation.refusal() {
            Some(Refusal { severity: Severity::Reject, reason, message }) => {
                return Err(ProviderError::new(ProviderErrorKind::Invalid, reason, message));
            }
            Some(Refusal { reason, message, .. }) => {
                let longest = self.shared.settings.limits.missing_retry_max;
                return Ok(Err(self.trouble_within(reason, message, longest)));
            }
            None => {}
        }
        let Translation { instance, diagnostics } = translation;
        let Some(plan) = instance else {
            let message = "the pod was translated into nothing, without a reason".to_owned();
            return Ok(Err(self.trouble("CannotRunYet", message)));
        };
        // Without a refusal, warnings are all there is.
        for Diagnostic { reason, path, message, .. } in diagnostics {
            self.events.push(PodEvent::warning(reason, format!("{path}: {message}")));
        }
        Ok(Ok(plan))
    }

    fn translate_with(&self, sources: &Sources, catalog: &triton_podspec::Catalog) -> Translation {
        let settings = &self.shared.settings;
        translate(&Inputs {
            pod: &self.pod,
            cluster: &settings.cluster,
            node: &settings.node,
            host_ip: settings.node_ips.first().copied(),
            catalog,
            defaults: &settings.defaults,
            sources,
        })
    }

    /// Makes the intent durable. Nothing is sent unless it is.
    async fn note(&mut self) -> Result<(), ProviderError> {
        // Taken to be there even if the write fails on us: a write whose answer is lost may have been made.
        self.memory.noted = true;
        let noted = self.shared.journal.record(&self.key.uid, Note { at: clock::now() }).await;
        noted.map_err(|error| {
            let reason = match error {
                JournalError::TakenOver { .. } => "AnotherProcessActs",
                _ => "JournalUnavailable",
            };
            ProviderError::new(ProviderErrorKind::Unavailable, reason, chain(&error))
                .caused_by(error)
        })
    }

    /// The one POST.
    async fn post(&mut self, ready: Ready<Instance>) -> Result<After, ProviderError> {
        // Until there is an answer the create may come true; a pass that is dropped here leaves just that behind.
        let window = self.shared.settings.limits.ambiguity_window;
        self.memory.intent = Some(Intent::until(Instant::now() + window));
        let answer = self.shared.client.send_ready(ready).await;
        match answer {
            Ok(instance) => {
                let message = format!("Created instance {} ({})", instance.name, instance.id);
                tracing::info!(pod = %self.key, instance = %instance.id, name = %instance.name, "created an instance");
                self.shared.metrics.action("create");
                self.events.push(PodEvent::normal("Created", message));
                self.memory.intent = None;
                let seen = Seen::with_owner(&instance, self.owner.clone());
                self.see(&Arc::new(seen), Instant::now());
                Ok(After::Decide)
            }
            Err(error) => match create_failure(&error) {
                CreateFailure::Ambiguous => {
                    // Counted from now: the request may have been on its way until this moment.
                    self.memory.intent = Some(Intent::until(Instant::now() + window));
                    let why = chain(&error);
                    tracing::warn!(pod = %self.key, error = %why, "a create was not answered; looking for its instance");
                    let message =
                        format!("the create was not answered ({why}); looking for its instance");
                    self.events.push(PodEvent::warning("CreateUnresolved", message));
                    Ok(After::Decide)
                }
                _ => {
                    self.settle_intent();
                    self.refused("creating the instance", error)
                }
            },
        }
    }

    /// CloudAPI refused something on the way to an instance.
    fn refused(
        &mut self,
        what: &str,
        error: triton_cloudapi::client::Error,
    ) -> Result<After, ProviderError> {
        match create_failure(&error) {
            CreateFailure::Later { reason } | CreateFailure::Refused { reason } => {
                Ok(self.trouble(reason, format!("{what}: {}", chain(&error))))
            }
            CreateFailure::Unavailable | CreateFailure::Ambiguous => {
                Err(action_failed(what, error))
            }
        }
    }
}

fn unreadable(error: ClusterError) -> ProviderError {
    let message = chain(&error);
    ProviderError::new(ProviderErrorKind::Unavailable, "CreateContainerConfigError", message)
        .caused_by(error)
}
