//! Keys that ssh-keygen and openssl made, and signatures that openssl checks and makes: no signature here is judged
//! by the code that made it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::path::Path;

use common::{keygen, openssl_signs, openssl_verifies, public_half, run, utf8};
use secrecy::SecretString;
use tempfile::TempDir;
use triton_signature::{Algorithm, KeyError, PrivateKey};

const MESSAGE: &[u8] = b"(request-target): get /acme/machines\ndate: Sat, 11 Jun 2011 23:56:29 GMT";

/// Loads the key, has openssl check its signature, and checks a change of one byte is seen.
#[track_caller]
fn check(dir: &TempDir, key: &Path, expected: Algorithm) {
    let private = PrivateKey::from_file(key, None).unwrap();
    let pem = key.with_extension("pem");
    // ssh-keygen cannot write Ed25519 in PEM, and openssl cannot read OpenSSH's form: then our PKCS#8 twin has it.
    if !pem.exists() {
        std::fs::write(&pem, run("ssh-keygen", &["-e", "-m", "PKCS8", "-f", utf8(key)])).unwrap();
    }
    let signature = private.sign(MESSAGE).unwrap();
    assert_eq!(signature.algorithm, expected);
    assert!(openssl_verifies(dir, &pem, expected, MESSAGE, &signature.bytes));
    assert!(!openssl_verifies(dir, &pem, expected, b"another message", &signature.bytes));
}

#[test]
fn openssl_accepts_the_signatures_of_every_form_of_key_from_ssh_keygen() {
    let dir = TempDir::new().unwrap();
    for form in ["RFC4716", "PEM", "PKCS8"] {
        let make = |kind: &str, bits: &str| {
            keygen(&dir, &format!("{kind}{bits}{form}"), &["-t", kind, "-b", bits, "-m", form])
        };
        check(&dir, &make("rsa", "2048"), Algorithm::RsaSha256);
        check(&dir, &make("ecdsa", "256"), Algorithm::EcdsaSha256);
        check(&dir, &make("ecdsa", "384"), Algorithm::EcdsaSha512);
        check(&dir, &make("ecdsa", "521"), Algorithm::EcdsaSha512);
    }
}

