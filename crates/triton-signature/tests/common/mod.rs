//! The programs that users and servers really run, as witnesses: ssh-keygen, ssh-agent, openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use triton_signature::{Algorithm, PublicKey};

/// Runs a program to its end and returns what it printed.
#[track_caller]
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Has ssh-keygen make a key pair; returns the private half's path.
#[track_caller]
pub(crate) fn keygen(dir: &TempDir, name: &str, args: &[&str]) -> PathBuf {
    let path = dir.path().join(name);
    let mut all = vec!["-q", "-C", name, "-f", utf8(&path)];
    all.extend(args);
    if !args.contains(&"-N") {
        all.extend(["-N", ""]);
    }
    run("ssh-keygen", &all);
    path
}

/// The public half that ssh-keygen wrote beside the private one.
pub(crate) fn public_half(path: &Path) -> PublicKey {
    PublicKey::from_openssh(&std::fs::read_to_string(path.with_extension("pub")).unwrap()).unwrap()
}

/// Has openssl check a signature with the public half in PEM.
#[track_caller]
pub(crate) fn openssl_verifies(
    dir: &TempDir,
    pem: &Path,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let (data, sig) = (dir.path().join("message"), dir.path().join("signature"));
    std::fs::write(&data, message).unwrap();
    std::fs::write(&sig, signature).unwrap();
    let (data, sig, pem) = (utf8(&data), utf8(&sig), utf8(pem));
    let mut command = Command::new("openssl");
    match hash_flag(algorithm) {
        Some(hash) => command.args(["dgst", hash, "-verify", pem, "-signature", sig, data]),
        None => command.args([
            "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", data, "-sigfile", sig,
        ]),
    };
    command.output().unwrap().status.success()
}

/// Has openssl sign with a private key.
#[track_caller]
pub(crate) fn openssl_signs(
    dir: &TempDir,
    key: &Path,
    algorithm: Algorithm,
    message: &[u8],
) -> Vec<u8> {
    let (data, sig) = (dir.path().join("message"), dir.path().join("signature"));
    std::fs::write(&data, message).unwrap();
    match hash_flag(algorithm) {
        Some(hash) => {
            run("openssl", &["dgst", hash, "-sign", utf8(key), "-out", utf8(&sig), utf8(&data)])
        }
        None => run(
            "openssl",
            &[
                "pkeyutl",
                "-sign",
                "-inkey",
                utf8(key),
                "-rawin",
                "-in",
                utf8(&data),
                "-out",
                utf8(&sig),
            ],
        ),
    };
    std::fs::read(sig).unwrap()
}

fn hash_flag(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::RsaSha1 => Some("-sha1"),
        Algorithm::RsaSha256 | Algorithm::EcdsaSha256 => Some("-sha256"),
        Algorithm::RsaSha512 | Algorithm::EcdsaSha512 => Some("-sha512"),
        _ => None,
    }
}
