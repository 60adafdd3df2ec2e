//! Paths of printer columns: the part of JSONPath that looks down.
//!
//! `.a.b`, `['a']`, `.a\.b`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `.*`, and filters `[?(@.a=="x")]` with `==`,
//! `!=`, `<`, `<=`, `>`, `>=` or nothing but the path. Not `..`, unions, or anything that computes; a path
//! with one of these does not parse, and its column stays empty.
//!
//! No step visits a part of the object twice, so an evaluation costs at most the steps of the path times
//! the parts of the object. The steps are bounded.

use serde_json::Value;
use std::cmp::Ordering;

/// Longer paths are not understood, in bytes.
const PATH_MAX: usize = 4096;
/// Paths of more steps are not understood, those of filters included.
const STEPS_MAX: usize = 64;

/// A path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field of an object.
    Field(String),
    /// Every element or field.
    All,
    /// Elements from one to before another; negative ones count from the end.
    Slice(i64, Option<i64>),
    /// One element; negative ones count from the end.
    Index(i64),
    /// Elements for which this holds.
    Filter(Filter),
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Path,
    /// Nothing: there must be something at `left`.
    test: Option<(Operator, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Path {
    /// A path that begins with a dot. Nothing if it has a part that is not supported.
    pub fn parse(text: &str) -> Option<Path> {
        if text.len() > PATH_MAX || !text.starts_with(['.', '[']) {
            return None;
        }
        let mut parser = Parser {
            rest: text,
            steps: 0,
        };
        let path = parser.path(false)?;
        parser.rest.is_empty().then_some(path)
    }

    /// The first value at the path.
    pub fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.find(root)?.first().copied()
    }

    /// All values at the path; nothing if it does not fit the values.
    fn find<'a>(&self, root: &'a Value) -> Option<Vec<&'a Value>> {
        let mut values = vec![root];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in values {
                step.walk(value, &mut next)?;
            }
            values = next;
        }
        Some(values)
    }
}

impl Step {
    fn walk<'a>(&self, value: &'a Value, into: &mut Vec<&'a Value>) -> Option<()> {
        match (self, value) {
            (_, Value::Null) => {}
            (Step::Field(name), _) => into.extend(value.get(name)),
            (Step::All, Value::Array(elements)) => into.extend(elements),
            (Step::All, Value::Object(fields)) => into.extend(fields.values()),
            (Step::All, _) => {}
            (Step::Index(at), Value::Array(elements)) => {
                into.push(elements.get(place(*at, elements.len())?)?);
            }
            (Step::Slice(from, to), Value::Array(elements)) => {
                let from = place(*from, elements.len())?;
                let to = to.map_or(Some(elements.len()), |to| place(to, elements.len()))?;
                into.extend(elements.get(from..to)?);
            }
            (Step::Filter(filter), Value::Array(elements)) => {
                for element in elements {
                    if filter.holds(element)? {
                        into.push(element);
                    }
                }
            }
            (Step::Index(_) | Step::Slice(..) | Step::Filter(_), _) => return None,
        }
        Some(())
    }
}

/// A place in a list of this length.
fn place(at: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if at < 0 { at.checked_add(length)? } else { at };
    usize::try_from(at).ok()
}

impl Filter {
    /// Nothing if the two cannot be compared: then the whole path has no result.
    fn holds(&self, element: &Value) -> Option<bool> {
        let found = self.left.find(element)?;
        let Some((operator, right)) = &self.test else {
            return Some(!found.is_empty());
        };
        match found.as_slice() {
            [] => Some(false),
            [left] => operator.compare(left, right),
            _ => None,
        }
    }
}

impl Operator {
    fn compare(self, left: &Value, right: &Value) -> Option<bool> {
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => left.cmp(right),
            (Value::Number(left), Value::Number(right)) => {
                // Go does not compare whole numbers with others.
                match (left.as_i64(), right.as_i64()) {
                    (Some(left), Some(right)) => left.cmp(&right),
                    (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?)?,
                    _ => return None,
                }
            }
            (Value::Bool(left), Value::Bool(right)) => match self {
                Operator::Equal | Operator::Unequal => left.cmp(right),
                _ => return None,
            },
            _ => return None,
        };
        Some(match self {
            Operator::Equal => order == Ordering::Equal,
            Operator::Unequal => order != Ordering::Equal,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
        })
    }
}

