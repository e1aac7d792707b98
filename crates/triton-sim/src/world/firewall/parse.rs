//! Reads `FROM <target> TO <target> (ALLOW|BLOCK) <protocol> [PRIORITY <0-100>]`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::{Token, tokens};

const TARGETS_MAX: usize = 24;
const PORTS_MAX: usize = 24;
const PRIORITY_MAX: u8 = 100;

/// A parsed rule; its `Display` is the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct RuleText {
    pub(super) from: BTreeSet<Target>,
    pub(super) to: BTreeSet<Target>,
    pub(super) allow: bool,
    pub(super) protocol: Protocol,
    pub(super) priority: u8,
}

/// One end of a rule, or part of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Any,
    AllVms,
    Ip(IpAddr),
    Subnet(IpAddr, u8),
    Tag(String, Option<String>),
    Vm(Uuid),
}

/// What kind of traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `tcp` or `udp`.
    Ports(&'static str, Ports),
    /// `icmp` or `icmp6`.
    Types(&'static str, Types),
    /// `ah` or `esp`.
    Bare(&'static str),
}

/// Which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ports {
    All,
    /// `PORT a`, `(PORT a AND PORT b)`
    Single(BTreeSet<u16>),
    /// `PORTS a, b - c`
    Ranges(BTreeSet<(u16, u16)>),
}

/// Which ICMP types, with their codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Types {
    All,
    Some(BTreeSet<(u8, Option<u8>)>),
}

/// The words that are left.
struct Reader {
    tokens: std::vec::IntoIter<Token>,
}

// === impl RuleText ===

impl RuleText {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong, for the user's eyes.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { tokens: tokens(text)?.into_iter() };
        reader.keyword(&["FROM"])?;
        let from = reader.targets()?;
        reader.keyword(&["TO"])?;
        let to = reader.targets()?;
        let allow = reader.keyword(&["ALLOW", "BLOCK"])? == "ALLOW";
        let protocol = reader.protocol()?;
        let priority = if reader.is_at_end() {
            0
        } else {
            reader.keyword(&["PRIORITY"])?;
            reader.number(0, u16::from(PRIORITY_MAX))?
        };
        if !reader.is_at_end() {
            return Err("there is more after the end of the rule".to_owned());
        }
        let affects = |targets: &BTreeSet<Target>| {
            targets.iter().any(|t| matches!(t, Target::AllVms | Target::Tag(..) | Target::Vm(_)))
        };
        if !affects(&from) && !affects(&to) {
            return Err("rule does not affect VMs".to_owned());
        }
        Ok(Self {
            from,
            to,
            allow,
            protocol,
            priority: u8::try_from(priority).unwrap_or(PRIORITY_MAX),
        })
    }
}

impl From<RuleText> for String {
    fn from(rule: RuleText) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for RuleText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

// === impl Reader ===

impl Reader {
    fn is_at_end(&self) -> bool {
        self.tokens.as_slice().is_empty()
    }

    fn peek_word(&self) -> Option<&str> {
        match self.tokens.as_slice().first() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let found = self.tokens.as_slice().first() == Some(token);
        if found {
            self.tokens.next();
        }
        found
    }

