//! What an operator of the simulated datacenter, or fate, can do: the simulator's control paths.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::Http;

/// A client of one simulator's control paths.
#[derive(Clone, Debug)]
pub struct SimControl {
    http: Http,
}

/// An instance as the simulator knows it, destroyed ones too.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct SimInstance {
    /// UUID.
    pub id: String,
    /// Alias.
    pub name: String,
    /// `running`, `deleted`, …
    pub state: String,
    /// Address of the primary NIC.
    pub primary_ip: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, Value>,
    /// Whether the firewall filters it.
    pub firewall_enabled: bool,
    /// States it has been in, oldest first; the first is the moment it was made.
    pub transitions: Vec<SimTransition>,
}

/// One change of an instance's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SimTransition {
    /// The state it came into.
    pub to: String,
    /// When.
    pub at: Timestamp,
}

/// A request the simulator answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SimRequest {
    /// Counts up by one, from 1.
    pub seq: u64,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// CloudAPI's name of the endpoint, e.g. `CreateMachine`; empty for a path that is none.
    pub endpoint: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// When it came.
    pub at: Timestamp,
}

// === impl SimControl ===

impl SimControl {
    /// Control of the simulator at `url` (without a slash at the end).
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { http: Http::new(url) }
    }

    /// URL of the simulator.
    #[must_use]
    pub fn url(&self) -> &str {
        self.http.base()
    }

    /// Asks whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        self.http.get("/--ping").await.map(drop)
    }

    /// Every instance there is and was.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn instances(&self) -> Result<Vec<SimInstance>> {
        self.read("/--sim/instances").await
    }

    /// Instances that were not destroyed and did not fail.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn living(&self) -> Result<Vec<SimInstance>> {
        let mut instances = self.instances().await?;
        instances.retain(SimInstance::is_living);
        Ok(instances)
    }

    /// Every request so far, oldest first.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn requests(&self) -> Result<Vec<SimRequest>> {
        self.read("/--sim/requests").await
    }

    /// Every request after that number, oldest first.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn requests_since(&self, seq: u64) -> Result<Vec<SimRequest>> {
        self.read(&format!("/--sim/requests?since={seq}")).await
    }

    /// Number of requests so far, or since [`SimControl::reset_counts`], by endpoint.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>> {
        self.read("/--sim/counts").await
    }

    /// Counts from zero again.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn reset_counts(&self) -> Result<()> {
        self.http.send(Method::POST, "/--sim/counts/reset", String::new()).await.map(drop)
    }

    /// Does something to an instance behind everyone's back: `destroy`, `stop`, `fail` or `start`.
    ///
    /// # Errors
    /// When there is no such instance.
    pub async fn behind_our_back(&self, instance: &str, action: &str) -> Result<()> {
        self.http
            .send(Method::POST, &format!("/--sim/instances/{instance}/{action}"), String::new())
            .await
            .map(drop)
    }

    /// Switches a fault on.
    ///
    /// # Errors
    /// When the simulator does not know it.
    pub async fn set_fault(&self, name: &str, settings: &Value) -> Result<()> {
        self.http
            .send(Method::PUT, &format!("/--sim/faults/{name}"), settings.to_string())
            .await
            .map(drop)
    }

    /// Switches a fault off.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn clear_fault(&self, name: &str) -> Result<()> {
        self.http
            .send(Method::DELETE, &format!("/--sim/faults/{name}"), String::new())
            .await
            .map(drop)
    }

    /// Switches all faults off.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn clear_faults(&self) -> Result<()> {
        self.http.send(Method::DELETE, "/--sim/faults", String::new()).await.map(drop)
    }

    /// How often each fault that is set has struck.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn struck(&self) -> Result<BTreeMap<String, u64>> {
        #[derive(Deserialize)]
        struct Shown {
            fault: String,
            struck: u64,
        }
        let shown: Vec<Shown> = self.read("/--sim/faults").await?;
        Ok(shown.into_iter().map(|shown| (shown.fault, shown.struck)).collect())
    }

    /// Changes how long things take, in milliseconds by name (`create`, `provision`, `stop`, …).
    ///
    /// # Errors
    /// When the simulator does not know one of them.
    pub async fn set_delays(&self, delays: &Value) -> Result<()> {
        self.http.send(Method::PUT, "/--sim/delays", delays.to_string()).await.map(drop)
    }

    /// What a path says, as it says it.
    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        self.http.get(path).await
    }

    /// Reads a JSON answer.
    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let text = self.http.get(path).await?;
        serde_json::from_str(&text).with_context(|| format!("reading the answer to {path}"))
    }
}

// === impl SimInstance ===

impl SimInstance {
    /// Whether it was neither destroyed nor failed.
    #[must_use]
    pub fn is_living(&self) -> bool {
        self.state != "deleted" && self.state != "failed"
    }

    /// A tag that is text.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name)?.as_str()
    }

    /// When it first came into a state.
    ///
    /// # Errors
    /// When it never did.
    pub fn first(&self, state: &str) -> Result<Timestamp> {
        match self.transitions.iter().find(|transition| transition.to == state) {
            Some(transition) => Ok(transition.at),
            None => bail!("instance {} was never {state}", self.id),
        }
    }
}
