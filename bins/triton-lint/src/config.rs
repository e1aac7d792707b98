//! The settings file, and what it and the command line come to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use triton_podspec::Defaults;
use triton_podspec::manifest::{Context, Level, Levels, SavedCatalog};

use crate::args::Args;

/// Where settings are looked for.
const FILE: &str = "triton-lint.toml";

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// `allow`, `warn` or `deny` by rule.
    rules: BTreeMap<String, String>,
    /// A saved catalog, relative to the settings file.
    catalog: Option<PathBuf>,
    node: Option<String>,
    node_ip: Option<std::net::IpAddr>,
    cluster: Option<String>,
    namespace: Option<String>,
    /// The node's own defaults, as in its settings.
    defaults: DefaultsSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DefaultsSection {
    package: Option<String>,
    networks: Vec<String>,
}

/// What is known besides the manifests: flags win over the file.
pub(crate) fn context(args: &Args) -> anyhow::Result<Context> {
    let (settings, folder) = settings(args.config.as_deref())?;
    let mut levels = Levels::default();
    for (rule, level) in &settings.rules {
        let Some(level) = Level::parse(level) else {
            bail!("reading settings: {rule} = {level:?}, and the levels are allow, warn and deny");
        };
        levels.set(rule, level).context("reading settings")?;
    }
    for (names, level) in
        [(&args.allow, Level::Allow), (&args.warn, Level::Warn), (&args.deny, Level::Deny)]
    {
        for name in names.iter().flat_map(|names| names.split(',')) {
            levels.set(name.trim(), level)?;
        }
    }
    let in_settings = settings.catalog.map(|path| folder.join(path));
    let catalog = args.catalog.clone().or(in_settings);
    let usual = Context::default();
    Ok(Context {
        catalog: catalog.as_deref().map(saved).transpose()?,
        defaults: Defaults {
            networks: settings.defaults.networks,
            package: settings.defaults.package,
            ..Defaults::default()
        },
        levels,
        cluster: args.cluster.clone().or(settings.cluster).unwrap_or(usual.cluster),
        node: args.node.clone().or(settings.node).unwrap_or(usual.node),
        host_ip: args.node_ip.or(settings.node_ip).unwrap_or(usual.host_ip),
        namespace: args.namespace.clone().or(settings.namespace).unwrap_or(usual.namespace),
    })
}

/// The settings and the folder that their paths begin at.
fn settings(named: Option<&Path>) -> anyhow::Result<(Settings, PathBuf)> {
    let path = match named {
        Some(path) => path,
        None if Path::new(FILE).exists() => Path::new(FILE),
        None => return Ok((Settings::default(), PathBuf::new())),
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let settings = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok((settings, path.parent().map(Path::to_owned).unwrap_or_default()))
}

fn saved(path: &Path) -> anyhow::Result<triton_podspec::Catalog> {
    let with = || format!("reading the catalog {}", path.display());
    let text = std::fs::read_to_string(path).with_context(with)?;
    let saved: SavedCatalog = serde_json::from_str(&text).with_context(with)?;
    saved.read().with_context(with)
}
