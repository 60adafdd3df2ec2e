//! The text form of label selectors.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = [ "!" ] KEY
//!             | KEY ( "=" | "==" | "!=" | ">" | "<" ) VALUE
//!             | KEY ( "in" | "notin" ) "(" VALUE { "," VALUE } ")"
//! ```
//!
//! A value may be empty. `in` and `notin` are words like others wherever no operator is expected.

use super::label::check_key;
use super::{InvalidSelector, LabelSelector, Operator, Requirement};
use crate::status::{Path, aggregate};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    End,
    Word,
    In,
    NotIn,
    Open,
    Close,
    Comma,
    Not,
    Equals,
    DoubleEquals,
    NotEquals,
    Greater,
    Less,
}

#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The token at the beginning of a text that does not begin with a space.
fn token(text: &str) -> Token<'_> {
    const SYMBOLS: [(&str, Kind); 9] = [
        ("==", Kind::DoubleEquals),
        ("!=", Kind::NotEquals),
        ("=", Kind::Equals),
        ("!", Kind::Not),
        (">", Kind::Greater),
        ("<", Kind::Less),
        ("(", Kind::Open),
        (")", Kind::Close),
        (",", Kind::Comma),
    ];
    if text.is_empty() {
        return Token {
            kind: Kind::End,
            text,
        };
    }
    for (symbol, kind) in SYMBOLS {
        if text.starts_with(symbol) {
            return Token { kind, text: symbol };
        }
    }
    let ends = |c: char| is_space(c) || "=!><(),".contains(c);
    let text = &text[..text.find(ends).unwrap_or(text.len())];
    let kind = match text {
        "in" => Kind::In,
        "notin" => Kind::NotIn,
        _ => Kind::Word,
    };
    Token { kind, text }
}

struct Parser<'t> {
    rest: &'t str,
}

fn wrong(text: String) -> InvalidSelector {
    InvalidSelector(text)
}

impl<'t> Parser<'t> {
    /// The next token, which stays where it is.
    fn peek(&mut self) -> Token<'t> {
        self.rest = self.rest.trim_start_matches(is_space);
        token(self.rest)
    }

    /// The next token where an operator may stand.
    fn next_operator(&mut self) -> Token<'t> {
        let token = self.peek();
        self.rest = &self.rest[token.text.len()..];
        token
    }

    /// The next token where words stand.
    fn next(&mut self) -> Token<'t> {
        as_word(self.next_operator())
    }

    fn selector(mut self) -> Result<Vec<Requirement>, InvalidSelector> {
        let mut requirements = Vec::new();
        loop {
            let token = as_word(self.peek());
            match token.kind {
                Kind::Word | Kind::Not => {}
                Kind::End => return Ok(requirements),
                _ => {
                    return Err(wrong(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        token.text
                    )));
                }
            }
            let requirement = self
                .requirement()
                .map_err(|error| wrong(format!("unable to parse requirement: {error}")))?;
            requirements.push(requirement);
            let token = self.next();
            match token.kind {
                Kind::End => return Ok(requirements),
                Kind::Comma => {
                    let after = as_word(self.peek());
                    if !matches!(after.kind, Kind::Word | Kind::Not) {
                        let text = after.text;
                        return Err(wrong(format!(
                            "found '{text}', expected: identifier after ','"
                        )));
                    }
                }
                _ => {
                    let text = token.text;
                    return Err(wrong(format!(
                        "found '{text}', expected: ',' or 'end of string'"
                    )));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, InvalidSelector> {
        let mut token = self.next();
        let is_negated = token.kind == Kind::Not;
        if is_negated {
            token = self.next();
        }
        if token.kind != Kind::Word {
            return Err(wrong(format!(
                "found '{}', expected: identifier",
                token.text
            )));
        }
        let key = token.text;
        if let Some(error) = check_key(key, &Path::none()) {
            return Err(wrong(error.to_string()));
        }
        let (operator, values) = if is_negated {
            (Operator::DoesNotExist, Vec::new())
        } else if matches!(self.peek().kind, Kind::End | Kind::Comma) {
            (Operator::Exists, Vec::new())
        } else {
            match self.operator()? {
                set @ (Operator::In | Operator::NotIn) => (set, self.values()?),
                exact => (exact, vec![self.value()?]),
            }
        };
        Requirement::new(key, operator, values, &Path::none())
            .map_err(|errors| wrong(aggregate(&errors)))
    }

    fn operator(&mut self) -> Result<Operator, InvalidSelector> {
        let token = self.next_operator();
        Ok(match token.kind {
            Kind::In => Operator::In,
            Kind::NotIn => Operator::NotIn,
            Kind::Equals => Operator::Equals,
            Kind::DoubleEquals => Operator::DoubleEquals,
            Kind::NotEquals => Operator::NotEquals,
            Kind::Greater => Operator::GreaterThan,
            Kind::Less => Operator::LessThan,
            _ => {
                return Err(wrong(format!(
                    "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                    token.text
                )));
            }
        })
    }

    fn value(&mut self) -> Result<String, InvalidSelector> {
        if matches!(self.peek().kind, Kind::End | Kind::Comma) {
            return Ok(String::new());
        }
        let token = self.next();
        match token.kind {
            Kind::Word => Ok(token.text.to_owned()),
            _ => Err(wrong(format!(
                "found '{}', expected: identifier",
                token.text
            ))),
        }
    }

    /// The values of a set, in brackets. Where a value could stand and none does, it is empty.
    fn values(&mut self) -> Result<Vec<String>, InvalidSelector> {
        let open = self.next();
        if open.kind != Kind::Open {
            return Err(wrong(format!("found '{}' expected: '('", open.text)));
        }
        let first = as_word(self.peek());
        if !matches!(first.kind, Kind::Word | Kind::Comma | Kind::Close) {
            let text = first.text;
            return Err(wrong(format!(
                "found '{text}', expected: ',', ')' or identifier"
            )));
        }
        let mut values = Vec::new();
        loop {
            match as_word(self.peek()).kind {
                Kind::Word => values.push(self.next().text.to_owned()),
                Kind::Comma | Kind::Close => values.push(String::new()),
                _ => {
                    let text = self.next().text;
                    return Err(wrong(format!(
                        "found '{text}', expected: ',', or identifier"
                    )));
                }
            }
            let token = self.next();
            match token.kind {
                Kind::Comma => {}
                Kind::Close => return Ok(values),
                _ => {
                    let text = token.text;
                    return Err(wrong(format!("found '{text}', expected: ',' or ')'")));
                }
            }
        }
    }
}

/// `in` and `notin` as words.
fn as_word(mut token: Token<'_>) -> Token<'_> {
    if matches!(token.kind, Kind::In | Kind::NotIn) {
        token.kind = Kind::Word;
    }
    token
}

impl FromStr for LabelSelector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<LabelSelector, InvalidSelector> {
        Parser { rest: text }.selector().map(LabelSelector::new)
    }
}
