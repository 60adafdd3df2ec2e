//! What the encoder asks of a JSON value, whether it was parsed or lies in a text.

use serde_json::{Value, map};
use std::borrow::Cow;

/// A value, or a part of one.
pub(super) trait Part<'t>: Copy {
    /// The elements of a list.
    type Elements: Iterator<Item = Self>;
    /// The members of an object, in the order in which they stand.
    type Members: Iterator<Item = (Cow<'t, str>, Self)>;

    /// Whether there is nothing: a quicker question than [`Part::look`].
    fn is_null(self) -> bool;

    /// What it is.
    fn look(self) -> Look<'t, Self>;

    /// A whole number of 64 bits.
    fn integer(self) -> Option<i64>;

    /// Any number.
    fn fraction(self) -> Option<f64>;

    /// Appends its text, as `serde_json` writes it.
    fn write_json(self, into: &mut Vec<u8>);
}

/// See [`Part::look`].
pub(super) enum Look<'t, P: Part<'t>> {
    Null,
    Bool(bool),
    Number,
    Text(Cow<'t, str>),
    List(P::Elements),
    Object(P::Members),
}

/// The members of an object that was parsed.
pub(super) struct Members<'t>(map::Iter<'t>);

impl<'t> Iterator for Members<'t> {
    type Item = (Cow<'t, str>, &'t Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next()?;
        Some((Cow::Borrowed(name), value))
    }
}

impl<'t> Part<'t> for &'t Value {
    type Elements = std::slice::Iter<'t, Value>;
    type Members = Members<'t>;

    fn is_null(self) -> bool {
        Value::is_null(self)
    }

    fn look(self) -> Look<'t, &'t Value> {
        match self {
            Value::Null => Look::Null,
            Value::Bool(truth) => Look::Bool(*truth),
            Value::Number(_) => Look::Number,
            Value::String(text) => Look::Text(Cow::Borrowed(text)),
            Value::Array(elements) => Look::List(elements.iter()),
            Value::Object(members) => Look::Object(Members(members.iter())),
        }
    }

    fn integer(self) -> Option<i64> {
        self.as_i64()
    }

    fn fraction(self) -> Option<f64> {
        self.as_f64()
    }

    fn write_json(self, into: &mut Vec<u8>) {
        // A value has a text, and a Vec takes it.
        let _ = serde_json::to_writer(into, self);
    }
}