    fn word(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("expected a word, found {other:?}")),
        }
    }

    /// One of these keywords, all upper or all lower case.
    fn keyword(&mut self, wanted: &[&'static str]) -> Result<&'static str, String> {
        let word = self.word().map_err(|_| format!("expected {}", wanted.join(" or ")))?;
        let found = wanted.iter().find(|k| word == **k || word == k.to_ascii_lowercase());
        found.copied().ok_or_else(|| format!("expected {}, found {word}", wanted.join(" or ")))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.peek_word().is_some_and(|word| word == keyword || word == keyword.to_ascii_lowercase())
    }

    fn number(&mut self, min: u16, max: u16) -> Result<u16, String> {
        let word = self.word()?;
        parse_number(&word, min, max)
    }

    fn targets(&mut self) -> Result<BTreeSet<Target>, String> {
        let mut targets = BTreeSet::new();
        if !self.takes(&Token::Open) {
            targets.insert(self.target()?);
            return Ok(targets);
        }
        loop {
            targets.insert(self.target()?);
            if self.takes(&Token::Close) {
                break;
            }
            self.keyword(&["OR"])?;
        }
        if targets.len() > TARGETS_MAX {
            return Err(format!("at most {TARGETS_MAX} targets are allowed per side"));
        }
        if targets.contains(&Target::Any) && targets.len() > 1 {
            return Err("any cannot be combined with other targets".to_owned());
        }
        Ok(targets)
    }

    fn target(&mut self) -> Result<Target, String> {
        match self.keyword(&["ANY", "ALL", "IP", "SUBNET", "TAG", "VM"])? {
            "ANY" => Ok(Target::Any),
            "ALL" => self.keyword(&["VMS"]).map(|_| Target::AllVms),
            "IP" => {
                let word = self.word()?;
                word.parse().map(Target::Ip).map_err(|_| format!("IP address {word} is invalid"))
            }
            "SUBNET" => self.subnet(),
            "VM" => {
                let word = self.word()?;
                word.parse().map(Target::Vm).map_err(|_| format!("UUID {word} is invalid"))
            }
            _ => self.tag(),
        }
    }

    fn subnet(&mut self) -> Result<Target, String> {
        let word = self.word()?;
        let refuse = || format!("subnet {word} is invalid");
        let (address, length) = word.split_once('/').ok_or_else(refuse)?;
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let length: u8 = length.parse().map_err(|_| refuse())?;
        let (bits, width) = match address {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
            IpAddr::V6(v6) => (u128::from(v6), 128),
        };
        if length == 0 || length > width {
            return Err(refuse());
        }
        let host_bits = width - length;
        if host_bits > 0 && bits.trailing_zeros() < u32::from(host_bits) {
            return Err(format!("subnet {word} has host bits set"));
        }
        Ok(Target::Subnet(address, length))
    }

    fn tag(&mut self) -> Result<Target, String> {
        let key = self.tag_word()?;
        let value = if self.takes(&Token::Equals) { Some(self.tag_word()?) } else { None };
        Ok(Target::Tag(key, value))
    }

    fn tag_word(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Quoted(text)) if !text.is_empty() => Ok(text),
            Some(Token::Word(word)) if is_bare_tag(&word) => Ok(word),
            other => Err(format!("expected a tag, found {other:?}: quote keys and values")),
        }
    }

    fn protocol(&mut self) -> Result<Protocol, String> {
        let name = self.keyword(&["TCP", "UDP", "ICMP", "ICMP6", "AH", "ESP"])?;
        match name {
            "TCP" => self.ports().map(|ports| Protocol::Ports("tcp", ports)),
            "UDP" => self.ports().map(|ports| Protocol::Ports("udp", ports)),
            "ICMP" => self.types().map(|types| Protocol::Types("icmp", types)),
            "ICMP6" => self.types().map(|types| Protocol::Types("icmp6", types)),
            "AH" => Ok(Protocol::Bare("ah")),
            _ => Ok(Protocol::Bare("esp")),
        }
    }

    fn ports(&mut self) -> Result<Ports, String> {
        let mut ports = BTreeSet::new();
        if self.takes(&Token::Open) {
            loop {
                self.keyword(&["PORT"])?;
                ports.insert(self.number(1, u16::MAX)?);
                if self.takes(&Token::Close) {
                    break;
                }
                self.keyword(&["AND"])?;
            }
            return within_limit(ports.len()).map(|()| Ports::Single(ports));
        }
        let keyword = self.keyword(&["PORT", "PORTS"])?;
        if self.is_keyword("ALL") {
            self.word()?;
            return Ok(Ports::All);
        }
        if keyword == "PORT" {
            ports.insert(self.number(1, u16::MAX)?);
            return Ok(Ports::Single(ports));
        }
        self.ranges()
    }

    /// `80, 8000 - 8080`, also without blanks around the dash.
    fn ranges(&mut self) -> Result<Ports, String> {
        let mut ranges = BTreeSet::new();
        loop {
            let word = self.word()?;
            let (first, last) = match word.split_once('-') {
                Some((first, last)) if !last.is_empty() => {
                    (parse_number(first, 1, u16::MAX)?, parse_number(last, 1, u16::MAX)?)
                }
                _ => {
                    let first = parse_number(word.trim_end_matches('-'), 1, u16::MAX)?;
                    let dash = word.ends_with('-') || self.takes(&Token::Word("-".to_owned()));
                    (first, if dash { self.number(1, u16::MAX)? } else { first })
                }
            };
            ranges.insert((first.min(last), first.max(last)));
            if !self.takes(&Token::Comma) {
                return within_limit(ranges.len()).map(|()| Ports::Ranges(ranges));
            }
        }
    }

    fn types(&mut self) -> Result<Types, String> {
        let mut types = BTreeSet::new();
        if !self.takes(&Token::Open) {
            self.keyword(&["TYPE"])?;
            if self.is_keyword("ALL") {
                self.word()?;
                return Ok(Types::All);
            }
            types.insert(self.icmp_type()?);
            return Ok(Types::Some(types));
        }
        loop {
            self.keyword(&["TYPE"])?;
            types.insert(self.icmp_type()?);
            if self.takes(&Token::Close) {
                break;
            }
            self.keyword(&["AND"])?;
        }
        within_limit(types.len()).map(|()| Types::Some(types))
    }

    fn icmp_type(&mut self) -> Result<(u8, Option<u8>), String> {
        let byte = |number| u8::try_from(number).map_err(|_| "out of range".to_owned());
        let icmp_type = self.number(0, 255).and_then(byte)?;
        if !self.is_keyword("CODE") {
            return Ok((icmp_type, None));
        }
        self.word()?;
        Ok((icmp_type, Some(self.number(0, 255).and_then(byte)?)))
    }
}

fn parse_number(word: &str, min: u16, max: u16) -> Result<u16, String> {
    let number = word.parse::<u16>().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("{word} is not a number from {min} to {max}"))
}

fn within_limit(count: usize) -> Result<(), String> {
    if count > PORTS_MAX {
        Err(format!("at most {PORTS_MAX} ports or types are allowed"))
    } else {
        Ok(())
    }
}

/// Keywords eat the beginning of a bare word, which is why tags should be quoted.
fn is_bare_tag(word: &str) -> bool {
    const EATEN: [&str; 6] = ["all-", "port-", "tag-", "any-", "ip-", "vm-"];
    word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && !EATEN.iter().any(|keyword| word.to_ascii_lowercase().starts_with(keyword))
}

#[cfg(test)]
mod tests;
