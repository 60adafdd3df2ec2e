//! How rows are carried out.

use crate::canonical::Quantity;
use serde_json::{Map, Value};

/// One thing that is done to a part of an object.
pub(super) enum Step {
    /// Sets what is not there. See [`Constant`] for how a path is written; its last part is the field
    /// that is set, and what it is in must be there.
    Set(&'static str, When, Constant),
    /// Does these to every part at a path.
    At(&'static str, &'static [Step]),
    /// Rounds every quantity of a map up to thousandths, the finest that most of the system knows.
    Milli(&'static str),
    /// Whatever is not a constant.
    Do(fn(&mut Map<String, Value>)),
}

/// When a field counts as left out.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// It is not there, or null: a pointer in Go, whose zero is a choice.
    Absent,
    /// It is not there, null, or empty.
    Empty,
}

/// What is set.
pub(super) enum Constant {
    Text(&'static str),
    Int(i64),
    Bool(bool),
    /// An empty object.
    Object,
    /// A list with one text.
    List(&'static str),
}

impl Constant {
    fn value(&self) -> Value {
        match self {
            Constant::Text(text) => Value::from(*text),
            Constant::Int(number) => Value::from(*number),
            Constant::Bool(value) => Value::from(*value),
            Constant::Object => Value::Object(Map::new()),
            Constant::List(text) => Value::from(vec![*text]),
        }
    }
}

/// A row: what is set where nothing is.
pub(super) const fn absent(path: &'static str, constant: Constant) -> Step {
    Step::Set(path, When::Absent, constant)
}

/// A row: what is set where nothing or something empty is.
pub(super) const fn empty(path: &'static str, constant: Constant) -> Step {
    Step::Set(path, When::Empty, constant)
}

/// Does every step to this part.
pub(super) fn run(steps: &[Step], part: &mut Value) {
    for step in steps {
        match step {
            Step::Set(path, when, constant) => {
                let (parents, field) = path.rsplit_once('.').unwrap_or(("", path));
                each(part, parents, &mut |parent| {
                    if let Value::Object(fields) = parent {
                        set(fields, field, *when, constant);
                    }
                });
            }
            Step::At(path, steps) => each(part, path, &mut |part| run(steps, part)),
            Step::Milli(path) => each(part, path, &mut |part| {
                if let Value::Object(quantities) = part {
                    quantities.values_mut().for_each(to_milli);
                }
            }),
            Step::Do(change) => {
                if let Value::Object(fields) = part {
                    change(fields);
                }
            }
        }
    }
}

fn set(fields: &mut Map<String, Value>, field: &str, when: When, constant: &Constant) {
    let is_out = match when {
        When::Absent => fields.get(field).is_none_or(Value::is_null),
        When::Empty => is_empty(fields, field),
    };
    if is_out {
        fields.insert(field.to_owned(), constant.value());
    }
}

/// Whether a field is not there, null, or empty as Go sees it.
pub(super) fn is_empty(fields: &Map<String, Value>, field: &str) -> bool {
    match fields.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Array(elements)) => elements.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_)) => false,
    }
}

/// Every part at a path: names with points between them; `[]` behind a name means every element of a
/// list. The empty path is the part itself. Ends with the path, whatever the object is.
pub(super) fn each(part: &mut Value, path: &str, act: &mut dyn FnMut(&mut Value)) {
    if path.is_empty() {
        return act(part);
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    match name.strip_suffix("[]") {
        None => {
            if let Some(part) = part.get_mut(name) {
                each(part, rest, act);
            }
        }
        Some(name) => {
            if let Some(Value::Array(elements)) = part.get_mut(name) {
                for element in elements {
                    each(element, rest, act);
                }
            }
        }
    }
}

/// Rounds a quantity away from zero to thousandths.
fn to_milli(value: &mut Value) {
    let Some(quantity) = value.as_str().and_then(|text| Quantity::parse(text).ok()) else {
        return;
    };
    if let (rounded, false) = quantity.rounded_up(-3) {
        *value = Value::String(rounded.to_string());
    }
}

/// The object in this field, if there is one.
pub(super) fn object<'v>(
    fields: &'v mut Map<String, Value>,
    field: &str,
) -> Option<&'v mut Map<String, Value>> {
    fields.get_mut(field).and_then(Value::as_object_mut)
}

/// The object in this field, which is made if nothing is there. None if something else is there.
pub(super) fn object_or_new<'v>(
    fields: &'v mut Map<String, Value>,
    field: &str,
) -> Option<&'v mut Map<String, Value>> {
    if fields.get(field).is_none_or(Value::is_null) {
        fields.insert(field.to_owned(), Value::Object(Map::new()));
    }
    object(fields, field)
}

/// The text in this field; empty if there is none.
pub(super) fn text<'v>(fields: &'v Map<String, Value>, field: &str) -> &'v str {
    fields.get(field).and_then(Value::as_str).unwrap_or("")
}

/// Sets a field that is not there, or null.
pub(super) fn set_absent(fields: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    if fields.get(field).is_none_or(Value::is_null) {
        fields.insert(field.to_owned(), value.into());
    }
}

/// Adds entries to the object in `to` that it does not have and the one in `from` has. `to` is made if
/// there is anything to add.
pub(super) fn take_over(fields: &mut Map<String, Value>, to: &str, from: &str) {
    let Some(Value::Object(entries)) = fields.get(from) else {
        return;
    };
    if entries.is_empty() {
        return;
    }
    let entries = entries.clone();
    if let Some(target) = object_or_new(fields, to) {
        for (key, value) in entries {
            target.entry(key).or_insert(value);
        }
    }
}
