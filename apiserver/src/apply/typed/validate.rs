//! Whether a configuration fits its type.

use super::Typed;
use super::shape::element;
use crate::apply::path::{Element, MAX_DEPTH, quote};
use crate::schema::{List, ListTopology, Node, Scalar, Table, Type, Unknown};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// More faults are not looked for: the text goes to the client.
const MAX_FAULTS: usize = 100;

/// What does not fit, in the order of the object's fields. Printed as upstream prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [fault] = &self.0[..] {
            return f.write_str(fault);
        }
        f.write_str("errors:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// Checks that every field is declared and of its kind, and that elements of keyed lists and sets have
/// different keys. After an undeclared field the rest of its structure is not looked at.
///
/// # Errors
/// What does not fit.
pub fn validate(typed: Typed<'_>, object: &Value) -> Result<(), Faults> {
    let mut check = Check {
        table: typed.table,
        path: Vec::new(),
        faults: Vec::new(),
    };
    check.structure(typed.table.get(typed.id), object);
    match check.faults.is_empty() {
        true => Ok(()),
        false => Err(Faults(check.faults)),
    }
}

/// A step to where the check is. Made into text only for a fault.
enum Step<'v> {
    Name(&'v str),
    At(usize),
    Element(Element),
}

struct Check<'t, 'v> {
    table: &'t Table,
    path: Vec<Step<'v>>,
    faults: Vec<String>,
}

impl<'t, 'v> Check<'t, 'v> {
    fn fault(&mut self, what: impl fmt::Display) {
        if self.faults.len() >= MAX_FAULTS {
            return;
        }
        let steps = self.path.iter().map(|step| match step {
            Step::Name(name) => format!(".{name}"),
            Step::At(at) => format!("[{at}]"),
            Step::Element(element) => element.to_string(),
        });
        let path: String = steps.collect();
        let separator = if path.is_empty() { "" } else { ": " };
        self.faults.push(format!("{path}{separator}{what}"));
    }

    fn descend(&mut self, step: Step<'v>, node: &'t Node, value: &'v Value) {
        if self.path.len() >= MAX_DEPTH || self.faults.len() >= MAX_FAULTS {
            return;
        }
        self.path.push(step);
        self.value(node, value);
        self.path.pop();
    }

    fn value(&mut self, node: &'t Node, value: &'v Value) {
        match node {
            Node::Any => {}
            Node::Scalar(scalar) => self.scalar(scalar, value),
            Node::Struct(id) => self.structure(self.table.get(*id), value),
            Node::Map(map) => {
                let fields = self.map(value);
                for (name, value) in fields.into_iter().flatten() {
                    self.descend(Step::Name(name), &map.value, value);
                }
            }
            Node::List(list) => self.list(list, value),
        }
    }

    fn map(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(fields) => return Some(fields),
            Value::Null => {}
            other => self.fault(format_args!("expected map, got &{{{}}}", go_value(other))),
        }
        None
    }

    fn structure(&mut self, of: &'t Type, value: &'v Value) {
        let fields = self.map(value);
        for (name, value) in fields.into_iter().flatten() {
            match of.field(name) {
                Some(field) => self.descend(Step::Name(name), &field.node, value),
                None if of.unknown == Unknown::Kept => {}
                None => {
                    self.path.push(Step::Name(name));
                    self.fault("field not declared in schema");
                    self.path.pop();
                    return;
                }
            }
        }
    }

    fn list(&mut self, list: &'t List, value: &'v Value) {
        let items = match value {
            Value::Array(items) => items,
            Value::Null => return,
            other => {
                return self.fault(format_args!("expected list, got &{{{}}}", go_value(other)));
            }
        };
        let mut seen = BTreeSet::new();
        for (at, item) in items.iter().enumerate() {
            if list.topology == ListTopology::Atomic {
                self.descend(Step::At(at), &list.element, item);
                continue;
            }
            let element = match element(self.table, list, item) {
                Ok(element) => element,
                Err(why) => return self.fault(format_args!("element {at}: {why}")),
            };
            if !seen.insert(element.clone()) {
                self.fault(format_args!("duplicate entries for key {element}"));
            }
            self.descend(Step::Element(element), &list.element, item);
        }
    }

    fn scalar(&mut self, scalar: &Scalar, value: &Value) {
        if value.is_null() {
            return;
        }
        match scalar {
            Scalar::Bool if !value.is_boolean() => {
                self.fault(format_args!(
                    "expected boolean, got &{{{}}}",
                    go_value(value)
                ));
            }
            Scalar::Int(_) | Scalar::Float if !value.is_number() => {
                let kind = go_type(value);
                self.fault(format_args!("expected numeric (int or float), got {kind}"));
            }
            Scalar::String(_)
            | Scalar::Bytes
            | Scalar::Time
            | Scalar::MicroTime
            | Scalar::Duration
                if !value.is_string() =>
            {
                let value = go_syntax(value);
                self.fault(format_args!(
                    "expected string, got &value.valueUnstructured{{Value:{value}}}"
                ));
            }
            Scalar::Quantity | Scalar::IntOrString if value.is_array() || value.is_object() => {
                self.fault(format_args!(
                    "expected any scalar, got &{{{}}}",
                    go_value(value)
                ));
            }
            _ => {}
        }
    }
}

/// A value as Go's `%v` prints it.
fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_value).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(k, v)| format!("{k}:{}", go_value(v)));
            format!("map[{}]", fields.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(k, v)| format!("{}:{}", quote(k), go_syntax(v)));
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("map[string]interface {{}}{{{fields}}}")
        }
        other => other.to_string(),
    }
}

/// The name of a value's type in Go.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
