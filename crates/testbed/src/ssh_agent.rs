//! An ssh-agent of our own with one fresh key.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Process, Spec};
use crate::wait::{Seen, until};

/// Longest the agent may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);
/// `sockaddr_un` holds 108 bytes with the zero at the end (unix(7)).
const SOCKET_PATH_LIMIT: usize = 107;

/// Kind of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2048 bits.
    #[default]
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// A running agent; it ends when this value is dropped.
#[derive(Debug)]
pub struct SshAgent {
    process: Process,
    socket: PathBuf,
    public_key: PathBuf,
    md5: String,
    /// Where the socket is when the directory's path is too long for one.
    short_dir: Option<tempfile::TempDir>,
}

// === impl SshAgent ===

impl SshAgent {
    /// Makes a key without a passphrase in `dir`, starts an agent, and adds the key to it.
    ///
    /// # Errors
    /// When OpenSSH's programs are missing or fail.
    pub async fn start(dir: &Path, kind: KeyKind) -> Result<Self> {
        let key = dir.join("id_triton");
        let kind_args: &[&str] = match kind {
            KeyKind::Rsa => &["-t", "rsa", "-b", "2048"],
            KeyKind::Ed25519 => &["-t", "ed25519"],
        };
        let key_path = key.to_string_lossy();
        run(
            "ssh-keygen",
            &[&["-q", "-N", "", "-C", "vk-triton", "-f", &key_path], kind_args].concat(),
            None,
        )?;
        let public_key = dir.join("id_triton.pub");
        let md5 = md5_fingerprint(&public_key)?;

        let mut socket = dir.join("agent.sock");
        let mut short_dir = None;
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            let short = tempfile::Builder::new()
                .prefix("vk-triton-")
                .tempdir()
                .context("making a short directory")?;
            socket = short.path().join("agent.sock");
            short_dir = Some(short);
        }
        let program = find_program("ssh-agent")?;
        // In the foreground: it is ours to end. The directory of an earlier run may hold a dead socket.
        let _ = std::fs::remove_file(&socket);
        let args = ["-D", "-a", &socket.to_string_lossy()];
        let process = Process::start(Spec::new("ssh-agent", &program, dir, args))?;
        let listens = until("ssh-agent", START_LIMIT, || async {
            if let Err(ended) = process.check_runs() {
                return Ok(Seen::Done(Err(ended)));
            }
            UnixStream::connect(&socket).map(|_| Seen::Done(Ok(()))).context("connecting to it")
        });
        listens.await??;
        run("ssh-add", &["-q", &key_path], Some(&socket))?;
        Ok(Self { process, socket, public_key, md5, short_dir })
    }

    /// Its socket, for `SSH_AUTH_SOCK`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// File with the public key, in OpenSSH's one-line form.
    #[must_use]
    pub fn public_key(&self) -> &Path {
        &self.public_key
    }

    /// MD5 fingerprint in colon form, as `SDC_KEY_ID` wants it.
    #[must_use]
    pub fn md5(&self) -> &str {
        &self.md5
    }

    /// Lets it run on after this process has ended.
    pub fn leave(self) {
        if let Some(dir) = self.short_dir {
            let _ = dir.keep();
        }
        self.process.leave();
    }
}

fn md5_fingerprint(public_key: &Path) -> Result<String> {
    let output = run("ssh-keygen", &["-E", "md5", "-lf", &public_key.to_string_lossy()], None)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let md5 = text.split_whitespace().find_map(|word| word.strip_prefix("MD5:"));
    Ok(md5.with_context(|| format!("reading the fingerprint in {text:?}"))?.to_owned())
}

fn find_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("finding {name}: `apt-get install openssh-client` brings it"))
}

fn run(name: &str, args: &[&str], agent: Option<&Path>) -> Result<Output> {
    let mut command = Command::new(find_program(name)?);
    command.args(args).env_remove("SSH_ASKPASS");
    match agent {
        Some(socket) => command.env("SSH_AUTH_SOCK", socket),
        None => command.env_remove("SSH_AUTH_SOCK"),
    };
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => bail!("starting {name}: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} ended with {}: {}", output.status, errors.trim());
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_agent_holds_the_fresh_key() {
        let dir = tempfile::tempdir().unwrap();
        let agent = SshAgent::start(dir.path(), KeyKind::Ed25519).await.unwrap();
        let listed = run("ssh-add", &["-L"], Some(agent.socket())).unwrap();
        let public_key = std::fs::read_to_string(agent.public_key()).unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), public_key.trim());
        assert_eq!(agent.md5().split(':').count(), 16);
        let pid = agent.process.pid();
        drop(agent);
        assert!(nix::sys::signal::kill(pid, None).is_err());
    }
}
