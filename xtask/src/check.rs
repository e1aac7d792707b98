//! `cargo xtask check`: whether this machine has what the other tasks need.

use anyhow::{Result, ensure};
use testbed::assets::version::Release;
use testbed::assets::{self, Tool};
use testbed::port_22_trouble;

use crate::screen::print;

/// A program, and what brings it.
const PROGRAMS: [(&str, &str); 7] = [
    ("ssh-agent", "apt-get install openssh-client"),
    ("ssh-keygen", "apt-get install openssh-client"),
    ("setsid", "apt-get install util-linux"),
    ("openssl", "apt-get install openssl"),
    ("node", "apt-get install nodejs"),
    ("npm", "apt-get install npm"),
    ("go", "https://go.dev/dl/; some clients that others wrote are in Go"),
];

/// Prints one line for each thing that is needed.
pub(crate) async fn run() -> Result<()> {
    let mut missing = 0;
    let mut say = |holds: bool, what: &str, otherwise: &str| {
        print(if holds {
            format!("ok       {what}")
        } else {
            format!("MISSING  {what}: {otherwise}")
        });
        missing += usize::from(!holds);
    };
    for (program, brings) in PROGRAMS {
        say(on_path(program), program, brings);
    }
    let release = Release::chosen()?;
    let places = assets::find::Places::from_env()?;
    let has_go = on_path("go");
    let build =
        "not found; it will be built once, which takes minutes and needs Go (https://go.dev/dl/)";
    for tool in Tool::ALL {
        let found = assets::find::find_tool(&places, &release, tool).await.found;
        describe(
            &mut say,
            tool.program(),
            found.map(|path| path.display().to_string()),
            has_go,
            build,
        );
    }
    let etcd = assets::find::find_etcd(&places).await.found;
    describe(&mut say, "etcd", etcd.map(|path| path.display().to_string()), has_go, build);
    let trouble = port_22_trouble();
    say(trouble.is_none(), "port 22 on 127.64.0.0/10", trouble.as_deref().unwrap_or_default());
    ensure!(missing == 0, "{missing} things are missing");
    Ok(())
}

fn describe(
    say: &mut impl FnMut(bool, &str, &str),
    name: &str,
    found: Option<String>,
    has_go: bool,
    build: &str,
) {
    match found {
        Some(path) => say(true, &format!("{name} ({path})"), ""),
        None if has_go => say(true, &format!("{name} ({build})"), ""),
        None => say(false, name, build),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
