//! Making a pod's instance: permit, translation, rules and a signed request; the note; one POST.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::instances;
use triton_podspec::{
    Diagnostic, Inputs, InstancePlan, Refusal, Severity, Sources, Translation, translate,
};
use virtual_node::{PodEvent, ProviderError, ProviderErrorKind};

use super::{Pass, ReadyCreate, Then, action_failed};
use crate::classify::{CreateFailure, create_failure};
use crate::cluster::{Cluster, ClusterError};
use crate::decide::{Because, Event, Standing};
use crate::journal::{JournalError, Note};
use crate::observer::chain;
use crate::seen::Seen;
use crate::timeline::Milestone;
use crate::{clock, sources};

/// How long a pod that stands in line for its create waits at most before it asks again by itself.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// When a pod asks again that found the journal full.
const FULL_PATIENCE: Duration = Duration::from_secs(1);

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Makes ready all that a create needs.
    pub(crate) async fn prepare(&mut self) -> Result<Then, ProviderError> {
        // The line comes first: who waits reads no Secrets and asks nobody.
        let Some(permit) = self.shared.creates.enter(&self.key.uid) else {
            let standing = Standing::Waiting(Because::RetryLater);
            return Ok(Then::End(standing, Some(Instant::now() + QUEUE_PATIENCE)));
        };
        self.came_to(Milestone::Turn);
        let plan = match self.translate().await? {
            Ok(plan) => plan,
            Err(event) => return Ok(Then::Step(event)),
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
        self.came_to(Milestone::Asked);
        let ready = self.shared.client.make_ready(request).await;
        let request = ready.map_err(|error| action_failed("preparing the create", error))?;
        self.came_to(Milestone::Allowed);
        self.ready = Some(ReadyCreate { request, _permit: permit });
        Ok(Then::Step(Event::Prepared))
    }

    /// Translates the pod; an inner `Err` when the pod must wait.
    async fn translate(&mut self) -> Result<Result<InstancePlan, Event>, ProviderError> {
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
                self.trouble(reason, message);
                return Ok(Err(Event::Refused { longest }));
            }
            None => {}
        }
        let Translation { instance, diagnostics } = translation;
        let Some(plan) = instance else {
            let message = "the pod was translated into nothing, without a reason".to_owned();
            self.trouble("CannotRunYet", message);
            return Ok(Err(Event::Refused { longest: self.shared.settings.limits.retry_max }));
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
    pub(crate) async fn note(&mut self) -> Result<Then, ProviderError> {
        let noted = self.shared.journal.record(&self.key.uid, Note { at: clock::now() }).await;
        let reason = match &noted {
            Ok(()) => return Ok(Then::Step(Event::Noted)),
            Err(JournalError::Full) => {
                // It stands in line, as others do; nothing is wrong with it.
                tracing::debug!(pod = %self.key, "the journal holds as many creates as it may");
                let again = Instant::now() + FULL_PATIENCE;
                return Ok(Then::End(Standing::Unchanged, Some(again)));
            }
            Err(JournalError::TakenOver { .. }) => "AnotherProcessActs",
            Err(_) => "JournalUnavailable",
        };
        noted.map_err(|error| {
            ProviderError::new(ProviderErrorKind::Unavailable, reason, chain(&error))
                .caused_by(error)
        })?;
        Ok(Then::Step(Event::Noted))
    }

    /// The one POST.
    pub(crate) async fn post(&mut self) -> Result<Then, ProviderError> {
        let Some(ReadyCreate { request, _permit }) = self.ready.take() else {
            return Ok(Then::Step(Event::NotMade));
        };
        match self.shared.client.send_ready(request).await {
            Ok(instance) => {
                self.shared.journal.answered(&self.key.uid);
                self.came_to(Milestone::Created);
                let mut message = format!("Created instance {} ({})", instance.name, instance.id);
                message.push_str(&self.time_until_created());
                tracing::info!(pod = %self.key, instance = %instance.id, name = %instance.name, "created an instance");
                self.shared.metrics.action("create");
                self.events.push(PodEvent::normal("Created", message));
                let seen = Seen::with_owner(&instance, self.owner.clone());
                Ok(Then::Step(Event::Created(Arc::new(seen))))
            }
            Err(error) if create_failure(&error) == CreateFailure::Ambiguous => {
                let why = chain(&error);
                tracing::warn!(pod = %self.key, error = %why, "a create was not answered; looking for its instance");
                let message =
                    format!("the create was not answered ({why}); looking for its instance");
                self.events.push(PodEvent::warning("CreateUnresolved", message));
                Ok(Then::Step(Event::Ambiguous))
            }
            Err(error) => match self.refused("creating the instance", error) {
                Err(error) => Ok(Then::Fail(Event::NotMade, error)),
                refused => refused,
            },
        }
    }

    /// CloudAPI refused something on the way to an instance.
    fn refused(
        &mut self,
        what: &str,
        error: triton_cloudapi::client::Error,
    ) -> Result<Then, ProviderError> {
        match create_failure(&error) {
            CreateFailure::Later { reason } | CreateFailure::Refused { reason } => {
                self.trouble(reason, format!("{what}: {}", chain(&error)));
                Ok(Then::Step(Event::Refused { longest: self.shared.settings.limits.retry_max }))
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
