//! The ports that the firewall shall open.

use std::collections::BTreeSet;
use std::fmt;

use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// A port of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    pub(crate) protocol: Protocol,
    pub(crate) number: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// The container's ports, each once, in order of protocol and number.
pub(crate) fn ports(inputs: &Inputs<'_>, findings: &mut Findings) -> BTreeSet<Port> {
    let mut ports = BTreeSet::new();
    let declared = inputs.container().and_then(|container| container.ports.as_ref());
    for (at, port) in declared.into_iter().flatten().enumerate() {
        let path = format!("spec.containers[0].ports[{at}]");
        if port.host_port.is_some_and(|port| port != 0) {
            findings.add(
                &rules::HOST_PORT_IGNORED,
                format!("{path}.hostPort"),
                "has no effect: an instance has its own address; use containerPort",
            );
        }
        let protocol = match port.protocol.as_deref() {
            None | Some("" | "TCP") => Some(Protocol::Tcp),
            Some("UDP") => Some(Protocol::Udp),
            Some(other) => {
                findings.add(
                    &rules::MALFORMED_PORT,
                    format!("{path}.protocol"),
                    format!("Triton's firewall knows no {}; TCP and UDP work", quote(other)),
                );
                None
            }
        };
        match u16::try_from(port.container_port) {
            Ok(number @ 1..) => ports.extend(protocol.map(|protocol| Port { protocol, number })),
            _ => findings.add(
                &rules::MALFORMED_PORT,
                format!("{path}.containerPort"),
                format!("{} is no port; ports are 1 to 65535", port.container_port),
            ),
        }
    }
    ports
}

// === impl Protocol ===

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}
