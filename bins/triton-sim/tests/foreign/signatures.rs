//! Our signatures before CloudAPI's own libraries (npm `http-signature` and `sshpk`), and those of the official
//! clients (npm `smartdc-auth`) before us.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;
use triton_signature::http::{KeyId, RequestToVerify, sign, sign_date};
use triton_signature::{Algorithm, PrivateKey, PublicKey, Signer};

use crate::stage::{npm, run};

/// Every kind of key: what ssh-keygen is told, and the algorithm that CloudAPI reads.
const KINDS: [(&[&str], &str); 5] = [
    (&["-t", "rsa", "-b", "2048"], "rsa-sha256"),
    (&["-t", "ecdsa", "-b", "256"], "ecdsa-sha256"),
    // Its natural hash, SHA-384, is one that CloudAPI's library does not know.
    (&["-t", "ecdsa", "-b", "384"], "ecdsa-sha512"),
    (&["-t", "ecdsa", "-b", "521"], "ecdsa-sha512"),
    (&["-t", "ed25519"], "ed25519-sha512"),
];
/// The server's clock in these tests, and a request's date.
const NOW: Duration = Duration::from_secs(1_767_323_045);
const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";
/// With what must be escaped, and what may not be touched.
const TARGET: &str = "/jill/machines?name=a%20b&tag.k=~v&as-role=x,y";

fn keygen(dir: &TempDir, args: &[&str]) -> PathBuf {
    let key = dir.path().join("key");
    run(Command::new("ssh-keygen").args(["-q", "-C", "me", "-f"]).arg(&key).args(args));
    key
}

fn public_half(key: &Path) -> PublicKey {
    PublicKey::from_openssh(&fs::read_to_string(key.with_extension("pub")).unwrap()).unwrap()
}

/// What one of the scripts in `../npm` prints.
#[track_caller]
fn node(script: &str, input: &Value) -> String {
    try_node(script, input).unwrap_or_else(|error| panic!("{script}: {error}"))
}

/// The same, or what the script says when it fails.
fn try_node(script: &str, input: &Value) -> Result<String, String> {
    let modules = npm("");
    let home = modules.parent().unwrap();
    let mut node = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm").join(script))
        .env("VK_TRITON_NPM", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// What CloudAPI's libraries say of a request.
#[track_caller]
fn seen_by_the_server(public: &PublicKey, date: &str, authorization: &str) -> Value {
    let text = node(
        "verify.js",
        &json!({
            "public": public.to_openssh(),
            "method": "GET",
            "url": TARGET,
            "headers": {"date": date, "authorization": authorization},
        }),
    );
    serde_json::from_str(&text).unwrap()
}

/// Now, as HTTP writes it: the libraries look at the clock.
fn now() -> String {
    let script = "process.stdout.write(new Date().toUTCString())";
    run(Command::new("node").args(["-e", script]))
}

/// A signature of ours, made with the key in that file.
async fn ours(key: &Path, passphrase: Option<&str>, date: &str) -> String {
    let passphrase = passphrase.map(Into::into);
    let key = PrivateKey::from_file(key, passphrase.as_ref()).unwrap();
    let key_id = KeyId::new("jill", key.public_key().md5_fingerprint());
    sign(&Signer::from(key), &key_id, "GET", TARGET, date).await.unwrap().to_string()
}

#[tokio::test]
async fn the_servers_library_accepts_what_we_sign_with_every_kind_of_key() {
    for (args, algorithm) in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let key = keygen(&dir, &[args, &["-N", ""]].concat());
        let public = public_half(&key);
        let date = now();
        let seen = seen_by_the_server(&public, &date, &ours(&key, None, &date).await);
        assert_eq!(seen["verified"], true, "{args:?}: {seen:#?}");
        assert_eq!(seen["algorithm"].as_str().unwrap().to_lowercase(), algorithm, "{args:?}");
        assert_eq!(seen["keyId"], format!("/jill/keys/{}", public.md5_fingerprint()));
        assert_eq!(seen["headers"], json!(["(request-target)", "date"]));

        let key = PrivateKey::from_file(&key, None).unwrap();
        let key_id = KeyId::new("jill", public.md5_fingerprint()).with_user("bob");
        let by_date = sign_date(&Signer::from(key), &key_id, &date).await.unwrap().to_string();
        let seen = seen_by_the_server(&public, &date, &by_date);
        assert_eq!((&seen["verified"], &seen["headers"]), (&json!(true), &json!(["date"])));
        assert_eq!(seen["keyId"], format!("/jill/users/bob/keys/{}", public.md5_fingerprint()));
    }
}

#[tokio::test]
async fn the_servers_library_accepts_what_we_sign_with_every_form_of_key() {
    let forms: [(&[&str], Option<&str>); 6] = [
        (&["-t", "rsa", "-m", "PEM", "-N", ""], None),
        (&["-t", "rsa", "-m", "PKCS8", "-N", ""], None),
        (&["-t", "ecdsa", "-m", "PEM", "-N", ""], None),
        (&["-t", "ecdsa", "-m", "PKCS8", "-N", ""], None),
        (&["-t", "rsa", "-N", "correct horse"], Some("correct horse")),
        (&["-t", "ed25519", "-N", "correct horse"], Some("correct horse")),
    ];
    for (args, passphrase) in forms {
        let dir = tempfile::tempdir().unwrap();
        let key = keygen(&dir, args);
        let date = now();
        let authorization = ours(&key, passphrase, &date).await;
        let seen = seen_by_the_server(&public_half(&key), &date, &authorization);
        assert_eq!(seen["verified"], true, "{args:?}: {seen:#?}");
    }
}

#[tokio::test]
async fn the_servers_library_refuses_what_was_signed_for_another_request() {
    let dir = tempfile::tempdir().unwrap();
    let key = keygen(&dir, &["-t", "ecdsa", "-N", ""]);
    let date = now();
    let authorization = ours(&key, None, &date).await;
    let text = node(
        "verify.js",
        &json!({
            "public": public_half(&key).to_openssh(),
            "method": "DELETE",
            "url": TARGET,
            "headers": {"date": date, "authorization": authorization},
        }),
    );
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["verified"], false);
}

