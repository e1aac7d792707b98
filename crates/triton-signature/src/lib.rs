//! Keys, fingerprints and HTTP signatures as Triton's CloudAPI wants them.
//!
//! CloudAPI has no passwords and no tokens: every request carries a signature made with an SSH key that the account
//! has uploaded. This crate loads such keys ([`PrivateKey`], or the ssh-agent with the feature `agent`), names them
//! as the server does ([`PublicKey::md5_fingerprint`]), and makes and checks the `Authorization` header ([`http`]).
//!
//! | Key | from a file | from the agent | label on the wire |
//! |---|---|---|---|
//! | RSA | PKCS#1, PKCS#8, OpenSSH | yes | `rsa-sha256` |
//! | ECDSA P-256 | SEC1, PKCS#8, OpenSSH | yes | `ecdsa-sha256` |
//! | ECDSA P-384 | SEC1, PKCS#8, OpenSSH | no: an agent signs it with SHA-384, which CloudAPI refuses | `ecdsa-sha512` |
//! | ECDSA P-521 | SEC1, PKCS#8, OpenSSH | yes | `ecdsa-sha512` |
//! | Ed25519 | PKCS#8, OpenSSH | yes | `ed25519-sha512` (CloudAPI 9.18 and newer) |
//!
//! Each form is read encrypted with a passphrase too: OpenSSH's own, PKCS#8 with PBES2 (PBKDF2 or scrypt; AES or
//! triple DES), and the traditional PEM of `Proc-Type: 4,ENCRYPTED`. The passphrase is an argument: nothing is asked for.
//!
//! Nothing here knows HTTP libraries or clocks: a request is its method, its target and a way to look up headers, and
//! the time is an argument. The only I/O is reading a key file and talking to the agent's socket.
//!
//! # Timing side channel of RSA (RUSTSEC-2023-0071)
//!
//! The advisory covers the `rsa` crate's private-key operations, whose running time depends on the key. This crate
//! never decrypts, and signs only through `RandomizedSigner`, which blinds every operation with fresh random numbers,
//! so the time seen from outside says nothing about the key. Who wants no RSA private key in the process at all uses
//! the agent.
//!
//! # Example
//!
//! ```
//! use triton_signature::{PublicKey, http::KeyId};
//!
//! let key = PublicKey::from_openssh(
//!     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop",
//! )?;
//! let key_id = KeyId::new("acme", key.md5_fingerprint());
//! assert_eq!(key_id.to_string(), format!("/acme/keys/{}", key.md5_fingerprint()));
//! # Ok::<(), triton_signature::KeyError>(())
//! ```

pub mod algorithm;
pub mod fingerprint;
pub mod private_key;
pub mod public_key;
pub mod signer;

#[cfg(feature = "agent")]
pub mod agent;
pub mod http;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use private_key::PrivateKey;
pub use public_key::{KeyError, KeyKind, PublicKey, VerifyError};
pub use signer::{SignError, Signature, Signer};
