//! The simulator as a client meets it: signed requests through the router, and real sockets.

#[cfg(test)]
mod account;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod caller;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cmon;
#[cfg(test)]
mod datacenter;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod fabrics;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod images;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod nics;
#[cfg(test)]
mod page;
#[cfg(test)]
mod people;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod state_file;
#[cfg(test)]
mod throttle;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod vnc;
#[cfg(test)]
mod volumes;
