use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;

const MD5: &str = "d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e";
const MINIMAL: [(&str, &str); 3] =
    [("SDC_URL", "https://cloud.example.com"), ("SDC_ACCOUNT", "acme"), ("SDC_KEY_ID", MD5)];

/// The key of RFC 8410, section 10.3, and its fingerprint.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

fn env(rows: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
    let rows: BTreeMap<String, String> = MINIMAL
        .iter()
        .chain(rows)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move |name| rows.get(name).cloned()
}

fn from_env(rows: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_env(&env(rows), Some(Path::new("/home/me")))
}

#[track_caller]
fn check_error(rows: &[(&str, &str)], expected: &[&str]) {
    let error = from_env(rows).unwrap_err();
    let text = format!(
        "{error} {}",
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
    );
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn the_least_is_enough_and_triton_wins_over_sdc() {
    let config = from_env(&[]).unwrap();
    assert_eq!(
        (config.url.to_string().as_str(), config.account.as_str()),
        ("https://cloud.example.com/", "acme")
    );
    assert!(matches!(config.key, KeySource::Fingerprint(id) if id.to_string() == MD5));
    assert!(!config.insecure && config.user.is_none() && config.roles.is_empty());
    let config = from_env(&[
        ("TRITON_URL", "http://127.0.0.1:8080"),
        ("TRITON_ACCOUNT", "jill"),
        ("TRITON_USER", "bob"),
        ("SDC_USER", "alice"),
        ("TRITON_ROLE", "dev, ops,"),
        ("SDC_ACT_AS", "other"),
    ])
    .unwrap();
    assert_eq!((config.account.as_str(), config.acting_account()), ("jill", "other"));
    assert_eq!(
        (config.user.as_deref(), config.roles),
        (Some("bob"), vec!["dev".to_owned(), "ops".to_owned()])
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let config =
        from_env(&[("TRITON_URL", ""), ("SDC_KEY_MATERIAL", ""), ("SDC_INSECURE", " ")]).unwrap();
    assert_eq!(config.url.host(), Some("cloud.example.com"));
    assert!(matches!(config.key, KeySource::Fingerprint(_)) && !config.insecure);
}

#[test]
fn every_way_to_say_insecure_is_heard() {
    for (name, value, expected) in [
        ("SDC_INSECURE", "true", true),
        ("TRITON_TLS_INSECURE", "1", true),
        ("SDC_TLS_INSECURE", "False", false),
        ("TRITON_INSECURE", "0", false),
        ("SDC_TESTING", "0", true),
        ("TRITON_SKIP_TLS_VERIFY", "false", true),
    ] {
        assert_eq!(from_env(&[(name, value)]).unwrap().insecure, expected, "{name}={value}");
    }
    check_error(&[("SDC_INSECURE", "maybe")], &["SDC_INSECURE", "maybe", "true or false"]);
}

#[test]
fn errors_name_the_variable_what_it_holds_and_what_would_be_right() {
    check_error(
        &[("SDC_URL", "")],
        &["TRITON_URL or SDC_URL is not set", "https://cloudapi.example.com"],
    );
    check_error(&[("SDC_URL", "cloud.example.com")], &["SDC_URL is \"cloud.example.com\""]);
    check_error(&[("TRITON_URL", "ftp://x")], &["TRITON_URL is \"ftp://x\""]);
    check_error(&[("SDC_ACCOUNT", "")], &["TRITON_ACCOUNT or SDC_ACCOUNT is not set"]);
    check_error(&[("SDC_ACCOUNT", "my")], &["SDC_ACCOUNT is \"my\"", "login"]);
    check_error(&[("SDC_ACCOUNT", "a/b")], &["SDC_ACCOUNT is \"a/b\""]);
    check_error(
        &[("SDC_KEY_ID", "")],
        &["TRITON_KEY_ID or SDC_KEY_ID is not set", "ssh-keygen -l -E md5"],
    );
    check_error(&[("SDC_KEY_ID", "my-key")], &["SDC_KEY_ID", "my-key", "16 hex pairs"]);
}

#[test]
fn no_error_shows_what_may_be_a_secret() {
    let pasted = "b3BlbnNzaC1rZXktdjEAAAAA".repeat(30);
    let error = from_env(&[("SDC_KEY_MATERIAL", &pasted)]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("b3BlbnNza"), "{error}");
    let error = from_env(&[("SDC_URL", "https://me:hunter2@example.com")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    let config = from_env(&[("SDC_KEY_MATERIAL", KEY)]).unwrap();
    assert!(!format!("{config:?}").contains("MC4CAQ"), "{config:?}");
}

#[test]
fn key_material_is_a_path_or_a_text() {
    let key = |material| from_env(&[("SDC_KEY_MATERIAL", material)]).unwrap().key;
    assert!(
        matches!(key("/etc/key"), KeySource::File(path, Some(_)) if path == Path::new("/etc/key"))
    );
    assert!(
        matches!(key("~/.ssh/id"), KeySource::File(path, _) if path == Path::new("/home/me/.ssh/id"))
    );
    let one_line = KEY.replace('\n', "\\n");
    for material in [KEY, one_line.as_str()] {
        assert!(matches!(key(material), KeySource::Text(text, _) if text.expose_secret() == KEY));
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_one_named_is_refused() {
    let config = from_env(&[("SDC_KEY_MATERIAL", KEY)]).unwrap();
    let error = config.signer(&env(&[]), None).await.unwrap_err();
    assert!(matches!(error, ConfigError::KeyMismatch { .. }), "{error}");
    assert!(error.to_string().contains(MD5), "{error}");
    let config = from_env(&[("SDC_KEY_MATERIAL", KEY), ("SDC_KEY_ID", "")]).unwrap();
    config.signer(&env(&[]), None).await.unwrap();
}

#[tokio::test]
async fn a_key_in_the_home_directory_is_found_by_its_fingerprint() {
    let home = TempDir::new().unwrap();
    let ssh = home.path().join(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    std::fs::write(ssh.join("known_hosts"), "example.com ssh-rsa AAAA\n").unwrap();
    std::fs::write(ssh.join("other.pub"), "not a key\n").unwrap();
    let public = triton_signature::PrivateKey::from_text(KEY, None).unwrap().public_key().clone();
    let config = from_env(&[("SDC_KEY_ID", &public.sha256_fingerprint())]).unwrap();
    let error = config.signer(&env(&[]), Some(home.path())).await.unwrap_err();
    let ConfigError::KeyNotFound { searched, source, .. } = error else { panic!("{error}") };
    assert_eq!(Path::new(&searched), ssh);
    assert!(source.to_string().contains("SSH_AUTH_SOCK"), "{source}");
    // With its public half under any name, and without it as `id_…`.
    for (private, with_public) in [("work", true), ("id_lone", false)] {
        std::fs::write(ssh.join(private), KEY).unwrap();
        if with_public {
            std::fs::write(ssh.join("work.pub"), public.to_openssh()).unwrap();
        }
        let signer = config.signer(&env(&[]), Some(home.path())).await.unwrap();
        assert_eq!(*signer.public_key(), public);
        std::fs::remove_file(ssh.join(private)).unwrap();
    }
}

/// A `~/.triton` with these files.
fn triton(files: &[(&str, &str)]) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::create_dir_all(home.path().join(".triton/profiles.d")).unwrap();
    for (name, text) in files {
        std::fs::write(home.path().join(".triton").join(name), text).unwrap();
    }
    home
}

fn profile(extra: &str) -> String {
    format!(r#"{{"url": "https://p.example.com", "account": "prof", "keyId": "{MD5}"{extra}}}"#)
}

#[test]
fn the_current_profile_is_used_unless_the_environment_says_otherwise() {
    let full =
        profile(r#", "insecure": true, "user": "bob", "roles": ["a"], "actAsAccount": "other""#);
    let home = triton(&[
        ("config.json", r#"{"profile": "east", "oldProfile": "west", "cacheDir": "x"}"#),
        ("profiles.d/east.json", &full),
        ("profiles.d/west.json", &profile("")),
    ]);
    let load = |rows: &[(&str, &str)]| {
        let rows: BTreeMap<String, String> =
            rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load(&|name| rows.get(name).cloned(), Some(home.path()))
    };
    let config = load(&[]).unwrap();
    assert_eq!(
        (config.account.as_str(), config.acting_account(), config.insecure),
        ("prof", "other", true)
    );
    assert_eq!((config.user.as_deref(), config.roles), (Some("bob"), vec!["a".to_owned()]));
    assert!(!load(&[("TRITON_PROFILE", "west")]).unwrap().insecure);
    assert_eq!(load(&MINIMAL).unwrap().account, "acme");
    assert_eq!(
        load(&[&MINIMAL[..], &[("TRITON_PROFILE", "east")]].concat()).unwrap().account,
        "prof"
    );
    assert_eq!(
        load(&[&MINIMAL[..], &[("TRITON_PROFILE", "env")]].concat()).unwrap().account,
        "acme"
    );
    let directory = home.path().join(".triton");
    let elsewhere = [("TRITON_CONFIG_DIR", directory.to_str().unwrap())];
    let env = |name: &str| {
        elsewhere.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    assert_eq!(Config::load(&env, None).unwrap().account, "prof");
}

#[track_caller]
fn check_profile_error(files: &[(&str, &str)], name: &str, expected: &[&str]) {
    let home = triton(files);
    let error = Config::from_profile(&home.path().join(".triton"), name).unwrap_err();
    let text = format!(
        "{error} {}",
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
    );
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn errors_of_profiles_name_the_file_and_the_field() {
    let file = "profiles.d/p.json";
    check_profile_error(&[(file, &profile(""))], "q", &["\"q\"", "profiles.d", "there is p"]);
    check_profile_error(&[], "q", &["is none at all"]);
    check_profile_error(&[], "../config", &["no profile"]);
    check_profile_error(&[(file, "{")], "p", &["p.json as JSON", "line 1"]);
    check_profile_error(&[(file, &profile(r#", "name": "p""#))], "p", &["unknown field `name`"]);
    check_profile_error(&[(file, r#"{"url": "x"}"#)], "p", &["missing field `account`"]);
    check_profile_error(
        &[(file, &profile("").replace("https", "ssh"))],
        "p",
        &["url of", "ssh://p.example.com"],
    );
    check_profile_error(
        &[(file, &profile("").replace(MD5, "x"))],
        "p",
        &["keyId of", "p.json", "16 hex pairs"],
    );
}

#[test]
fn passphrase_and_ca_come_from_the_environment_for_profiles_too() {
    let rows = [("TRITON_KEY_PASSPHRASE", " open sesame"), ("SDC_CA_FILE", "~/ca.pem")];
    let config = from_env(&rows).unwrap();
    assert_eq!(config.passphrase.as_ref().unwrap().expose_secret(), " open sesame");
    assert_eq!(config.ca_file.as_deref(), Some(Path::new("/home/me/ca.pem")));
    assert!(!format!("{config:?}").contains("sesame"));

    let home = TempDir::new().unwrap();
    let profiles = home.path().join(".triton/profiles.d");
    std::fs::create_dir_all(&profiles).unwrap();
    let profile = format!(r#"{{"url":"https://c.example.com","account":"acme","keyId":"{MD5}"}}"#);
    std::fs::write(profiles.join("east.json"), profile).unwrap();
    let env = |name: &str| match name {
        "TRITON_PROFILE" => Some("east".to_owned()),
        "TRITON_KEY_PASSPHRASE" => Some("open sesame".to_owned()),
        "TRITON_CA_FILE" => Some("/ca.pem".to_owned()),
        _ => None,
    };
    let config = Config::load(&env, Some(home.path())).unwrap();
    assert_eq!(config.url.host(), Some("c.example.com"));
    assert!(config.passphrase.is_some() && config.ca_file.is_some());
}

#[tokio::test]
async fn a_passphrase_opens_the_key_and_its_absence_says_which_setting_is_missing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("id_ed25519");
    let status = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "open sesame", "-f"])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    let path = path.to_str().unwrap();
    let config = |passphrase| {
        from_env(&[
            ("SDC_KEY_ID", ""),
            ("SDC_KEY_MATERIAL", path),
            ("SDC_KEY_PASSPHRASE", passphrase),
        ])
    };
    config("open sesame").unwrap().signer(&|_| None, None).await.unwrap();
    for passphrase in ["", "wrong"] {
        let error = config(passphrase).unwrap().signer(&|_| None, None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("TRITON_KEY_PASSPHRASE"), "{text}");
        assert!(matches!(error, ConfigError::Passphrase { .. }), "{error:?}");
    }
}
