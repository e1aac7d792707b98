//! One rule of a policy, for example `CAN listmachines, getmachine and startmachine IF sourceip = 10.0.0.0/8`.
//!
//! The language is [aperture](https://github.com/TritonDataCenter/node-aperture)'s, with its peculiarities: a list needs an
//! `and` before its last name, names are compared with case, and a name with stars is a regular expression that
//! need not match the whole.

use regex::RegexBuilder;

use super::condition::{Condition, Fact};
use super::token::{Token, tokens};

/// A parsed rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    principals: Option<Names>,
    /// `CAN NOT` takes nothing away that another rule gives; it just gives nothing.
    gives: bool,
    actions: Names,
    resources: Option<Names>,
    condition: Option<Condition>,
}

/// What somebody wants to do.
pub(crate) struct Attempt<'a> {
    /// Login of who wants it.
    pub(crate) principal: &'a str,
    /// The route's name in lower case.
    pub(crate) action: &'a str,
    /// The path.
    pub(crate) resource: &'a str,
    /// What conditions ask about.
    pub(crate) facts: &'a dyn Fn(&str) -> Option<Fact>,
}

/// Why a rule is not one, or cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("Parse error on line 1: {rule}: expecting {expected}, got '{found}'")]
    Syntax { rule: String, expected: &'static str, found: String },
    #[error("no type for \"{0}\"")]
    NoType(String),
    #[error("unknown type \"{0}\"")]
    UnknownType(String),
    #[error("unsupported operation \"{operator}\" on type \"{kind}\"")]
    UnsupportedOperation { operator: String, kind: &'static str },
    #[error("unable to validate value \"{value}\" as type \"{kind}\"")]
    Value { value: String, kind: &'static str },
    #[error("missing condition in context: \"{0}\"")]
    MissingFact(String),
}

/// A list of principals, actions or resources.
#[derive(Debug, Clone)]
enum Names {
    All,
    These(Vec<Name>),
}

#[derive(Debug, Clone)]
enum Name {
    Exact(String),
    Pattern(regex::Regex),
}

/// Reads tokens one after the other.
pub(super) struct Reader<'a> {
    rule: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

// === impl Rule ===

impl Rule {
    /// Parses a rule and checks the values of its conditions.
    pub(crate) fn parse(rule: &str) -> Result<Self, RuleError> {
        let mut reader = Reader { rule, tokens: tokens(rule)?.into_iter().peekable() };
        let principals =
            if reader.is_keyword(&["CAN"]) { None } else { Some(reader.names("a principal")?) };
        reader.expect_keyword("CAN", "CAN")?;
        let gives = !reader.take_keyword(&["NOT"]);
        let actions = reader.names("an action")?;
        let resources = if reader.is_at_name() { Some(reader.names("a resource")?) } else { None };
        let condition = if reader.take_keyword(&["IF", "WHEN", "WHERE"]) {
            Some(Condition::read(&mut reader)?)
        } else {
            None
        };
        match reader.next() {
            None => Ok(Self { principals, gives, actions, resources, condition }),
            Some(token) => Err(reader.unexpected("the end", Some(&token))),
        }
    }

    /// Whether the rule gives leave for a attempt.
    ///
    /// # Errors
    /// When a condition asks about what is not known here. Then nothing is allowed, whatever other rules say.
    pub(crate) fn allows(&self, attempt: &Attempt<'_>) -> Result<bool, RuleError> {
        let named = |names: &Option<Names>, name| names.as_ref().is_none_or(|n| n.contain(name));
        if !named(&self.principals, attempt.principal)
            || !self.actions.contain(attempt.action)
            || !named(&self.resources, attempt.resource)
        {
            return Ok(false);
        }
        let holds = match &self.condition {
            Some(condition) => condition.holds(attempt.facts)?,
            None => true,
        };
        Ok(holds && self.gives)
    }
}

// === impl RuleError ===

impl RuleError {
    pub(super) fn syntax(rule: &str, expected: &'static str, found: Option<&str>) -> Self {
        let found = found.unwrap_or("EOF").to_owned();
        Self::Syntax { rule: rule.to_owned(), expected, found }
    }
}

// === impl Names ===

impl Names {
    fn contain(&self, wanted: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|name| match name {
                Name::Exact(name) => name == wanted,
                Name::Pattern(pattern) => pattern.is_match(wanted),
            }),
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    pub(super) fn is_mark(&mut self, mark: &str) -> bool {
        self.tokens.peek().is_some_and(|token| matches!(token, Token::Mark(m) if *m == mark))
    }

    pub(super) fn is_keyword(&mut self, words: &[&str]) -> bool {
        let fits = |token: &Token| matches!(token, Token::Keyword(word) if words.contains(word));
        self.tokens.peek().is_some_and(fits)
    }

    pub(super) fn take_keyword(&mut self, words: &[&str]) -> bool {
        self.is_keyword(words) && self.tokens.next().is_some()
    }

    pub(super) fn take_mark(&mut self, mark: &str) -> bool {
        self.is_mark(mark) && self.tokens.next().is_some()
    }

    pub(super) fn expect_mark(
        &mut self,
        mark: &str,
        expected: &'static str,
    ) -> Result<(), RuleError> {
        if self.take_mark(mark) {
            return Ok(());
        }
        let found = self.tokens.next();
        Err(self.unexpected(expected, found.as_ref()))
    }

    /// A string of a condition: its name, type, operator or value.
    pub(super) fn string(&mut self, expected: &'static str) -> Result<String, RuleError> {
        match self.tokens.next() {
            Some(Token::Text(text) | Token::Fuzzy(text)) => Ok(text),
            Some(Token::Star) => Ok("*".to_owned()),
            found => Err(self.unexpected(expected, found.as_ref())),
        }
    }

    pub(super) fn unexpected(&self, expected: &'static str, found: Option<&Token>) -> RuleError {
        let found = found.map(|token| match token {
            Token::Keyword(text) | Token::Mark(text) => (*text).to_owned(),
            Token::Star => "*".to_owned(),
            Token::Text(text) | Token::Fuzzy(text) | Token::Regex(text) => text.clone(),
        });
        RuleError::syntax(self.rule, expected, found.as_deref())
    }

    fn expect_keyword(
        &mut self,
        word: &'static str,
        expected: &'static str,
    ) -> Result<(), RuleError> {
        if self.take_keyword(&[word]) {
            return Ok(());
        }
        let found = self.tokens.next();
        Err(self.unexpected(expected, found.as_ref()))
    }

    fn is_at_name(&mut self) -> bool {
        let names = |token: &Token| !matches!(token, Token::Keyword("IF" | "WHEN" | "WHERE"));
        self.tokens.peek().is_some_and(names)
    }

    /// `*`, or `a`, or `a and b`, or `a, b and c`, or `a, b, and c`.
    fn names(&mut self, expected: &'static str) -> Result<Names, RuleError> {
        let is_star = matches!(self.tokens.peek(), Some(Token::Star));
        if is_star || self.is_keyword(&["ALL", "EVERYTHING", "ANYTHING"]) {
            self.tokens.next();
            return Ok(Names::All);
        }
        let mut names = vec![self.name(expected)?];
        let mut is_list = false;
        while self.take_mark(",") {
            is_list = true;
            if self.is_keyword(&["AND"]) {
                break;
            }
            names.push(self.name(expected)?);
        }
        if self.take_keyword(&["AND"]) {
            names.push(self.name(expected)?);
        } else if is_list {
            let found = self.tokens.next();
            return Err(self.unexpected("AND", found.as_ref()));
        }
        Ok(Names::These(names))
    }

    fn name(&mut self, expected: &'static str) -> Result<Name, RuleError> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Name::Exact(text)),
            Some(Token::Fuzzy(text)) => {
                let parts: Vec<String> = text.split('*').map(regex::escape).collect();
                self.pattern(&parts.join(".*"), false, &text)
            }
            Some(Token::Regex(literal)) => {
                let (body, flags) = literal[1..].rsplit_once('/').unwrap_or((&literal, ""));
                self.pattern(body, flags.contains('i'), &literal)
            }
            found => Err(self.unexpected(expected, found.as_ref())),
        }
    }

    fn pattern(&self, body: &str, ignores_case: bool, found: &str) -> Result<Name, RuleError> {
        let pattern = RegexBuilder::new(body).case_insensitive(ignores_case).build();
        let refuse = |_| RuleError::syntax(self.rule, "a regular expression", Some(found));
        pattern.map(Name::Pattern).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &str, action: &str, expected: bool) {
        let facts = |name: &str| match name {
            "sourceip" => Some(Fact::Text("10.1.2.3".to_owned())),
            "method" => Some(Fact::Text("get".to_owned())),
            _ => None,
        };
        let attempt =
            Attempt { principal: "bob", action, resource: "/jill/machines", facts: &facts };
        let rule = Rule::parse(rule).unwrap();
        assert_eq!(rule.allows(&attempt), Ok(expected), "{rule:?}: {action}");
    }

    #[test]
    fn rules_name_actions_in_english_lists() {
        check("CAN listmachines", "listmachines", true);
        check("can listmachines", "ListMachines", false);
        check("CAN a and b", "b", true);
        check("CAN a, b and c", "b", true);
        check("CAN a, b, and c", "c", true);
        check("CAN a, b, and c", "d", false);
        check("CAN *", "anything", true);
        check("CAN list*", "listmachines", true);
        check("CAN list*", "getmachine", false);
        check("CAN /^(list|get)machines?$/::regex", "getmachine", true);
        check("CAN /^LIST/i::regexp", "listmachines", true);
        check("CAN NOT listmachines", "listmachines", false);
    }

    #[test]
    fn principals_and_resources_may_be_named_too() {
        check("bob CAN read", "read", true);
        check("fred and george CAN read", "read", false);
        check("CAN read /jill/*", "read", true);
        check("CAN read /jill/keys", "read", false);
        check("all can read everything when sourceip = 10.0.0.0/8", "read", true);
    }

    #[test]
    fn conditions_must_hold() {
        check("CAN read IF sourceip = 10.0.0.0/8", "read", true);
        check("CAN read IF sourceip != 10.0.0.0/8", "read", false);
        check("CAN read IF sourceip in (192.168.0.0/16, 10.1.2.3)", "read", true);
        check("CAN read IF method = get AND NOT sourceip = 10.1.2.4", "read", true);
        check("CAN read IF (method = put OR method = get) AND sourceip = 10.1.2.3", "read", true);
    }

    #[track_caller]
    fn check_error(rule: &str, expected: &str) {
        let error = Rule::parse(rule).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{rule}: {error}");
    }

    #[test]
    fn what_is_no_rule_says_why() {
        check_error("listmachines", "expecting CAN, got 'EOF'");
        check_error("CAN", "expecting an action, got 'EOF'");
        check_error("CAN a, b", "expecting AND, got 'EOF'");
        check_error("CAN a and b and c", "expecting a resource, got 'AND'");
        check_error("CAN a IF", "expecting a condition, got 'EOF'");
        check_error("CAN a IF planet = mars", "no type for \"planet\"");
        check_error("CAN a IF planet::star = mars", "unknown type \"star\"");
        check_error("CAN a IF sourceip > 10.0.0.1", "unsupported operation \">\" on type \"ip\"");
        check_error("CAN a IF sourceip = mars", "unable to validate value \"mars\" as type \"ip\"");
        check_error("CAN /(/::regex", "expecting a regular expression");
        check_error("hello CAN a IF method = get x", "expecting the end, got 'x'");
    }

    #[test]
    fn a_question_without_an_answer_is_an_error() {
        let attempt = Attempt { principal: "", action: "a", resource: "", facts: &|_| None };
        let asked = Rule::parse("CAN a IF sourceip = 10.0.0.1").unwrap().allows(&attempt);
        assert_eq!(asked, Err(RuleError::MissingFact("sourceip".to_owned())));
    }
}
