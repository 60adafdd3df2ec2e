//! YAML, as the Kubernetes API has it: YAML 1.1's idea of what a plain word is, the first document only,
//! and JSON is YAML.

mod scalar;

use super::error::Error;
use super::json::read_any;
use super::limits::{MAX_ALIASED, MAX_BODY};
use super::path::{Budget, Path};
use super::strict::Strict;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Reads the first document. Keys become text. Of a key that stands in a mapping twice, the last counts;
/// it is listed with its line.
///
/// # Errors
/// If it is too large, no YAML, nests too deeply, or its aliases stand for too much.
pub fn read(text: &[u8]) -> Result<(Value, Strict), Error> {
    if text.len() > MAX_BODY {
        return Err(Error::TooLarge { limit: MAX_BODY });
    }
    // What clients call YAML is JSON more often than not, and that is read much faster. If it complains,
    // the complaint should name lines.
    let begins = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins == Some(&b'{')
        && let Ok((value, strict)) = read_any(text)
        && strict.is_empty()
    {
        return Ok((value, strict));
    }
    let text = String::from_utf8_lossy(text);
    let mut builder = Builder {
        parser: Parser::new_from_str(&text),
        strict: Strict::default(),
        anchors: HashMap::new(),
        aliased: MAX_ALIASED,
    };
    let budget = Budget::new();
    let value = builder.document(&Path::root(&budget))?;
    Ok((value, builder.strict))
}

struct Builder<'i> {
    parser: Parser<'i, StrInput<'i>>,
    strict: Strict,
    /// What anchors stand for, with the number of values in it.
    anchors: HashMap<usize, (Value, usize)>,
    /// How many values may still be copied.
    aliased: usize,
}

/// The key of an entry.
enum Key {
    /// A text, which a scalar of any kind becomes.
    Text(String),
    /// `<<`: the value's entries are to be taken over.
    Merge,
}

impl<'i> Builder<'i> {
    fn next(&mut self) -> Result<(Event<'i>, Span), Error> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let (line, what) = (error.marker().line(), error.info());
                Err(Error::bad(format!("yaml: line {line}: {what}")))
            }
            None => Err(Error::bad("yaml: unexpected end of stream")),
        }
    }

    /// The first document. Null if there is none.
    fn document(&mut self, path: &Path<'_>) -> Result<Value, Error> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::Nothing | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, _) => return Ok(Value::Null),
                (event, _) => return Ok(self.node(event, path)?.0),
            }
        }
    }

    /// A value that begins with this event, and the number of values in it.
    fn node(&mut self, event: Event<'i>, path: &Path<'_>) -> Result<(Value, usize), Error> {
        let (anchor, value, size) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, resolved(&text, style, tag.as_deref())?, 1)
            }
            Event::SequenceStart(anchor, _) => {
                path.enter()?;
                let (value, size) = self.sequence(path)?;
                (anchor, value, size)
            }
            Event::MappingStart(anchor, _) => {
                path.enter()?;
                let (value, size) = self.mapping(path)?;
                (anchor, value, size)
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor) else {
                    // The parser knows the anchor, so it is one that contains this alias.
                    return Err(Error::bad("yaml: anchor value contains itself"));
                };
                self.aliased = self.aliased.checked_sub(*size).ok_or_else(excessive)?;
                super::conform::within_depth(value, path.depth())?;
                return Ok((value.clone(), *size));
            }
            _ => return Err(Error::bad("yaml: unexpected event")),
        };
        if anchor != 0 {
            self.aliased = self.aliased.checked_sub(size).ok_or_else(excessive)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok((value, size))
    }

    fn sequence(&mut self, path: &Path<'_>) -> Result<(Value, usize), Error> {
        let (mut elements, mut sum) = (Vec::new(), 1);
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok((Value::Array(elements), sum)),
                (event, _) => {
                    let (element, size) = self.node(event, &path.index(elements.len()))?;
                    sum += size;
                    elements.push(element);
                }
            }
        }
    }

    fn mapping(&mut self, path: &Path<'_>) -> Result<(Value, usize), Error> {
        let (mut entries, mut sum) = (Map::new(), 1);
        // Keys that came from elsewhere give way to the mapping's own.
        let mut merged = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok((Value::Object(entries), sum)),
                Event::Scalar(text, style, anchor, tag) => {
                    let key = key_of(&text, style, tag.as_deref())?;
                    if anchor != 0 {
                        let value = resolved(&text, style, tag.as_deref())?;
                        self.anchors.insert(anchor, (value, 1));
                    }
                    key
                }
                Event::Alias(anchor) => match self.anchors.get(&anchor) {
                    Some((value, _)) => Key::Text(text_of(value)?),
                    None => return Err(Error::bad("yaml: anchor value contains itself")),
                },
                _ => return Err(Error::bad("yaml: invalid map key: a list or a map")),
            };
            let (event, _) = self.next()?;
            match key {
                Key::Text(key) => {
                    let (value, size) = self.node(event, &path.key(&key))?;
                    sum += size;
                    if entries.contains_key(&key) && !merged.remove(&key) {
                        self.strict.duplicate_at(span.start.line(), &key);
                    }
                    entries.insert(key, value);
                }
                Key::Merge => {
                    let (value, size) = self.node(event, path)?;
                    sum += size;
                    merge(value, &mut entries, &mut merged)?;
                }
            }
        }
    }
}

/// Takes over entries that are not there yet, of one mapping or of several.
fn merge(
    value: Value,
    entries: &mut Map<String, Value>,
    merged: &mut HashSet<String>,
) -> Result<(), Error> {
    let sources = match value {
        Value::Array(sources) => sources,
        one => vec![one],
    };
    for source in sources {
        let Value::Object(source) = source else {
            return Err(Error::bad(
                "yaml: map merge requires map or sequence of maps as the value",
            ));
        };
        for (key, value) in source {
            if !entries.contains_key(&key) {
                merged.insert(key.clone());
                entries.insert(key, value);
            }
        }
    }
    Ok(())
}

fn excessive() -> Error {
    Error::bad("yaml: document contains excessive aliasing")
}

/// A scalar's value.
fn resolved(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Error> {
    let name = match tag {
        Some(tag) if tag.is_yaml_core_schema() => Some(tag.suffix.as_str()),
        // The tag of quoted text, and tags of somebody's own.
        Some(_) => Some("str"),
        None => None,
    };
    match (name, style) {
        (None, ScalarStyle::Plain) => scalar::plain(text),
        (None, _) => Ok(Value::from(text)),
        (Some(name), _) => scalar::tagged(name, text),
    }
}

fn key_of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Key, Error> {
    match (text, style, tag) {
        ("<<", ScalarStyle::Plain, None) => Ok(Key::Merge),
        _ => Ok(Key::Text(text_of(&resolved(text, style, tag)?)?)),
    }
}

/// The text that a key becomes.
fn text_of(key: &Value) -> Result<String, Error> {
    let text: Cow<'_, str> = match key {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Null => return Err(Error::bad("yaml: unsupported map key of type: null")),
        _ => return Err(Error::bad("yaml: invalid map key: a list or a map")),
    };
    Ok(text.into_owned())
}
