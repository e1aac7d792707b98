//! Files of faults, and what `--help` says about faults.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use triton_sim::{FaultKind, FaultScope, FaultScript};

/// Reads a script of faults: TOML or JSON, by the end of the file's name.
pub(crate) fn read(path: &Path) -> anyhow::Result<FaultScript> {
    let reading = || format!("reading faults from {}", path.display());
    let text = std::fs::read_to_string(path).with_context(reading)?;
    parse(path, &text).with_context(reading)
}

fn parse(path: &Path, text: &str) -> anyhow::Result<FaultScript> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(FaultScript::from_value(&toml::from_str(text)?)?),
        Some("json") => Ok(FaultScript::from_json(text)?),
        _ => bail!("expected a name that ends in .toml or .json"),
    }
}

/// All faults with their effects, for the end of `--help`.
pub(crate) fn help() -> String {
    let mut help =
        "Faults, by what they strike; the names are for --faults and /--sim/faults:\n".to_owned();
    for scope in FaultScope::ALL {
        // Writing to a string cannot fail.
        let _ = write!(help, "\n{}\n", scope.title());
        for entry in FaultKind::ALL.map(FaultKind::entry).into_iter().filter(|e| e.scope == scope) {
            let _ = writeln!(help, "  {:<32} {}", entry.kind.as_str(), entry.description());
        }
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: Result<usize, &str>) {
        let read = parse(Path::new(name), text).map(|script| script.faults.len());
        match (read, expected) {
            (Ok(count), Ok(expected)) => assert_eq!(count, expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (read, expected) => panic!("{read:?}, not {expected:?}"),
        }
    }

    #[test]
    fn files_are_toml_or_json() {
        let toml = "# Begins late.\n[[faults]]\nfault = \"outage\"\nat_ms = 10\n";
        check("chaos.toml", toml, Ok(1));
        check("chaos.json", r#"[{"fault": "500"}, {"fault": "slow"}]"#, Ok(2));
        check("chaos.yaml", "", Err(".toml or .json"));
        check("chaos.toml", "[[faults]]\nfault = \"outrage\"\n", Err("did you mean \"outage\"?"));
        check("chaos.toml", "[[faults]\n", Err("TOML parse error at line 1"));
    }

    #[test]
    fn help_names_every_fault() {
        let help = help();
        assert!(FaultKind::ALL.iter().all(|kind| help.contains(&format!("  {kind} "))));
    }
}
