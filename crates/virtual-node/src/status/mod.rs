//! Publishing a pod's status: no more than what differs, and only our part of it.

pub mod addresses;
pub mod compose;
pub mod derive;
pub mod diff;
pub mod extras;
pub mod hold;
mod publish;

pub(crate) use publish::{Published, Publisher};
