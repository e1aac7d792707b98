#![doc = include_str!("../README.md")]

mod answer;
mod auth;
mod behind_back;
mod builder;
mod clock;
mod cmon;
mod control;
mod delays;
mod faults;
mod feed;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod listen;
mod refusal;
mod requests;
mod seeds;
mod serve;
mod sim;
mod state_file;
mod throttle;
mod tls;
mod version;
mod vnc;
mod websocket;
mod world;

pub use behind_back::ComputeNodeRecord;
pub use builder::{SeedError, SimBuilder};
pub use delays::Delays;
pub use faults::{
    Fault, FaultEntry, FaultError, FaultKind, FaultScope, FaultScript, ScriptError, UnknownFault,
};
pub use requests::{RequestQuery, RequestRecord};
pub use serve::{Running, ServeError};
pub use sim::{InstanceRecord, Sim};
pub use state_file::StateError;
pub use throttle::ThrottleLimits;
pub use tls::{TlsError, TlsIdentity};
pub use world::{ChangeRecord, ChangedBy, InstanceState, ResourceKind, Transition};
pub use world::{
    Condition, Features, LimitBy, LimitCheck, ProvisionLimit, ResolvedName, ShownState,
};
