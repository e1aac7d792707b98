//! Whole lives of pods against the simulator, in one process and on a paused clock: what goes wrong, and what is left
//! of it in the end.
//!
//! A scenario looks from outside: at the pods as an API server would hold them, and at the simulator's own record of
//! instances, rules and requests. It never asks the provider what it remembers.

mod node;
mod pods;
mod stage;
mod wire;

mod ambiguous;
mod behind;
mod capacity;
mod commands;
mod crash;
mod create;
mod edits;
mod feed;
mod firewall;
mod first_provider;
mod given_up;
mod hooks;
mod left;
mod others;
mod paging;
mod probes;
mod promises;
mod requests;
mod restart;
mod secrets;
mod states;
mod stop;
mod term;
mod unknown;
