//! The screen of a hardware virtual machine, as VNC over a WebSocket.

mod converse;
mod rfb;

pub(crate) use converse::converse;