/// Reads a path from the front of `rest`.
struct Parser<'a> {
    rest: &'a str,
    steps: usize,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Steps as far as they go. Within a filter, filters are not understood: the depth is two.
    fn path(&mut self, is_in_filter: bool) -> Option<Path> {
        let mut steps = Vec::new();
        loop {
            let step = match self.rest.bytes().next() {
                Some(b'.') => self.dotted()?,
                Some(b'[') => self.bracketed(is_in_filter)?,
                _ => return Some(Path(steps)),
            };
            self.steps += step.len().max(1);
            if self.steps > STEPS_MAX {
                return None;
            }
            steps.extend(step);
        }
    }

    /// A dot and a name; nothing is stepped if a bracket follows the dot, or the end.
    fn dotted(&mut self) -> Option<Vec<Step>> {
        self.eat(".");
        if self.eat("*") {
            return Some(vec![Step::All]);
        }
        let (mut name, mut is_escaped, mut end) = (String::new(), false, self.rest.len());
        for (at, c) in self.rest.char_indices() {
            if is_escaped {
                name.push(c);
                is_escaped = false;
            } else if c == '\\' {
                is_escaped = true;
            } else if ".[]{}()=!<>|, \t\r\n".contains(c) {
                end = at;
                break;
            } else {
                name.push(c);
            }
        }
        self.rest = &self.rest[end..];
        match name.is_empty() {
            false => Some(vec![Step::Field(name)]),
            // `.` alone and `.[0]` are fine, `..` is another language.
            true if self.rest.starts_with('.') => None,
            true => Some(Vec::new()),
        }
    }

    fn bracketed(&mut self, is_in_filter: bool) -> Option<Vec<Step>> {
        self.eat("[");
        if self.eat("?(") {
            if is_in_filter {
                return None;
            }
            let filter = self.filter()?;
            return Some(vec![Step::Filter(filter)]);
        }
        let steps = match self.rest.bytes().next()? {
            b'*' => {
                self.eat("*");
                vec![Step::All]
            }
            b'\'' => self.quoted_fields()?,
            _ => vec![self.index()?],
        };
        self.eat("]").then_some(steps)
    }

    /// Upstream reads what is in quotes as if it stood behind a dot: `['a.b']` is `.a.b`.
    fn quoted_fields(&mut self) -> Option<Vec<Step>> {
        self.eat("'");
        let (inside, rest) = self.rest.split_once('\'')?;
        self.rest = rest;
        let mut steps = Vec::new();
        let mut inside = Parser {
            rest: inside,
            steps: 0,
        };
        loop {
            steps.extend(inside.dotted()?);
            match inside.rest.bytes().next() {
                None => return Some(steps),
                Some(b'.') if steps.len() < STEPS_MAX => {}
                Some(_) => return None,
            }
        }
    }

    fn index(&mut self) -> Option<Step> {
        let (inside, _) = self.rest.split_once(']')?;
        self.rest = &self.rest[inside.len()..];
        match inside.split_once(':') {
            None => Some(Step::Index(inside.parse().ok()?)),
            Some((from, to)) => {
                let from = if from.is_empty() {
                    0
                } else {
                    from.parse().ok()?
                };
                let to = if to.is_empty() {
                    None
                } else {
                    Some(to.parse().ok()?)
                };
                Some(Step::Slice(from, to))
            }
        }
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let (mut text, mut is_escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => {
                    text.push(c);
                    is_escaped = false;
                }
                '\\' => is_escaped = true,
                _ if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                _ => text.push(c),
            }
        }
        None
    }

    fn filter(&mut self) -> Option<Filter> {
        self.skip_spaces();
        if !self.eat("@") {
            return None;
        }
        let left = self.path(true)?;
        self.skip_spaces();
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let operator = operators.iter().find(|(sign, _)| self.eat(sign));
        let test = match operator {
            None => None,
            Some((_, operator)) => {
                self.skip_spaces();
                let right = self.literal()?;
                self.skip_spaces();
                Some((*operator, right))
            }
        };
        self.eat(")]").then_some(Filter { left, test })
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn literal(&mut self) -> Option<Value> {
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Value::String);
        }
        let end = self.rest.find(|c: char| c == ')' || c.is_whitespace())?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "true" | "false" => Some(Value::Bool(word == "true")),
            _ => word.parse::<serde_json::Number>().ok().map(Value::Number),
        }
    }
}

#[cfg(test)]
mod tests;
