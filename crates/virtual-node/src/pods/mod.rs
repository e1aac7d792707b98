//! The pods of the node: watched, queued, passed to the provider.

pub mod backoff;
pub mod decide;
mod dispatch;
pub mod packed;
mod pass;
mod prune;
pub mod queue;
pub mod raw;
pub mod store;

pub(crate) use dispatch::Dispatcher;
pub(crate) use pass::Passes;
