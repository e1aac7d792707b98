//! What can be said on the command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use triton_signature::PublicKey;
use triton_sim::{Delays, Sim, SimBuilder};

/// A Triton CloudAPI that lives in memory, for the triton CLI, vk-triton and tests.
///
/// Prints the environment that points clients at it; name an --env-file, and source that:
///
///   triton-sim --account jill --key ~/.ssh/id_ed25519.pub --env-file sim.env &
///   . ./sim.env && triton instance list
///
/// Look at it at the URL it prints, followed by /--sim/, in a browser.
///
/// Every instance has addresses of its own in 127.64.0.0/10. While it runs, it really listens there: on the ports of
/// its image (22 by default) or of its metadata `sim.ports`. Faults, delays and a journal of requests are under
/// /--sim on the same port: see the crate's documentation.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment, after_long_help = crate::faults_file::help())]
pub(crate) struct Args {
    /// Where to serve. Loopback only; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = loopback)]
    pub(crate) listen: SocketAddr,

    /// Login of an account; may be repeated. The first one becomes TRITON_ACCOUNT.
    #[arg(long = "account", value_name = "LOGIN", default_value = "jill")]
    pub(crate) accounts: Vec<String>,

    /// Public key file of the first account, or of the one that is named, in OpenSSH format; may be repeated. The first
    /// account's first key becomes TRITON_KEY_ID.
    #[arg(long = "key", value_name = "[LOGIN=]FILE")]
    pub(crate) keys: Vec<String>,

    /// Serve TLS, with a certificate made on the spot; its fingerprint is logged.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Serve TLS with this certificate, PEM, followed by those between it and an authority.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Write the authority of a certificate made on the spot to this file, for clients to trust: SSL_CERT_FILE,
    /// NODE_EXTRA_CA_CERTS, curl --cacert. Without it the environment tells clients not to check.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    pub(crate) tls_ca_file: Option<PathBuf>,

    /// Also serve CMON, the container monitor, here; clients need a certificate that a key of their account has signed.
    #[arg(long, value_name = "ADDRESS", value_parser = loopback)]
    pub(crate) cmon: Option<SocketAddr>,

    /// Begin with the state in this file if it is there, and save it when told to stop or by POST /--sim/save. A file
    /// written by hand says what to add: see the crate's documentation.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Also save the state this often, for example 30s.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "state")]
    pub(crate) save_every: Option<Duration>,

    /// How long CreateMachine takes to answer, for example 200ms.
    #[arg(long, default_value = "200ms", value_parser = duration)]
    pub(crate) create_delay: Duration,

    /// How long an instance is provisioning, for example 2s.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(crate) provision_delay: Duration,

    /// How long starting, stopping, rebooting and deleting take, each.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub(crate) action_delay: Duration,

    /// How long an accepted job waits before it begins; tags and metadata change after this.
    #[arg(long, default_value = "500ms", value_parser = duration)]
    pub(crate) job_delay: Duration,

    /// At most this much is added to each delay, at random.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub(crate) jitter: Duration,

    /// Where UUIDs, jitter and faults' luck come from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many compute nodes affinity rules have to choose from.
    #[arg(long, default_value_t = 4)]
    pub(crate) compute_nodes: usize,

    /// Never answer 429. Without it: bursts of 30 and 10 requests a second for each group of endpoints, as CloudAPI.
    #[arg(long)]
    pub(crate) no_throttle: bool,

    /// Instances do not listen on any port.
    #[arg(long)]
    pub(crate) no_listeners: bool,

    /// The datacenter's time stands still until POST /--sim/clock/advance. Answers' delays and dates stay real.
    #[arg(long)]
    pub(crate) virtual_clock: bool,

    /// Begin with the faults of this file, .toml or .json; the list of faults is at the end of --help.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,

    /// Also write the environment lines to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// What to log on standard error: error, warn, info, debug, trace, or a filter such as triton_sim=debug.
    #[arg(long, default_value = "info")]
    pub(crate) log_level: String,
}

// === impl Args ===

