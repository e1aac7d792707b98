//! A simulator of its own for each test, a key, and a home directory with nothing else in it.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Things take a moment, so that a client has something to wait for, and no longer.
const DELAYS: [&str; 4] =
    ["--create-delay=0ms", "--provision-delay=300ms", "--action-delay=100ms", "--job-delay=300ms"];

/// A running simulator with one account, `jill`.
pub(crate) struct Stage {
    home: TempDir,
    simulator: Child,
    /// Where it serves.
    pub(crate) url: String,
    /// MD5 fingerprint of the account's key.
    pub(crate) key_id: String,
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

// === impl Stage ===

impl Stage {
    /// With an ECDSA key.
    pub(crate) fn start() -> Self {
        Self::with(&["-t", "ecdsa", "-b", "256"], &[])
    }

    /// With the key that `ssh-keygen` makes of `key_kind`, and further arguments for the simulator.
    pub(crate) fn with(key_kind: &[&str], args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = home.path().join(".ssh/id_triton");
        fs::create_dir(home.path().join(".ssh")).unwrap();
        run(Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", "me", "-f"])
            .arg(&key)
            .args(key_kind));
        let mut simulator = Command::new(env!("CARGO_BIN_EXE_triton-sim"))
            .args(["--no-throttle", "--no-listeners", "--log-level=error", "--key"])
            .arg(key.with_extension("pub"))
            .args(DELAYS)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = None;
        let mut key_id = None;
        for line in BufReader::new(simulator.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            url = url.or_else(|| line.strip_prefix("export TRITON_URL=").map(str::to_owned));
            key_id = line.strip_prefix("export TRITON_KEY_ID=").map(str::to_owned);
            if key_id.is_some() {
                break;
            }
        }
        Self { home, simulator, url: url.unwrap(), key_id: key_id.unwrap() }
    }

    /// A directory that goes with the stage.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The account's private key.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.home.path().join(".ssh/id_triton")
    }

    /// A file in the home directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A program with the environment that leads CloudAPI's clients here, and nothing of the developer's.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("TRITON_URL", &self.url)
            .env("TRITON_ACCOUNT", "jill")
            .env("TRITON_KEY_ID", &self.key_id)
            .current_dir(self.home.path());
        command
    }

    /// Runs the `triton` CLI.
    pub(crate) fn triton(&self, args: &[&str]) -> Said {
        let output =
            self.command("node").arg(npm("triton/bin/triton")).args(args).output().unwrap();
        Said::of(&output)
    }

    /// What the CLI prints when all goes well.
    #[track_caller]
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let said = self.triton(args);
        assert_eq!(said.code, Some(0), "triton {args:?}: {said:#?}");
        said.stdout
    }

    /// The one JSON value that the CLI prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.says(args);
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("triton {args:?}: {error}: {text}"))
    }

    /// The stream of JSON values that the CLI prints.
    #[track_caller]
    pub(crate) fn jsons(&self, args: &[&str]) -> Vec<Value> {
        let text = self.says(args);
        let values: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        values.unwrap_or_else(|error| panic!("triton {args:?}: {error}: {text}"))
    }

    /// What the CLI says on standard error when it fails, and with which exit code.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let said = self.triton(args);
        assert_eq!(said.code, Some(code), "triton {args:?}: {said:#?}");
        said.stderr
    }

    /// A request through `triton cloudapi`, which must succeed: of an error the CLI shows neither status nor headers.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let method = format!("-X{method}");
        let mut args = vec!["cloudapi", "-i", &method, path];
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            args.extend(["-d", body]);
        }
        let said = self.triton(&args);
        let mut lines = said.stderr.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Answer {
            status: status.unwrap_or_else(|| panic!("triton {args:?}: {said:#?}")),
            headers,
            body: serde_json::from_str(&said.stdout).unwrap_or(Value::Null),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Ours, and not waited for yet: the id cannot be another's.
        let _ = self.simulator.kill();
        let _ = self.simulator.wait();
    }
}

/// What `triton cloudapi` showed of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, null when there is none.
    pub(crate) body: Value,
}

// === impl Answer ===

impl Answer {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

// === impl Said ===

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A file of a package that `npm ci` installed.
pub(crate) fn npm(path: &str) -> PathBuf {
    let Some(dir) = std::env::var_os("VK_TRITON_NPM") else {
        panic!("VK_TRITON_NPM is not set: run this with cargo xtask test --foreign");
    };
    Path::new(&dir).join("node_modules").join(path)
}

/// Runs a program that must succeed, and returns what it printed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = Said::of(&output);
    assert!(output.status.success(), "{command:?}: {said:#?}");
    said.stdout
}

/// A client that goes on until its value is dropped.
pub(crate) struct Following {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

// === impl Following ===

impl Stage {
    /// Starts a command of the CLI that does not end by itself.
    pub(crate) fn follow(&self, args: &[&str]) -> Following {
        let mut child = self
            .command("node")
            .arg(npm("triton/bin/triton"))
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { child, lines }
    }
}

impl Following {
    /// The next line it prints; waits for it.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().unwrap_or_else(|| panic!("it ended: {:?}", self.child.wait())).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
