//! Words of the firewall rule language.

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a number or an address: anything bare.
    Word(String),
    /// `"…"`, without quotes and escapes.
    Quoted(String),
    Open,
    Close,
    Comma,
    Equals,
}

/// Cuts a rule into words.
///
/// # Errors
/// What is wrong, for the user's eyes.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&c) = rest.peek() {
        let single = match c {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '=' => Some(Token::Equals),
            _ => None,
        };
        if let Some(token) = single {
            rest.next();
            tokens.push(token);
        } else if c.is_whitespace() {
            rest.next();
        } else if c == '"' {
            rest.next();
            tokens.push(Token::Quoted(quoted(&mut rest)?));
        } else {
            let mut word = String::new();
            while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !"(),=\"".contains(*c)) {
                word.push(c);
            }
            tokens.push(Token::Word(word));
        }
    }
    Ok(tokens)
}

fn quoted(rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next() {
            None => return Err("a quote is not closed".to_owned()),
            Some('"') => return Ok(text),
            Some('\\') => text.push(escaped(rest)?),
            Some(c) => text.push(c),
        }
    }
}

fn escaped(rest: &mut impl Iterator<Item = char>) -> Result<char, String> {
    match rest.next() {
        Some(c @ ('"' | '\\' | '(' | ')' | '/')) => Ok(c),
        Some('b') => Ok('\u{8}'),
        Some('f') => Ok('\u{c}'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('u') => {
            let digits: String = rest.take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
            code.and_then(char::from_u32).ok_or_else(|| format!("\\u{digits} is not a character"))
        }
        other => Err(format!("\\{} is not an escape", other.map(String::from).unwrap_or_default())),
    }
}