#[test]
fn openssl_accepts_the_signatures_of_its_own_keys() {
    let dir = TempDir::new().unwrap();
    let make = |name: &str, args: &[&str]| {
        let key = dir.path().join(name);
        let pem = key.with_extension("pem");
        run("openssl", &[args, &["-out", utf8(&key)]].concat());
        run("openssl", &["pkey", "-in", utf8(&key), "-pubout", "-out", utf8(&pem)]);
        key
    };
    check(&dir, &make("ed25519", &["genpkey", "-algorithm", "ed25519"]), Algorithm::Ed25519Sha512);
    // Writes `EC PARAMETERS` in front of the key.
    check(
        &dir,
        &make("p256", &["ecparam", "-name", "prime256v1", "-genkey"]),
        Algorithm::EcdsaSha256,
    );
    check(
        &dir,
        &make("p384", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        Algorithm::EcdsaSha512,
    );
    check(
        &dir,
        &make("p521", &["ecparam", "-name", "secp521r1", "-genkey", "-noout"]),
        Algorithm::EcdsaSha512,
    );
    check(&dir, &make("rsa", &["genrsa", "-traditional"]), Algorithm::RsaSha256);
}

#[test]
fn an_ed25519_key_from_ssh_keygen_signs_as_its_twin_in_openssl() {
    let dir = TempDir::new().unwrap();
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    let private = PrivateKey::from_file(&key, None).unwrap();
    let wire = private.public_key().wire();
    // SubjectPublicKeyInfo of RFC 8410: a fixed head, then the 32 bytes that end the SSH form too.
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend(&wire[wire.len() - 32..]);
    let (spki, pem) = (dir.path().join("spki"), dir.path().join("pem"));
    std::fs::write(&spki, der).unwrap();
    run(
        "openssl",
        &["pkey", "-pubin", "-inform", "DER", "-in", utf8(&spki), "-pubout", "-out", utf8(&pem)],
    );
    let signature = private.sign(MESSAGE).unwrap();
    assert_eq!(signature.bytes.len(), 64);
    assert!(openssl_verifies(&dir, &pem, Algorithm::Ed25519Sha512, MESSAGE, &signature.bytes));
}

#[test]
fn signatures_of_openssl_are_accepted() {
    let dir = TempDir::new().unwrap();
    let rsa = keygen(&dir, "rsa", &["-t", "rsa", "-b", "2048", "-m", "PEM"]);
    let p256 = keygen(&dir, "p256", &["-t", "ecdsa", "-b", "256", "-m", "PEM"]);
    let p384 = keygen(&dir, "p384", &["-t", "ecdsa", "-b", "384", "-m", "PEM"]);
    let p521 = keygen(&dir, "p521", &["-t", "ecdsa", "-b", "521", "-m", "PEM"]);
    for (key, algorithm) in [
        (&rsa, Algorithm::RsaSha1),
        (&rsa, Algorithm::RsaSha256),
        (&rsa, Algorithm::RsaSha512),
        (&p256, Algorithm::EcdsaSha256),
        (&p256, Algorithm::EcdsaSha512),
        (&p384, Algorithm::EcdsaSha256),
        (&p384, Algorithm::EcdsaSha512),
        (&p521, Algorithm::EcdsaSha256),
        (&p521, Algorithm::EcdsaSha512),
    ] {
        let public = public_half(key);
        let mut signature = openssl_signs(&dir, key, algorithm, MESSAGE);
        assert_eq!(public.verify(algorithm, MESSAGE, &signature), Ok(()), "{algorithm}");
        assert!(public.verify(algorithm, b"another message", &signature).is_err(), "{algorithm}");
        *signature.last_mut().unwrap() ^= 1;
        assert!(public.verify(algorithm, MESSAGE, &signature).is_err(), "{algorithm}");
    }
}

#[test]
fn an_ed25519_signature_of_openssl_is_accepted() {
    let dir = TempDir::new().unwrap();
    let key = dir.path().join("ed25519");
    run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", utf8(&key)]);
    let public = PrivateKey::from_file(&key, None).unwrap().public_key().clone();
    let signature = openssl_signs(&dir, &key, Algorithm::Ed25519Sha512, MESSAGE);
    assert_eq!(public.verify(Algorithm::Ed25519Sha512, MESSAGE, &signature), Ok(()));
    assert!(public.verify(Algorithm::Ed25519Sha512, b"another", &signature).is_err());
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    let dir = TempDir::new().unwrap();
    for args in
        [["-t", "rsa", "-b", "2048"], ["-t", "ecdsa", "-b", "521"], ["-t", "ed25519", "-b", "256"]]
    {
        let key = keygen(&dir, &args.concat(), &args);
        let public = public_half(&key);
        let listed = |hash| run("ssh-keygen", &["-l", "-E", hash, "-f", utf8(&key)]);
        assert!(listed("md5").contains(&format!(" MD5:{} ", public.md5_fingerprint())));
        assert!(listed("sha256").contains(&format!(" {} ", public.sha256_fingerprint())));
        let line = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        assert_eq!(public.to_openssh(), line.trim_end());
    }
}

/// An encrypted key opens with its passphrase, and says what is missing without it.
#[track_caller]
fn check_encrypted(key: &Path) {
    let load = |passphrase: Option<&str>| {
        let passphrase = passphrase.map(SecretString::from);
        PrivateKey::from_file(key, passphrase.as_ref()).map_err(|error| match error {
            KeyError::File { path, source } => {
                assert_eq!(path, key);
                *source
            }
            other => panic!("not the file's error: {other}"),
        })
    };
    let name = key.display();
    let error = load(None).unwrap_err();
    assert!(matches!(error, KeyError::Encrypted), "{name}: {error}");
    assert!(error.to_string().contains("ssh-keygen -p"), "{error}");
    for wrong in ["wrong", "", "opensesam", "Opensesame"] {
        let error = load(Some(wrong)).unwrap_err();
        assert!(matches!(error, KeyError::Passphrase), "{name} {wrong:?}: {error}");
    }
    let private = load(Some("opensesame")).unwrap();
    assert_eq!(*private.public_key(), public_half(key), "{name}");
    let signature = private.sign(MESSAGE).unwrap();
    let public = private.public_key();
    assert_eq!(public.verify(signature.algorithm, MESSAGE, &signature.bytes), Ok(()));
}

#[test]
fn a_passphrase_opens_every_encrypted_form_of_ssh_keygen() {
    let dir = TempDir::new().unwrap();
    for form in ["RFC4716", "PEM", "PKCS8"] {
        for (kind, bits) in [("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]
        {
            let args = ["-t", kind, "-b", bits, "-m", form, "-N", "opensesame"];
            check_encrypted(&keygen(&dir, &format!("{kind}{bits}{form}"), &args));
        }
    }
    check_encrypted(&keygen(&dir, "ed25519", &["-t", "ed25519", "-N", "opensesame"]));
    let cbc = ["-t", "ecdsa", "-Z", "aes256-cbc", "-N", "opensesame"];
    check_encrypted(&keygen(&dir, "cbc", &cbc));
}

#[test]
fn a_passphrase_opens_what_openssl_has_encrypted() {
    let dir = TempDir::new().unwrap();
    let plain = keygen(&dir, "plain", &["-t", "rsa", "-b", "2048", "-m", "PEM"]);
    let public = plain.with_extension("pub");
    let pass = ["-passout", "pass:opensesame"];
    let traditional = ["-aes128", "-aes192", "-aes256", "-des3"];
    for cipher in traditional {
        let key = dir.path().join(format!("traditional{cipher}"));
        let args = ["rsa", "-traditional", cipher, "-in", utf8(&plain), "-out", utf8(&key)];
        run("openssl", &[&args[..], &pass].concat());
        std::fs::copy(&public, key.with_extension("pub")).unwrap();
        check_encrypted(&key);
    }
    for (name, how) in [
        ("aes256", &["-v2", "aes-256-cbc"][..]),
        ("des3", &["-v2", "des3"]),
        ("sha1", &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"]),
        ("scrypt", &["-scrypt"]),
    ] {
        let key = dir.path().join(format!("pkcs8-{name}"));
        let args = ["pkcs8", "-topk8", "-in", utf8(&plain), "-out", utf8(&key)];
        run("openssl", &[&args[..], how, &pass].concat());
        std::fs::copy(&public, key.with_extension("pub")).unwrap();
        check_encrypted(&key);
    }
}

#[test]
fn a_cipher_that_cannot_be_read_is_named_even_with_a_passphrase() {
    let dir = TempDir::new().unwrap();
    let plain = keygen(&dir, "plain", &["-t", "rsa", "-b", "2048", "-m", "PEM"]);
    let key = dir.path().join("camellia");
    let args = ["rsa", "-traditional", "-camellia128", "-in", utf8(&plain), "-out", utf8(&key)];
    run("openssl", &[&args[..], &["-passout", "pass:opensesame"]].concat());
    let error = PrivateKey::from_file(&key, Some(&SecretString::from("opensesame"))).unwrap_err();
    let KeyError::File { source, .. } = error else { panic!("{error}") };
    assert!(source.to_string().contains("CAMELLIA-128-CBC"), "{source}");
    assert!(source.to_string().contains("ssh-keygen -p"), "{source}");
}

#[test]
fn ecdsa_keys_whose_number_begins_with_zeros_are_read() {
    // Half of all P-521 keys have a number that OpenSSH writes a byte shorter than the curve's.
    let dir = TempDir::new().unwrap();
    for round in 0..12 {
        let key = keygen(&dir, &format!("p521-{round}"), &["-t", "ecdsa", "-b", "521"]);
        assert_eq!(*PrivateKey::from_file(&key, None).unwrap().public_key(), public_half(&key));
    }
}

#[test]
fn kinds_that_cannot_be_used_are_named() {
    let dir = TempDir::new().unwrap();
    let key = dir.path().join("k256");
    run(
        "openssl",
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:secp256k1",
            "-out",
            utf8(&key),
        ],
    );
    let KeyError::File { source, .. } = PrivateKey::from_file(&key, None).unwrap_err() else {
        panic!()
    };
    assert!(source.to_string().contains("1.3.132.0.10 keys cannot be used"), "{source}");
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    let KeyError::File { source, .. } =
        PrivateKey::from_file(key.with_extension("pub"), None).unwrap_err()
    else {
        panic!()
    };
    assert!(matches!(*source, KeyError::NotPrivate), "{source}");
}

#[test]
fn indents_and_windows_line_ends_do_no_harm() {
    let dir = TempDir::new().unwrap();
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    let text = std::fs::read_to_string(&key).unwrap();
    for text in [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\n    "),
        format!("# my key\n\n{text}\n\n"),
    ] {
        assert_eq!(*PrivateKey::from_text(&text, None).unwrap().public_key(), public_half(&key));
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let dir = TempDir::new().unwrap();
    let key = keygen(&dir, "ed25519", &["-t", "ed25519"]);
    let private = PrivateKey::from_file(&key, None).unwrap();
    let expected = format!(
        "PrivateKey {{ public: PublicKey(Ed25519 {}), .. }}",
        private.public_key().md5_fingerprint()
    );
    assert_eq!(format!("{private:?}"), expected);
}
