//! The simulator: a CloudAPI in a process of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::binaries::check_built;
use crate::control::SimControl;
use crate::ports::free_port;
use crate::process::{Process, Spec};
use crate::ssh_agent::SshAgent;
use crate::wait::{Seen, until};

/// Longest it may take to answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How it behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorOptions {
    /// Account it knows.
    pub account: String,
    /// From "provisioning" to "running".
    pub provision_delay: Duration,
    /// Whether it refuses more than 10 requests a second, as a real one does.
    pub throttle: bool,
    /// Whether it comes back as it was when it is started again.
    pub keeps_state: bool,
    /// Whether its instances really listen; thousands of them take all open files there may be.
    pub listens: bool,
}

/// A running simulator; it ends when this value is dropped.
#[derive(Debug)]
pub struct Simulator {
    process: Process,
    control: SimControl,
    env_file: PathBuf,
    account: String,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            account: "demo".to_owned(),
            provision_delay: Duration::from_secs(2),
            throttle: true,
            keeps_state: false,
            listens: true,
        }
    }
}

// === impl Simulator ===

impl Simulator {
    /// Starts it in `dir` with the agent's key as the account's.
    ///
    /// # Errors
    /// When the program is not built, ends by itself, or does not answer in time.
    pub async fn start(
        program: &Path,
        dir: &Path,
        agent: &SshAgent,
        options: &SimulatorOptions,
    ) -> Result<Self> {
        check_built(program)?;
        let port = free_port()?;
        let env_file = dir.join("triton-sim.env");
        let mut args = vec![
            format!("--listen=127.0.0.1:{port}"),
            format!("--account={}", options.account),
            format!("--key={}", agent.public_key().display()),
            format!("--provision-delay={}ms", options.provision_delay.as_millis()),
            format!("--env-file={}", env_file.display()),
        ];
        if !options.throttle {
            args.push("--no-throttle".to_owned());
        }
        if !options.listens {
            args.push("--no-listeners".to_owned());
        }
        if options.keeps_state {
            args.push(format!("--state={}", dir.join("triton-sim.json").display()));
        }
        let process = Process::start(Spec::new("triton-sim", program, dir, args))?;
        let control = SimControl::new(&format!("http://127.0.0.1:{port}"));
        let simulator = Self { process, control, env_file, account: options.account.clone() };
        simulator.wait_until_it_answers().await?;
        Ok(simulator)
    }

    async fn wait_until_it_answers(&self) -> Result<()> {
        let answers = until("triton-sim", START_LIMIT, || async {
            if let Err(ended) = self.process.check_runs() {
                return Ok(Seen::Done(Err(ended)));
            }
            self.control.ping().await.map(|()| Seen::Done(Ok(())))
        });
        answers.await?
    }

    /// Ends it; it saves its state if it keeps one.
    pub fn stop(&self) {
        self.process.end();
    }

    /// Starts it again after [`Simulator::stop`]. Its journals begin anew.
    ///
    /// # Errors
    /// When it still runs, or as [`Simulator::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_it_answers().await
    }

    /// URL of its CloudAPI.
    #[must_use]
    pub fn url(&self) -> &str {
        self.control.url()
    }

    /// Account it knows.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What the cloud's operator, or fate, can do.
    #[must_use]
    pub fn control(&self) -> &SimControl {
        &self.control
    }

    /// Shell lines that lead the triton CLI to it.
    #[must_use]
    pub fn env_file(&self) -> &Path {
        &self.env_file
    }

    /// Its process, to look at.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Lets it run on after this process has ended.
    pub fn leave(self) {
        self.process.leave();
    }
}

/// What to say when instances cannot listen on port 22, which the walkthrough's probes ask; `None` when they can.
#[must_use]
pub fn port_22_trouble() -> Option<String> {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok()?;
    let first: u16 = first.trim().parse().ok()?;
    let privileged = nix::unistd::geteuid().is_root();
    (first > 22 && !privileged).then(|| {
        format!(
            "the simulator's instances must listen on port 22, and ports below {first} are root's: \
             run as root, or `sudo sysctl net.ipv4.ip_unprivileged_port_start=22`"
        )
    })
}
