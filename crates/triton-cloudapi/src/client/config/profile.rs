//! A configuration from a profile of `~/.triton`, as `triton profile` writes them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Config, ConfigError, Env, KeySource, parse_fingerprint, parse_login, parse_url};

/// The profile that stands for the environment.
pub(super) const ENV: &str = "env";

/// `profiles.d/NAME.json`. A field that is not here is an error, as it is to `triton`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Profile {
    url: String,
    account: String,
    key_id: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    act_as_account: Option<String>,
}

/// `config.json`, as far as it matters.
#[derive(Deserialize)]
struct Settings {
    profile: Option<String>,
}

/// Where profiles are: `TRITON_CONFIG_DIR`, or `~/.triton`.
pub(super) fn directory(env: Env<'_>, home: Option<&Path>) -> Option<PathBuf> {
    let configured = env("TRITON_CONFIG_DIR").filter(|directory| !directory.is_empty());
    configured.map(PathBuf::from).or_else(|| Some(home?.join(".triton")))
}

/// The profile in use, as `triton profile set` left it.
pub(super) fn current(directory: &Path) -> Result<String, ConfigError> {
    let settings: Option<Settings> = read_json(&directory.join("config.json"))?;
    Ok(settings.and_then(|settings| settings.profile).unwrap_or_else(|| ENV.to_owned()))
}

pub(super) fn load(directory: &Path, name: &str) -> Result<Config, ConfigError> {
    let profiles = directory.join("profiles.d");
    let path = profiles.join(format!("{name}.json"));
    let is_name = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let profile: Option<Profile> = if is_name { read_json(&path)? } else { None };
    let Some(profile) = profile else {
        let present = names(&profiles);
        return Err(ConfigError::NoProfile { name: name.to_owned(), directory: profiles, present });
    };
    let field = |field: &str| format!("{field} of {}", path.display());
    let login = |name: &str, value: Option<String>| {
        value.map(|value| parse_login(&field(name), &value)).transpose()
    };
    let url = parse_url(&field("url"), &profile.url)?;
    let account = parse_login(&field("account"), &profile.account)?;
    let key = KeySource::Fingerprint(parse_fingerprint(&field("keyId"), &profile.key_id)?);
    let mut config = Config::new(url, account, key);
    config.insecure = profile.insecure;
    config.roles = profile.roles;
    config.user = login("user", profile.user)?;
    config.act_as = login("actAsAccount", profile.act_as_account)?;
    Ok(config)
}

/// `None` if there is no such file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| ConfigError::Json { path: path.to_owned(), source })
}

/// The profiles there are, for a message: a directory that cannot be read has none to offer.
fn names(profiles: &Path) -> Vec<String> {
    let files = fs::read_dir(profiles).into_iter().flatten().flatten();
    let name =
        |file: fs::DirEntry| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned());
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names
}
