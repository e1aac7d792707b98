//! Asking for an instance's screen.

use super::path;
use crate::answer::nothing;
use crate::ids::InstanceId;
use crate::request::{Endpoint, Group, Request, RequestError};

pub(super) const CONNECT: Endpoint = Endpoint::read("ConnectMachineVNC", Group::Machines);

/// Connects to a hardware virtual machine's screen (ConnectMachineVNC): the request that asks for the upgrade, without
/// WebSocket's own headers. `Client::connect_vnc` does the rest.
///
/// # Errors
///
/// None that parameters could cause.
pub fn connect_vnc(id: InstanceId) -> Result<Request<()>, RequestError> {
    CONNECT.get(&path(id).fixed("vnc"), nothing)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn the_screen_is_below_the_instance() {
        let request = connect_vnc("00000000-0000-4000-8000-000000000001".parse().unwrap()).unwrap();
        assert_eq!(
            (request.http.method(), request.http.uri().path()),
            (&Method::GET, "/machines/00000000-0000-4000-8000-000000000001/vnc")
        );
    }
}
