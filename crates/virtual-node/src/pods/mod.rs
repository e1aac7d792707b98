//! The pods of the node: watched, queued, passed to the provider.

pub mod backoff;
pub mod decide;
mod dispatch;
mod pass;
pub mod queue;
pub mod store;

pub(crate) use dispatch::Dispatcher;
pub(crate) use pass::Passes;
