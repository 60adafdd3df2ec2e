//! JSON whose shape nobody knows.

use super::lexer::Lexer;
use crate::decode::error::Error;
use crate::decode::limits::MAX_BODY;
use crate::decode::path::{Budget, Path};
use crate::decode::scalar::{Token, number};
use crate::decode::strict::Strict;
use serde_json::{Map, Value};

/// Reads a whole text without a table, for custom resources and patches. Of a field that stands there
/// twice, the last counts; it is listed.
///
/// # Errors
/// If it is too large, no JSON or nests too deeply.
pub fn read_any(text: &[u8]) -> Result<(Value, Strict), Error> {
    if text.len() > MAX_BODY {
        return Err(Error::TooLarge { limit: MAX_BODY });
    }
    let mut strict = Strict::default();
    let mut lexer = Lexer::new(text);
    let budget = Budget::new();
    let value = any(&mut lexer, Some(&mut strict), &Path::root(&budget))?;
    lexer.end()?;
    Ok((value, strict))
}

/// Reads a whole text that stands inside of something else, at this place.
///
/// # Errors
/// If it is no JSON or nests too deeply.
pub(crate) fn read_raw(text: &[u8], path: &Path<'_>) -> Result<Value, Error> {
    let mut lexer = Lexer::new(text);
    let value = any(&mut lexer, None, path)?;
    lexer.end()?;
    Ok(value)
}

/// Any value. Without a list, fields that stand there twice pass in silence.
pub(super) fn any(
    lexer: &mut Lexer<'_>,
    mut strict: Option<&mut Strict>,
    path: &Path<'_>,
) -> Result<Value, Error> {
    Ok(match lexer.token()? {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        Token::String(text) => Value::String(text.into_owned()),
        Token::Number(text) => number(&text).ok_or_else(|| {
            let wanted = "of type float64";
            Error::bad(format!(
                "json: cannot unmarshal number {text} into Go value {wanted}"
            ))
        })?,
        Token::Array => {
            path.enter()?;
            let mut elements = Vec::new();
            while lexer.next_element(elements.is_empty())? {
                let path = path.index(elements.len());
                elements.push(any(lexer, strict.as_deref_mut(), &path)?);
            }
            Value::Array(elements)
        }
        Token::Object => {
            path.enter()?;
            let (mut fields, mut is_first) = (Map::new(), true);
            while lexer.next_field(is_first)? {
                is_first = false;
                let name = lexer.name()?;
                let path = path.key(&name);
                if let Some(strict) = strict.as_deref_mut()
                    && fields.contains_key(&*name)
                {
                    strict.duplicate(&path);
                }
                let value = any(lexer, strict.as_deref_mut(), &path)?;
                fields.insert(name.into_owned(), value);
            }
            Value::Object(fields)
        }
    })
}

/// Passes a value that nobody wants.
pub(super) fn skip(lexer: &mut Lexer<'_>, path: &Path<'_>) -> Result<(), Error> {
    match lexer.token()? {
        Token::Array => {
            path.enter()?;
            let mut index = 0;
            while lexer.next_element(index == 0)? {
                skip(lexer, &path.index(index))?;
                index += 1;
            }
        }
        Token::Object => {
            path.enter()?;
            let mut is_first = true;
            while lexer.next_field(is_first)? {
                is_first = false;
                lexer.name()?;
                skip(lexer, &path.key(""))?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What an object says of its own kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Empty if it says nothing.
    pub(crate) api_version: String,
    /// Empty if it says nothing.
    pub(crate) kind: String,
}

/// Looks for the kind of the object in a text, and no further.
///
/// # Errors
/// If what was looked at is no JSON object, or its kind is no text.
pub(crate) fn head(text: &[u8]) -> Result<Head, Error> {
    let budget = Budget::new();
    let (mut lexer, path) = (Lexer::new(text), Path::root(&budget));
    match lexer.token()? {
        Token::Object => {}
        other => {
            let found = crate::decode::scalar::kind_of(&other);
            return Err(Error::bad(format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into \
                 Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
                 Kind string \"json:\\\"kind,omitempty\\\"\" }}"
            )));
        }
    }
    let (mut head, mut is_first) = (Head::default(), true);
    let (mut has_version, mut has_kind) = (false, false);
    while !(has_version && has_kind) && lexer.next_field(is_first)? {
        is_first = false;
        let name = lexer.name()?;
        let wanted = match &*name {
            "apiVersion" => (&mut has_version, &mut head.api_version),
            "kind" => (&mut has_kind, &mut head.kind),
            _ => {
                skip(&mut lexer, &path.key(""))?;
                continue;
            }
        };
        match lexer.token()? {
            Token::String(text) => *wanted.1 = text.into_owned(),
            Token::Null => {}
            other => {
                let found = crate::decode::scalar::kind_of(&other);
                return Err(Error::bad(format!(
                    "couldn't get version/kind; json parse error: json: cannot unmarshal {found} \
                     into Go struct field .{name} of type string"
                )));
            }
        }
        *wanted.0 = true;
    }
    Ok(head)
}
