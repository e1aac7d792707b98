//! Words of a policy rule, cut as [aperture](https://github.com/TritonDataCenter/node-aperture)'s lexer cuts them.

use super::rule::RuleError;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// AND, CAN, IF and so on, in upper case.
    Keyword(&'static str),
    /// `,`, `(`, `)` or `::`.
    Mark(&'static str),
    /// A bare `*`.
    Star,
    /// A string without a star, or one in quotes.
    Text(String),
    /// A string with a star in it.
    Fuzzy(String),
    /// `/body/flags::regex`, without the suffix.
    Regex(String),
}

/// In the lexer's order: the first that fits wins.
const KEYWORDS: [&str; 12] =
    ["AND", "OR", "NOT", "CAN", "TO", "IF", "WHEN", "WHERE", "ALL", "EVERYTHING", "ANYTHING", "IN"];
const MARKS: [&str; 4] = ["::", ",", "(", ")"];

/// # Errors
/// [`RuleError::Syntax`] for a character no word begins with.
pub(super) fn tokens(rule: &str) -> Result<Vec<Token>, RuleError> {
    let mut tokens = Vec::new();
    let mut rest = rule.trim_start();
    while !rest.is_empty() {
        let (token, length) =
            next(rest).ok_or_else(|| RuleError::syntax(rule, "a word", Some(rest)))?;
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn next(text: &str) -> Option<(Token, usize)> {
    let keyword = KEYWORDS.into_iter().find(|keyword| begins_with_word(text, keyword));
    if let Some(keyword) = keyword {
        return Some((Token::Keyword(keyword), keyword.len()));
    }
    if let Some(mark) = MARKS.into_iter().find(|mark| text.starts_with(mark)) {
        return Some((Token::Mark(mark), mark.len()));
    }
    regex(text).or_else(|| quoted(text)).or_else(|| bare(text))
}

/// Keywords end at the end of a word: `or-else` is OR and the rest, `orange` is one string.
fn begins_with_word(text: &str, keyword: &str) -> bool {
    let Some((word, rest)) = text.split_at_checked(keyword.len()) else { return false };
    word.eq_ignore_ascii_case(keyword)
        && !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// `/body/flags::regex` or `::regexp`; a slash inside a class or behind a backslash does not end the body.
fn regex(text: &str) -> Option<(Token, usize)> {
    let body = text.strip_prefix('/')?;
    let (mut in_class, mut is_escaped, mut end) = (false, false, None);
    for (index, c) in body.char_indices() {
        match c {
            '\n' | '\r' => return None,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => {
                end = Some(index);
                break;
            }
            _ => {}
        }
    }
    let end = end.filter(|end| *end > 0 && !body.starts_with('*'))?;
    let after = &body[end + 1..];
    let flags = after.find(|c: char| !c.is_ascii_alphabetic())?;
    let suffix = &after[flags..];
    let suffix_length =
        ["::regexp", "::regex"].into_iter().find(|s| suffix.starts_with(s)).map(str::len)?;
    let literal_length = 1 + end + 1 + flags;
    Some((Token::Regex(text[..literal_length].to_owned()), literal_length + suffix_length))
}

fn quoted(text: &str) -> Option<(Token, usize)> {
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (index, c) in inner.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some((Token::Text(inner[..index].to_owned()), index + 2)),
            _ => {}
        }
    }
    None
}

/// Anything up to a space, a comma, a parenthesis or `::`; one colon is part of the string.
fn bare(text: &str) -> Option<(Token, usize)> {
    let ends = |(index, c): (usize, char)| {
        let stops = c.is_whitespace() || matches!(c, ',' | '(' | ')');
        (stops || (c == ':' && (index == 0 || text[index..].starts_with("::")))).then_some(index)
    };
    let length = text.char_indices().find_map(ends).unwrap_or(text.len());
    let word = text.get(..length).filter(|word| !word.is_empty())?;
    let token = match word {
        "*" => Token::Star,
        _ if word.contains('*') => Token::Fuzzy(word.to_owned()),
        _ => Token::Text(word.to_owned()),
    };
    Some((token, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &str, expected: &[Token]) {
        assert_eq!(tokens(rule).unwrap(), expected, "{rule}");
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn words_are_cut_as_the_lexer_cuts_them() {
        check("can orange", &[Token::Keyword("CAN"), text("orange")]);
        check("or-else", &[Token::Keyword("OR"), text("-else")]);
        check("a,b", &[text("a"), Token::Mark(","), text("b")]);
        check("a:b::c", &[text("a:b"), Token::Mark("::"), text("c")]);
        check(r#""a, \"b" c"#, &[text(r#"a, \"b"#), text("c")]);
        check("* list*", &[Token::Star, Token::Fuzzy("list*".to_owned())]);
        check("/get.*[/]x/i::regexp y", &[Token::Regex("/get.*[/]x/i".to_owned()), text("y")]);
        check("/a/b", &[text("/a/b")]);
    }

    #[test]
    fn a_word_cannot_begin_with_a_colon() {
        assert!(tokens("can : x").is_err());
    }
}