#[test]
fn we_accept_what_the_official_clients_sign() {
    for (args, _) in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let key = keygen(&dir, &[args, &["-N", ""]].concat());
        let request = json!({
            "private": fs::read_to_string(&key).unwrap(),
            "method": "GET",
            "target": TARGET,
            "date": DATE,
            "account": "jill",
            "user": "bob",
        });
        // The CLI cannot use such a key, ours can: it insists on the key's natural hash.
        if args.contains(&"384") {
            let error = try_node("sign.js", &request).unwrap_err();
            assert!(error.contains("SHA384 is not a supported hash algorithm"), "{error}");
            continue;
        }
        let authorization = node("sign.js", &request);
        let header = |name: &str| match name {
            "date" => Some(DATE.to_owned()),
            "authorization" => Some(authorization.trim().to_owned()),
            _ => None,
        };
        let request = RequestToVerify {
            method: "GET",
            path_and_query: TARGET,
            header: &header,
            now: SystemTime::UNIX_EPOCH + NOW,
        };
        let claim = request.claim().unwrap();
        let public = public_half(&key);
        claim.verify(&public).unwrap();
        let key_id = KeyId::new("jill", public.md5_fingerprint()).with_user("bob");
        assert_eq!(claim.key_id, key_id);
        assert_eq!(claim.authorization.headers, ["(request-target)", "date"]);
        let dir = tempfile::tempdir().unwrap();
        let other = keygen(&dir, &[args, &["-N", ""]].concat());
        assert!(claim.verify(&public_half(&other)).is_err());
    }
}

#[test]
fn the_hashes_that_an_rsa_key_can_be_used_with_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let key = keygen(&dir, &["-t", "rsa", "-b", "2048", "-N", ""]);
    let message = dir.path().join("message");
    fs::write(&message, format!("date: {DATE}")).unwrap();
    let pem = dir.path().join("pem");
    fs::copy(&key, &pem).unwrap();
    run(Command::new("ssh-keygen").args(["-q", "-p", "-N", "", "-m", "PEM", "-f"]).arg(&pem));
    let public = public_half(&key);
    let hashes = [
        ("-sha1", Algorithm::RsaSha1),
        ("-sha256", Algorithm::RsaSha256),
        ("-sha512", Algorithm::RsaSha512),
    ];
    for (hash, algorithm) in hashes {
        let signature = dir.path().join("signature");
        run(Command::new("openssl")
            .args(["dgst", hash, "-sign"])
            .arg(&pem)
            .arg("-out")
            .arg(&signature)
            .arg(&message));
        let signature = fs::read(&signature).unwrap();
        let text = fs::read(&message).unwrap();
        for (_, claimed) in hashes {
            assert_eq!(public.verify(claimed, &text, &signature).is_ok(), claimed == algorithm);
        }
    }
}

#[tokio::test]
async fn fingerprints_are_the_ones_that_openssh_and_sshpk_tell() {
    for (args, _) in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let key = keygen(&dir, &[args, &["-N", ""]].concat());
        let public = public_half(&key);
        let told = |hash: &str| {
            let listed = run(Command::new("ssh-keygen").args(["-E", hash, "-lf"]).arg(&key));
            listed.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(told("md5"), format!("MD5:{}", public.md5_fingerprint()));
        assert_eq!(told("sha256"), public.sha256_fingerprint());
        let date = now();
        let seen = seen_by_the_server(&public, &date, &ours(&key, None, &date).await);
        assert_eq!(seen["md5"], public.md5_fingerprint());
        assert_eq!(seen["sha256"], public.sha256_fingerprint());
    }
}
