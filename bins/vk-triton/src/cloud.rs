//! The client of CloudAPI: found through the environment, the profile and the settings file.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use triton_cloudapi::client::{BoxError, Client, Config, Deadlines, Gate, Throttle};
use triton_provider::Metrics;
use virtual_node::Fence;
use virtual_node::fence::CONNECT_LIMIT;

use crate::config::CloudApiSection;
use crate::exit::{Classify, Kind, Outcome};

/// Variables that say whether certificates are checked.
const INSECURE: [&str; 6] = [
    "TRITON_INSECURE",
    "SDC_INSECURE",
    "SDC_TLS_INSECURE",
    "TRITON_SKIP_TLS_VERIFY",
    "SDC_SKIP_TLS_VERIFY",
    "SDC_TESTING",
];

/// Where a node finds its CloudAPI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CloudSource {
    /// What the settings say of this very node: it wins over the environment.
    pub(crate) own: CloudApiSection,
    /// What they say of all: the environment wins over it.
    pub(crate) shared: CloudApiSection,
}

// === impl CloudSource ===

impl CloudSource {
    /// A client that changes things only as long as the fence is open.
    ///
    /// # Errors
    /// When the settings lack something, or the key cannot be found.
    pub(crate) async fn client(
        &self,
        throttle: Arc<Throttle>,
        metrics: &Metrics,
        fence: &Fence,
    ) -> Outcome<Client> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let lookup = |name: &str| self.lookup(name, &environment);
        let home = environment("HOME").map(PathBuf::from);
        let config = Config::load(&lookup, home.as_deref())
            .context("finding CloudAPI")
            .or_fail(Kind::Config)?;
        let signer = config.signer(&lookup, home.as_deref()).await;
        let signer = signer.context("finding the key for CloudAPI").or_fail(Kind::Config)?;
        let fence = fence.clone();
        let gate: Gate = Arc::new(move || fence.check().map_err(BoxError::from));
        // Whatever got past the gate must be on the wire before anybody else may act.
        let deadlines = Deadlines { connect: CONNECT_LIMIT, ..Deadlines::default() };
        let client = Client::builder(config, signer)
            .with_gate(gate)
            .with_deadlines(deadlines)
            .with_on_request(metrics.on_request())
            .with_throttle(throttle)
            .build();
        client.context("setting up the CloudAPI client").or_fail(Kind::Config)
    }

    /// The value of a variable, such as `TRITON_URL`.
    fn lookup(&self, name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let suffix = name.strip_prefix("TRITON_");
        if let Some(value) = suffix.and_then(|suffix| self.own.get(suffix)) {
            return Some(value);
        }
        if self.own.hides(name) {
            return None;
        }
        environment(name).or_else(|| {
            // The older prefix is left to the environment, so that `SDC_URL` there wins over the file.
            let suffix = suffix.filter(|suffix| environment(&format!("SDC_{suffix}")).is_none())?;
            // Whatever the environment says of it, in any of its spellings, wins.
            let is_said = || INSECURE.iter().any(|name| environment(name).is_some());
            if suffix == "TLS_INSECURE" && is_said() { None } else { self.shared.get(suffix) }
        })
    }
}

// === impl CloudApiSection ===

impl CloudApiSection {
    /// What it says of the variable with this suffix.
    fn get(&self, suffix: &str) -> Option<String> {
        match suffix {
            "URL" => self.url.clone(),
            "ACCOUNT" => self.account.clone(),
            "USER" => self.user.clone(),
            "KEY_ID" => self.key_id.clone(),
            "KEY_MATERIAL" => self.key_file.clone(),
            "TLS_INSECURE" => self.insecure.map(|insecure| insecure.to_string()),
            _ => None,
        }
    }

    /// Whether a variable is about another CloudAPI, account or key than the one it names, and must not be mixed in.
    fn hides(&self, name: &str) -> bool {
        let suffix = name.strip_prefix("TRITON_").or_else(|| name.strip_prefix("SDC_"));
        match suffix {
            Some("PROFILE") => self.url.is_some(),
            Some("USER" | "RBAC_USER" | "ROLE" | "RBAC_ROLE" | "ACT_AS") => self.account.is_some(),
            Some("KEY_ID" | "KEY_MATERIAL") => self.key_id.is_some() || self.key_file.is_some(),
            Some("INSECURE" | "TLS_INSECURE" | "SKIP_TLS_VERIFY" | "TESTING") => {
                self.insecure.is_some()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVIRONMENT: [(&str, &str); 5] = [
        ("SDC_URL", "https://env.example.com"),
        ("SDC_ACCOUNT", "env"),
        ("TRITON_USER", "env-user"),
        ("SDC_KEY_MATERIAL", "/env/key"),
        ("SDC_TESTING", "1"),
    ];

    #[track_caller]
    fn check(own: &CloudApiSection, shared: &CloudApiSection, name: &str, expected: Option<&str>) {
        let source = CloudSource { own: own.clone(), shared: shared.clone() };
        let environment = |name: &str| {
            let found = ENVIRONMENT.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(source.lookup(name, &environment).as_deref(), expected, "{name}");
    }

    fn section(url: &str, account: &str) -> CloudApiSection {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        CloudApiSection { url: text(url), account: text(account), ..CloudApiSection::default() }
    }

    #[test]
    fn the_environment_wins_over_what_is_said_of_all_nodes() {
        let (none, file) =
            (CloudApiSection::default(), section("https://file.example.com", "file"));
        check(&none, &file, "TRITON_URL", None);
        check(&none, &file, "SDC_URL", Some("https://env.example.com"));
        check(&none, &file, "TRITON_ACCOUNT", None);
        check(&none, &CloudApiSection::default(), "TRITON_USER", Some("env-user"));
        let key = CloudApiSection { key_id: Some("SHA256:x".to_owned()), ..file.clone() };
        check(&none, &key, "TRITON_KEY_ID", Some("SHA256:x"));
        let checked = CloudApiSection { insecure: Some(false), ..file };
        check(&none, &checked, "TRITON_TLS_INSECURE", None);
    }

    #[test]
    fn what_is_said_of_one_node_wins_over_the_environment_and_is_not_mixed_with_it() {
        let (own, none) = (section("https://own.example.com", "own"), CloudApiSection::default());
        check(&own, &none, "TRITON_URL", Some("https://own.example.com"));
        check(&own, &none, "TRITON_ACCOUNT", Some("own"));
        check(&own, &none, "TRITON_USER", None);
        check(&own, &none, "TRITON_PROFILE", None);
        check(&own, &none, "SDC_KEY_MATERIAL", Some("/env/key"));
        let with_key =
            CloudApiSection { key_file: Some("/own/key".to_owned()), insecure: Some(false), ..own };
        check(&with_key, &none, "TRITON_KEY_MATERIAL", Some("/own/key"));
        check(&with_key, &none, "SDC_KEY_ID", None);
        check(&with_key, &none, "SDC_TESTING", None);
        check(&with_key, &none, "TRITON_TLS_INSECURE", Some("false"));
    }
}
