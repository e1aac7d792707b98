//! The laws that fuzzing checks, on headers and keys, and on what a few strokes make of them.

mod laws;

use proptest::prelude::*;
use proptest::sample::{Index, select};

const HEADERS: [&str; 5] = [
    r#"Signature keyId="/acme/keys/aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",algorithm="rsa-sha256",headers="(request-target) date",signature="c2lnbmF0dXJl""#,
    r#"Signature keyId="/acme/users/bob/keys/aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",algorithm="ed25519-sha512",signature="c2lnbmF0dXJl""#,
    r#"Signature keyId="/acme/keys/x", algorithm="rsa-sha256",signature="c2lnbmF0dXJl""#,
    r#"Signature keyId="/acme/keys/x",algorithm="rsa-sha256" c2lnbmF0dXJl"#,
    "Basic YWNtZTpzZWNyZXQ=",
];

/// The example keys of RFC 8410, and texts that are nearly keys.
const KEYS: [&str; 5] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n",
    "MD5:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99",
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
];

/// One of the seeds, with bytes changed, taken out and put in.
fn mutated(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let stroke = (any::<Index>(), any::<u8>(), 0..4_u8);
    (select(seeds), proptest::collection::vec(stroke, 0..6)).prop_map(|(seed, strokes)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (index, byte, kind) in strokes {
            let at = index.index(bytes.len() + 1);
            // Mostly letters: most other bytes make no text at all.
            let byte = if kind == 3 { byte } else { b' ' + byte % 95 };
            match kind {
                0 | 3 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

#[track_caller]
fn check(seeds: &'static [&'static str], law: fn(&[u8])) {
    seeds.iter().for_each(|seed| law(seed.as_bytes()));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in mutated(seeds))| law(&bytes));
}

#[test]
fn a_header_that_is_read_is_written_the_same() {
    check(&HEADERS, laws::authorization);
}

#[test]
fn a_key_that_is_read_is_written_the_same() {
    check(&KEYS, laws::key);
}
