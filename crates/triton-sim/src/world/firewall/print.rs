//! The canonical text of a rule, which CloudAPI stores and shows in place of what was sent.

use std::collections::BTreeSet;
use std::fmt;

use super::parse::{Ports, Protocol, RuleText, Target, Types};

// === impl RuleText ===

impl fmt::Display for RuleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = if self.allow { "ALLOW" } else { "BLOCK" };
        write!(f, "FROM {} TO {} {action} {}", side(&self.from), side(&self.to), self.protocol)?;
        if self.priority > 0 {
            write!(f, " PRIORITY {}", self.priority)?;
        }
        Ok(())
    }
}

fn side(targets: &BTreeSet<Target>) -> String {
    let texts: Vec<String> = targets.iter().map(ToString::to_string).collect();
    if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(" OR ")) }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "any"),
            Self::AllVms => write!(f, "all vms"),
            Self::Ip(address) => write!(f, "ip {address}"),
            Self::Subnet(address, length) => write!(f, "subnet {address}/{length}"),
            Self::Tag(key, None) => write!(f, "tag {}", quote(key)),
            Self::Tag(key, Some(value)) => write!(f, "tag {} = {}", quote(key), quote(value)),
            Self::Vm(id) => write!(f, "vm {id}"),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(name) => write!(f, "{name}"),
            Self::Ports(name, Ports::All) => write!(f, "{name} PORT ALL"),
            Self::Ports(name, Ports::Single(ports)) => {
                write!(f, "{name} {}", all_of(ports, |p| format!("PORT {p}")))
            }
            Self::Ports(name, Ports::Ranges(ranges)) => {
                let text =
                    |(a, b): &(u16, u16)| if a == b { a.to_string() } else { format!("{a} - {b}") };
                write!(f, "{name} PORTS {}", ranges.iter().map(text).collect::<Vec<_>>().join(", "))
            }
            Self::Types(name, Types::All) => write!(f, "{name} TYPE ALL"),
            Self::Types(name, Types::Some(types)) => {
                let text = |(number, code): &(u8, Option<u8>)| match code {
                    Some(code) => format!("TYPE {number} CODE {code}"),
                    None => format!("TYPE {number}"),
                };
                write!(f, "{name} {}", all_of(types, text))
            }
        }
    }
}

fn all_of<T>(items: &BTreeSet<T>, text: impl Fn(&T) -> String) -> String {
    let texts: Vec<String> = items.iter().map(text).collect();
    if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(" AND ")) }
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '(' | ')' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
