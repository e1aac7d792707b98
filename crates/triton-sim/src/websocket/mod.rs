//! The server's half of RFC 6455, as strict as CloudAPI's (watershed): no extensions, no fragments, masked frames only.

mod frame;
mod handshake;

pub(crate) use frame::{Frame, Opcode, decode, encode};
pub(crate) use handshake::{Upgrading, accept};