impl Args {
    /// The simulator that was asked for.
    pub(crate) fn simulator(&self) -> anyhow::Result<SimBuilder> {
        let delays = Delays {
            create: self.create_delay,
            provision: self.provision_delay,
            start: self.action_delay,
            stop: self.action_delay,
            reboot: self.action_delay,
            delete: self.action_delay,
            job: self.job_delay,
            jitter: self.jitter,
            ..Delays::default()
        };
        let mut keys = self.key_texts()?;
        let mut builder = Sim::builder();
        for login in &self.accounts {
            let own = keys.remove(login).unwrap_or_default();
            builder = own.into_iter().fold(builder.account(login), SimBuilder::key);
        }
        let builder = builder
            .delays(delays)
            .seed(self.seed)
            .virtual_clock(self.virtual_clock)
            .compute_nodes(self.compute_nodes)
            .listen(!self.no_listeners);
        let builder = if self.no_throttle { builder.throttle(None) } else { builder };
        Ok(match &self.state {
            Some(path) => builder.state_file(path),
            None => builder,
        })
    }

    /// The account that the environment names.
    pub(crate) fn first_account(&self) -> &str {
        self.accounts.first().map_or("", String::as_str)
    }

    /// The fingerprint that clients name the first key by.
    pub(crate) fn first_fingerprint(&self) -> anyhow::Result<Option<String>> {
        let first = self.key_texts()?.remove(self.first_account());
        let first = first.and_then(|keys| keys.into_iter().next());
        let key = first
            .map(|text| PublicKey::from_openssh(&text))
            .transpose()
            .context("reading the first --key")?;
        Ok(key.map(|key| key.md5_fingerprint()))
    }

    /// What the key files hold, by login.
    fn key_texts(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in &self.keys {
            let (login, path) = self.owner(key);
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("reading public key {path}"))?;
            texts.entry(login.to_owned()).or_default().push(text);
        }
        Ok(texts)
    }

    /// Whose a key is: a path may hold an equals sign too.
    fn owner<'a>(&'a self, key: &'a str) -> (&'a str, &'a str) {
        match key.split_once('=') {
            Some((login, path)) if self.accounts.iter().any(|account| account == login) => {
                (login, path)
            }
            _ => (self.first_account(), key),
        }
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(
            "only loopback addresses: the control API asks nobody for a signature".to_owned()
        );
    }
    Ok(address)
}

/// `200ms`, `2s`, `1m`.
fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text} is not a duration such as 200ms, 2s or 1m");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(refuse)?;
    let (number, unit) = text.split_at(at);
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return Err(refuse()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn only_loopback_is_served() {
        assert!(Args::try_parse_from(["triton-sim", "--listen", "127.0.0.1:8080"]).is_ok());
        assert!(Args::try_parse_from(["triton-sim", "--listen", "[::1]:0"]).is_ok());
        assert!(Args::try_parse_from(["triton-sim", "--listen", "0.0.0.0:8080"]).is_err());
    }

    #[test]
    fn keys_belong_to_the_account_they_name() {
        let args = ["triton-sim", "--account", "jill", "--account", "bob"];
        let args = Args::try_parse_from(args).unwrap();
        assert_eq!(args.owner("a.pub"), ("jill", "a.pub"));
        assert_eq!(args.owner("bob=a.pub"), ("bob", "a.pub"));
        assert_eq!(args.owner("x=y.pub"), ("jill", "x=y.pub"));
    }

    #[test]
    fn tls_is_one_way_or_the_other() {
        let parse = |args: &[&str]| {
            Args::try_parse_from([&["triton-sim"], args].concat()).map(|_| ()).map_err(|e| e.kind())
        };
        assert_eq!(parse(&["--tls", "--tls-ca-file", "ca"]), Ok(()));
        assert_eq!(parse(&["--tls-cert", "a", "--tls-key", "b"]), Ok(()));
        assert!(parse(&["--tls-cert", "a"]).is_err());
        assert!(parse(&["--tls", "--tls-cert", "a", "--tls-key", "b"]).is_err());
        assert!(parse(&["--save-every", "5s"]).is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert!(["", "2", "2h", "-1s", "s"].iter().all(|text| duration(text).is_err()));
    }
}
