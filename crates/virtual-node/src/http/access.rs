//! Whether they may: SubjectAccessReviews, and the memory of their answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube_client::Client;
use kube_client::api::{Api, PostParams};
use tokio::time::Instant;

use super::attributes::Attributes;
use super::identity::Identity;
use crate::api::{CallError, call};

/// How long a yes is remembered, as the kubelet's `cacheAuthorizedTTL`.
pub const YES_LASTS: Duration = Duration::from_secs(5 * 60);

/// How long a no is remembered, as the kubelet's `cacheUnauthorizedTTL`.
pub const NO_LASTS: Duration = Duration::from_secs(30);

/// Answers remembered; beyond that all are asked anew.
pub const REMEMBERED: usize = 1024;

type Question = (Identity, Attributes);

/// Answers that were given lately.
#[derive(Debug, Default)]
pub struct Answers(HashMap<Question, (bool, Instant)>);

/// Asks the API server who may do what to this node.
pub(crate) struct Access {
    client: Client,
    node: String,
    answers: Mutex<Answers>,
}

// === impl Answers ===

impl Answers {
    /// The answer, while it holds.
    #[must_use]
    pub fn get(&self, question: &Question, now: Instant) -> Option<bool> {
        let &(allowed, until) = self.0.get(question)?;
        (now < until).then_some(allowed)
    }

    /// Remembers an answer.
    pub fn put(&mut self, question: Question, allowed: bool, now: Instant) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (_, until)| now < *until);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let lasts = if allowed { YES_LASTS } else { NO_LASTS };
        self.0.insert(question, (allowed, now + lasts));
    }
}

// === impl Access ===

impl Access {
    pub(crate) fn new(client: Client, node: &str) -> Self {
        Self { client, node: node.to_owned(), answers: Mutex::default() }
    }

    /// Whether any of the questions is answered with yes.
    pub(crate) async fn is_allowed(
        &self,
        who: &Identity,
        asked: &[Attributes],
    ) -> Result<bool, CallError> {
        for &attributes in asked {
            let question = (who.clone(), attributes);
            let known = self.answers().get(&question, Instant::now());
            let allowed = match known {
                Some(allowed) => allowed,
                None => {
                    let allowed = self.ask(who, attributes).await?;
                    self.answers().put(question, allowed, Instant::now());
                    allowed
                }
            };
            if allowed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn ask(&self, who: &Identity, attributes: Attributes) -> Result<bool, CallError> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(who.user.clone()),
                uid: who.uid.clone(),
                groups: Some(who.groups.clone()),
                extra: (!who.extra.is_empty()).then(|| who.extra.clone()),
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(attributes.verb.to_owned()),
                    version: Some("v1".to_owned()),
                    resource: Some("nodes".to_owned()),
                    subresource: Some(attributes.subresource.to_owned()),
                    name: Some(self.node.clone()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let answer =
            call("reviewing an access", reviews.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed && status.denied != Some(true)))
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(user: &str) -> Question {
        let identity = Identity { user: user.to_owned(), ..Identity::default() };
        (identity, Attributes { verb: "get", subresource: "pods" })
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_is_forgotten_sooner_than_a_yes() {
        let now = Instant::now();
        let mut answers = Answers::default();
        answers.put(question("a"), true, now);
        answers.put(question("b"), false, now);
        assert_eq!(answers.get(&question("a"), now), Some(true));
        assert_eq!(answers.get(&question("b"), now), Some(false));
        assert_eq!(answers.get(&question("c"), now), None);
        assert_eq!(answers.get(&question("b"), now + NO_LASTS), None);
        assert_eq!(answers.get(&question("a"), now + NO_LASTS), Some(true));
        assert_eq!(answers.get(&question("a"), now + YES_LASTS), None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let mut answers = Answers::default();
        for n in 0..=REMEMBERED {
            answers.put(question(&n.to_string()), true, Instant::now());
        }
        assert!(answers.0.len() <= REMEMBERED);
    }
}
