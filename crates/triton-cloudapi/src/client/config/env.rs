//! A configuration from the environment: `TRITON_X`, or else `SDC_X`.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Config, ConfigError, Env, KeySource, parse_fingerprint, parse_login, parse_url};

/// Longest text that is taken for a path. A private key pasted without its first line is longer.
const PATH_BYTES_MAX: usize = 512;

pub(super) fn load(env: Env<'_>, home: Option<&Path>) -> Result<Config, ConfigError> {
    let (name, url) = need(env, "URL", "CloudAPI's URL, such as https://cloudapi.example.com")?;
    let url = parse_url(&name, &url)?;
    let (name, account) = need(env, "ACCOUNT", "the account's login")?;
    let account = parse_login(&name, &account)?;
    let mut config = Config::new(url, account, key(env, home)?);
    if let Some((name, user)) = find(env, &["USER", "RBAC_USER"]) {
        config.user = Some(parse_login(&name, &user)?);
    }
    if let Some((_, roles)) = find(env, &["ROLE", "RBAC_ROLE"]) {
        config.roles = roles
            .split(',')
            .map(str::trim)
            .filter(|role| !role.is_empty())
            .map(str::to_owned)
            .collect();
    }
    if let Some((name, act_as)) = find(env, &["ACT_AS"]) {
        config.act_as = Some(parse_login(&name, &act_as)?);
    }
    extras(&mut config, env, home);
    let is_testing = find(env, &["SKIP_TLS_VERIFY", "TESTING"]).is_some();
    config.insecure = is_testing || flag(env, &["TLS_INSECURE", "INSECURE"])?;
    Ok(config)
}

/// What a profile has no place for, so that it comes from the environment for both.
pub(super) fn extras(config: &mut Config, env: Env<'_>, home: Option<&Path>) {
    // Not trimmed: a passphrase may begin or end with a space.
    config.passphrase =
        find(env, &["KEY_PASSPHRASE"]).map(|(_, passphrase)| SecretString::from(passphrase));
    config.ca_file = find(env, &["CA_FILE"]).map(|(_, path)| expand(path.trim(), home));
}

fn key(env: Env<'_>, home: Option<&Path>) -> Result<KeySource, ConfigError> {
    let id = match find(env, &["KEY_ID"]) {
        Some((name, id)) => Some(parse_fingerprint(&name, &id)?),
        None => None,
    };
    let Some((name, material)) = find(env, &["KEY_MATERIAL"]) else {
        return id.map(KeySource::Fingerprint).ok_or_else(|| ConfigError::Missing {
            name: "TRITON_KEY_ID or SDC_KEY_ID".to_owned(),
            wants: "the key's fingerprint, as `ssh-keygen -l -E md5 -f KEY` prints it",
        });
    };
    if material.contains("-----BEGIN") {
        // Many ways of setting a variable cannot hold a line end and leave `\n` in its place.
        return Ok(KeySource::Text(SecretString::from(material.replace("\\n", "\n")), id));
    }
    if material.len() > PATH_BYTES_MAX || material.contains('\n') {
        // It may be a key all the same, so it is not shown.
        let wants = "the path of a private key, or its text from `-----BEGIN` on";
        return Err(ConfigError::invalid(&name, "neither a path nor a key", wants));
    }
    Ok(KeySource::File(expand(material.trim(), home), id))
}

/// `~/x` as shells read it; variables set in files never met a shell.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The first of these that is set and not empty, with the name it was found under.
fn find(env: Env<'_>, names: &[&str]) -> Option<(String, String)> {
    let full = ["TRITON_", "SDC_"]
        .into_iter()
        .flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
    full.into_iter().find_map(|name| {
        env(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
    })
}

fn need(env: Env<'_>, name: &str, wants: &'static str) -> Result<(String, String), ConfigError> {
    find(env, &[name])
        .ok_or_else(|| ConfigError::Missing { name: format!("TRITON_{name} or SDC_{name}"), wants })
}

fn flag(env: Env<'_>, names: &[&str]) -> Result<bool, ConfigError> {
    let Some((name, text)) = find(env, names) else {
        return Ok(false);
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(ConfigError::invalid(&name, &text, "true or false")),
    }
}
