//! The simulator as a client meets it: signed requests through the router, and real sockets.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod caller;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cmon;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod page;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod throttle;
#[cfg(test)]
mod tls;
