//! Bounds of values without a look at their parts.

use super::format;
use super::pattern::Pattern;
use crate::status::{FieldError, Path};
use serde_json::{Number, Value};

/// Bounds that a schema sets.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// The only values; empty: no such bound.
    pub(super) options: Vec<Value>,
    pub(super) minimum: Option<Number>,
    pub(super) is_above_minimum: bool,
    pub(super) maximum: Option<Number>,
    pub(super) is_below_maximum: bool,
    pub(super) multiple_of: Option<Number>,
    pub(super) length: Range,
    pub(super) pattern: Option<Pattern>,
    /// Of texts; empty: any.
    pub(super) format: String,
    pub(super) items: Range,
    pub(super) properties: Range,
}

/// How many there may be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
}

impl Limits {
    /// Adds what is wrong with a value.
    pub(super) fn check(&self, value: &Value, at: &Path, errors: &mut Vec<FieldError>) {
        if !self.options.is_empty() && !self.options.iter().any(|one| is_same(one, value)) {
            let options: Vec<String> = self.options.iter().map(text).collect();
            errors.push(FieldError::not_supported(at, value.clone(), &options));
        }
        match value {
            Value::Number(number) => self.number(number, at, errors),
            Value::String(text) => self.text(text, at, errors),
            Value::Array(list) => self.list(list, at, errors),
            Value::Object(members) => {
                let count = members.len();
                let Range { least, most } = &self.properties;
                if let Some(most) = most.filter(|most| count as u64 > *most) {
                    errors.push(FieldError::too_many(at, count, most as usize));
                }
                if let Some(least) = least.filter(|least| (count as u64) < *least) {
                    let what = format!(
                        "{} in body should have at least {least} properties",
                        body(at)
                    );
                    errors.push(FieldError::invalid(at, value.clone(), what));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn number(&self, number: &Number, at: &Path, errors: &mut Vec<FieldError>) {
        let Some(value) = number.as_f64() else { return };
        let mut wrong = |what: String| {
            let what = format!("{} in body should be {what}", body(at));
            errors.push(FieldError::invalid(at, Value::Number(number.clone()), what));
        };
        if let Some((bound, least)) = bound(self.minimum.as_ref()) {
            match self.is_above_minimum {
                true if value <= least => wrong(format!("greater than {bound}")),
                false if value < least => wrong(format!("greater than or equal to {bound}")),
                _ => {}
            }
        }
        if let Some((bound, most)) = bound(self.maximum.as_ref()) {
            match self.is_below_maximum {
                true if value >= most => wrong(format!("less than {bound}")),
                false if value > most => wrong(format!("less than or equal to {bound}")),
                _ => {}
            }
        }
        if let Some((bound, step)) = bound(self.multiple_of.as_ref()) {
            let times = value / step;
            if (times - times.round()).abs() > 1e-9 {
                wrong(format!("a multiple of {bound}"));
            }
        }
    }

    fn text(&self, text: &str, at: &Path, errors: &mut Vec<FieldError>) {
        let length = text.chars().count() as u64;
        if let Some(most) = self.length.most.filter(|most| length > *most) {
            errors.push(FieldError::too_long(at, most as usize));
        }
        if let Some(least) = self.length.least.filter(|least| length < *least) {
            let what = format!("{} in body should be at least {least} chars long", body(at));
            errors.push(FieldError::invalid(at, text, what));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|one| !one.is_in(text)) {
            let what = format!("{} in body should match '{}'", body(at), pattern.text);
            errors.push(FieldError::invalid(at, text, what));
        }
        if !format::has(&self.format, text) {
            let format = &self.format;
            let what = format!("{} in body must be of type {format}: {text:?}", body(at));
            errors.push(FieldError::type_invalid(at, text, what));
        }
    }

    fn list(&self, list: &[Value], at: &Path, errors: &mut Vec<FieldError>) {
        let count = list.len() as u64;
        if let Some(most) = self.items.most.filter(|most| count > *most) {
            errors.push(FieldError::too_many(at, list.len(), most as usize));
        }
        if let Some(least) = self.items.least.filter(|least| count < *least) {
            let what = format!("{} in body should have at least {least} items", body(at));
            errors.push(FieldError::invalid(at, list.to_vec(), what));
        }
    }
}

/// A bound as it was written, and as a number.
fn bound(bound: Option<&Number>) -> Option<(String, f64)> {
    let bound = bound?;
    let number = bound.as_f64()?;
    let text = match number.fract() == 0.0 && number.abs() < 1e15 {
        true => format!("{number:.0}"),
        false => bound.to_string(),
    };
    Some((text, number))
}

/// Whether two values are the same; 1 and 1.0 are.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How texts name a place; the object itself has no name.
pub(super) fn body(at: &Path) -> String {
    match at == &Path::none() {
        true => String::new(),
        false => at.to_string(),
    }
}
