//! Why a simulator cannot be set up.

use crate::state_file::StateError;
use crate::world::BLOCKS;

/// A simulator cannot be set up this way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// [`SimBuilder::key`](crate::SimBuilder::key) and the like speak of the account named before them.
    #[error("setting up an account that has not been named: call account() first")]
    NoAccount,
    /// Two accounts of one login.
    #[error("adding account {login} a second time")]
    DuplicateAccount {
        /// The login.
        login: String,
    },
    /// Not an OpenSSH public key.
    #[error("reading a public key of account {login}")]
    Key {
        /// The account's login.
        login: String,
        /// Why.
        source: triton_signature::KeyError,
    },
    /// The same key twice.
    #[error("adding a public key of account {login} a second time")]
    DuplicateKey {
        /// The account's login.
        login: String,
    },
    /// CloudAPI would refuse it too.
    #[error("adding {what}: {reason}")]
    Refused {
        /// What was to be added.
        what: String,
        /// Why not, in CloudAPI's words.
        reason: String,
    },
    /// Each network of a pool takes a 64th of the simulator's addresses.
    #[error("adding network pool {name}: there are no addresses left for its networks")]
    PoolTooLarge {
        /// The pool's name.
        name: String,
    },
    /// Instances' addresses are in 127.64.0.0/10, of which each simulator on a computer takes a 64th.
    #[error(
        "finding addresses for instances: all {BLOCKS} blocks of 127.64.0.0/10 are in use by other simulators"
    )]
    NoAddresses,
    /// The instances of a state file keep their addresses.
    #[error(
        "finding addresses for the instances of the state file: 127.{second}.0.0/16 is in use by another simulator"
    )]
    AddressesTaken {
        /// The second number of the addresses.
        second: u8,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}
