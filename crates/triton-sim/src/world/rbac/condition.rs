//! The conditions of a rule: `sourceip = 10.0.0.0/8 AND NOT day in (Sat, Sun)`.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::RegexBuilder;

use super::rule::{Reader, RuleError};

/// What is known about a request when its rules are looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Text(String),
    Time(Timestamp),
    Flag(bool),
    Number(f64),
    List(Vec<String>),
}

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Or(Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    /// Some comparison of these holds: `in` has several.
    Any(Vec<Comparison>),
}

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    name: String,
    kind: Kind,
    operator: String,
    value: String,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Boolean,
    Date,
    Day,
    Ip,
    Number,
    String,
    Time,
}

/// Names whose type is known; others need `name::type`. The list is aperture-config's.
const TYPES: [(&str, Kind); 10] = [
    ("activeRoles", Kind::Array),
    ("date", Kind::Date),
    ("day", Kind::Day),
    ("fromjob", Kind::Boolean),
    ("method", Kind::String),
    ("owner", Kind::String),
    ("sourceip", Kind::Ip),
    ("time", Kind::Time),
    ("user-agent", Kind::String),
    ("overwrite", Kind::Boolean),
];

const DAYS: [[&str; 4]; 7] = [
    ["monday", "mon", "m", "1"],
    ["tuesday", "tue", "t", "2"],
    ["wednesday", "wed", "w", "3"],
    ["thursday", "thu", "th", "4"],
    ["friday", "fri", "f", "5"],
    ["saturday", "sat", "s", "6"],
    ["sunday", "sun", "su", "7"],
];

// === impl Condition ===

impl Condition {
    /// `OR` binds weakest, then `AND`, then `NOT`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RuleError> {
        let mut left = Self::read_and(reader)?;
        while reader.take_keyword(&["OR"]) {
            left = Self::Or(Box::new(left), Box::new(Self::read_and(reader)?));
        }
        Ok(left)
    }

    fn read_and(reader: &mut Reader<'_>) -> Result<Self, RuleError> {
        let mut left = Self::read_not(reader)?;
        while reader.take_keyword(&["AND"]) {
            left = Self::And(Box::new(left), Box::new(Self::read_not(reader)?));
        }
        Ok(left)
    }

    fn read_not(reader: &mut Reader<'_>) -> Result<Self, RuleError> {
        if reader.take_keyword(&["NOT"]) {
            return Ok(Self::Not(Box::new(Self::read_not(reader)?)));
        }
        if reader.take_mark("(") {
            let inner = Self::read(reader)?;
            reader.expect_mark(")", "a closing parenthesis")?;
            return Ok(inner);
        }
        Self::read_comparison(reader)
    }

    fn read_comparison(reader: &mut Reader<'_>) -> Result<Self, RuleError> {
        let name = reader.string("a condition")?;
        let kind = if reader.take_mark("::") {
            Kind::named(&reader.string("a type")?)?
        } else {
            let known = TYPES.into_iter().find(|(known, _)| *known == name);
            known.map(|(_, kind)| kind).ok_or_else(|| RuleError::NoType(name.clone()))?
        };
        let compare = |operator: &str, value: String| {
            let comparison =
                Comparison { name: name.clone(), kind, operator: operator.to_owned(), value };
            comparison.check().map(|()| comparison)
        };
        if !reader.take_keyword(&["IN"]) {
            let operator = reader.string("an operator")?.to_lowercase();
            let value = reader.string("a value")?;
            return Ok(Self::Any(vec![compare(&operator, value)?]));
        }
        reader.expect_mark("(", "an opening parenthesis")?;
        let mut any = vec![compare("=", reader.string("a value")?)?];
        while reader.take_mark(",") {
            any.push(compare("=", reader.string("a value")?)?);
        }
        reader.expect_mark(")", "a closing parenthesis")?;
        Ok(Self::Any(any))
    }

    /// # Errors
    /// [`RuleError::MissingFact`].
    pub(super) fn holds(&self, facts: &dyn Fn(&str) -> Option<Fact>) -> Result<bool, RuleError> {
        match self {
            Self::Or(left, right) => Ok(left.holds(facts)? || right.holds(facts)?),
            Self::And(left, right) => Ok(left.holds(facts)? && right.holds(facts)?),
            Self::Not(inner) => Ok(!inner.holds(facts)?),
            Self::Any(comparisons) => {
                for comparison in comparisons {
                    if comparison.holds(facts)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

// === impl Comparison ===

impl Comparison {
    fn check(&self) -> Result<(), RuleError> {
        let kind = self.kind.as_str();
        if !self.kind.operators().contains(&self.operator.as_str()) {
            return Err(RuleError::UnsupportedOperation { operator: self.operator.clone(), kind });
        }
        let value = self.value.as_str();
        let is_valid = match self.kind {
            Kind::Array => true,
            Kind::String if self.operator == "like" => like(value).is_some(),
            Kind::String => true,
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Date => parse_date(value).is_some(),
            Kind::Day => parse_day(value).is_some(),
            Kind::Ip => parse_cidr(value).is_some(),
            Kind::Number => value.parse::<f64>().is_ok(),
            Kind::Time => parse_time(value).is_some(),
        };
        if is_valid { Ok(()) } else { Err(RuleError::Value { value: value.to_owned(), kind }) }
    }

    fn holds(&self, facts: &dyn Fn(&str) -> Option<Fact>) -> Result<bool, RuleError> {
        let missing = || RuleError::MissingFact(self.name.clone());
        let fact = facts(&self.name).ok_or_else(missing)?;
        // A fact of another kind than the rule takes it for is as good as none.
        self.compare(&fact).ok_or_else(missing)
    }

    fn compare(&self, fact: &Fact) -> Option<bool> {
        let value = self.value.as_str();
        Some(match (self.kind, fact) {
            (Kind::Array, Fact::List(items)) => items.iter().any(|item| item == value),
            (Kind::Boolean, Fact::Flag(flag)) => {
                (*flag == (value == "true")) == (self.operator == "=")
            }
            (Kind::String, Fact::Text(text)) if self.operator == "like" => {
                like(value)?.is_match(text)
            }
            (Kind::String, Fact::Text(text)) => self.fits(text.as_str().cmp(value)),
            (Kind::Number, Fact::Number(number)) => {
                self.fits(number.partial_cmp(&value.parse().ok()?)?)
            }
            (Kind::Ip, Fact::Text(text)) => {
                contains(parse_cidr(value)?, text.parse().ok()?) == (self.operator == "=")
            }
            (Kind::Ip, Fact::List(texts)) => {
                let cidr = parse_cidr(value)?;
                let inside = |text: &String| text.parse().is_ok_and(|ip| contains(cidr, ip));
                texts.iter().any(inside) == (self.operator == "=")
            }
            (Kind::Date, Fact::Time(at)) => self.fits(at.cmp(&parse_date(value)?)),
            (Kind::Day, Fact::Time(at)) => {
                let today = at.to_zoned(TimeZone::UTC).weekday().to_monday_one_offset();
                self.fits(today.cmp(&parse_day(value)?))
            }
            (Kind::Time, Fact::Time(at)) => self.fits(second_of_day(*at).cmp(&parse_time(value)?)),
            _ => return None,
        })
    }

    fn fits(&self, ordering: Ordering) -> bool {
        match self.operator.as_str() {
            "=" => ordering.is_eq(),
            "!=" => ordering.is_ne(),
            "<" => ordering.is_lt(),
            ">" => ordering.is_gt(),
            "<=" => ordering.is_le(),
            _ => ordering.is_ge(),
        }
    }
}

// === impl Kind ===

impl Kind {
    const ALL: [Self; 8] = [
        Self::Array,
        Self::Boolean,
        Self::Date,
        Self::Day,
        Self::Ip,
        Self::Number,
        Self::String,
        Self::Time,
    ];

    fn named(name: &str) -> Result<Self, RuleError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| RuleError::UnknownType(name.to_owned()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Day => "day",
            Self::Ip => "ip",
            Self::Number => "number",
            Self::String => "string",
            Self::Time => "time",
        }
    }

    fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Array => &["contains"],
            Self::Boolean | Self::Ip => &["=", "!="],
            Self::Date | Self::Day | Self::Number | Self::Time => {
                &["=", "!=", "<", ">", "<=", ">="]
            }
            Self::String => &["=", "!=", "<", ">", "<=", ">=", "like"],
        }
    }
}

/// `/body/flags`.
fn like(literal: &str) -> Option<regex::Regex> {
    let (body, flags) = literal.get(1..)?.rsplit_once('/')?;
    RegexBuilder::new(body).case_insensitive(flags.contains('i')).build().ok()
}

/// A moment, or a day's first one.
fn parse_date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// 1 is Monday, 7 Sunday.
fn parse_day(text: &str) -> Option<i8> {
    let wanted = text.to_lowercase();
    let day = DAYS.iter().position(|names| names.contains(&wanted.as_str()));
    match day {
        Some(index) => i8::try_from(index + 1).ok(),
        None => {
            let at = parse_date(text)?;
            Some(at.to_zoned(TimeZone::UTC).weekday().to_monday_one_offset())
        }
    }
}

/// Seconds since midnight, of `hh:mm:ss` or of a moment.
fn parse_time(text: &str) -> Option<i64> {
    match text.parse::<jiff::civil::Time>() {
        Ok(time) if text.len() <= 8 => Some(seconds(time)),
        _ => parse_date(text).map(second_of_day),
    }
}

fn second_of_day(at: Timestamp) -> i64 {
    seconds(at.to_zoned(TimeZone::UTC).time())
}

fn seconds(time: jiff::civil::Time) -> i64 {
    i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn contains((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    let prefix = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)).checked_shr(32 - bits).unwrap_or(0),
        IpAddr::V6(ip) => u128::from(ip).checked_shr(128 - bits).unwrap_or(0),
    };
    let address = address.to_canonical();
    network.is_ipv4() == address.is_ipv4() && prefix(network) == prefix(address)
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Attempt, Rule};
    use super::*;

    #[track_caller]
    fn check(condition: &str, expected: bool) {
        let facts = |name: &str| {
            Some(match name {
                // A Wednesday.
                "date" | "day" | "time" => Fact::Time("2026-11-25T08:30:15Z".parse().ok()?),
                "activeRoles" => Fact::List(vec!["ops".to_owned()]),
                "ip" => Fact::List(vec!["10.0.0.5".to_owned(), "192.168.1.1".to_owned()]),
                "user-agent" => Fact::Text("curl/8".to_owned()),
                "tag_canary" => Fact::Flag(true),
                "tag_n" => Fact::Number(3.0),
                _ => return None,
            })
        };
        let rule = Rule::parse(&format!("CAN a IF {condition}")).unwrap();
        let attempt = Attempt { principal: "", action: "a", resource: "", facts: &facts };
        assert_eq!(rule.allows(&attempt), Ok(expected), "{condition}");
    }

    #[test]
    fn values_are_compared_by_their_type() {
        check("day = Wed", true);
        check("day in (Sat, Sun)", false);
        check("day < Friday AND day >= 3", true);
        check("time > 08:00:00", true);
        check("time > 09:00:00", false);
        check("date > 2026-11-25", true);
        check("date < 2026-11-25T08:30:15Z", false);
        check("user-agent like /^CURL/i", true);
        check("user-agent = wget", false);
        check("activeRoles contains ops", true);
        check("ip::ip = 192.168.0.0/16", true);
        check("tag_canary::boolean = true", true);
        check("tag_canary::boolean != true", false);
        check("tag_n::number >= 3", true);
    }

    #[test]
    fn an_address_is_in_its_network() {
        let within =
            |cidr: &str, ip: &str| contains(parse_cidr(cidr).unwrap(), ip.parse().unwrap());
        assert!(within("0.0.0.0/0", "1.2.3.4"));
        assert!(within("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(!within("10.0.0.0/8", "::1"));
        assert!(within("fd00::/8", "fd12::1"));
        assert!(parse_cidr("10.0.0.0/33").is_none());
    }
}
