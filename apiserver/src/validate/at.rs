//! A place in an object: what stands there, and what it is called if something is wrong with it.

use crate::canonical::Quantity;
use crate::status::{FieldError, Path};
use serde_json::Value;
use std::rc::Rc;

/// What has been found so far, in the order in which it was found.
pub(super) type Errors = Vec<FieldError>;

static NOTHING: Value = Value::Null;

/// A value and the way to it. The way becomes a text only for errors, which are rare: checking a sound
/// object formats nothing.
#[derive(Clone)]
pub(super) struct At<'v> {
    value: &'v Value,
    way: Option<Rc<Way<'v>>>,
}

struct Way<'v> {
    before: Option<Rc<Way<'v>>>,
    step: Step<'v>,
}

enum Step<'v> {
    Field(&'v str),
    Index(usize),
    Key(&'v str),
}

impl<'v> At<'v> {
    /// A whole object.
    pub(super) fn root(value: &'v Value) -> At<'v> {
        At { value, way: None }
    }

    /// No place with a value: for errors about an object as a whole.
    pub(super) fn nowhere() -> At<'static> {
        At {
            value: &NOTHING,
            way: None,
        }
    }

    fn next(&self, value: &'v Value, step: Step<'v>) -> At<'v> {
        let before = self.way.clone();
        At {
            value,
            way: Some(Rc::new(Way { before, step })),
        }
    }

    /// A field of this structure.
    pub(super) fn get(&self, name: &'v str) -> At<'v> {
        let value = self.value.get(name).unwrap_or(&NOTHING);
        self.next(value, Step::Field(name))
    }

    /// A field some levels below.
    pub(super) fn dig(&self, names: &[&'static str]) -> At<'v> {
        names.iter().fold(self.clone(), |at, name| at.get(name))
    }

    /// The value of a map at a key.
    pub(super) fn key(&self, key: &'v str) -> At<'v> {
        let value = self.value.get(key).unwrap_or(&NOTHING);
        self.next(value, Step::Key(key))
    }

    /// The element of a list; nothing stands at an index beyond its end.
    pub(super) fn index(&self, index: usize) -> At<'v> {
        let value = self.value.get(index).unwrap_or(&NOTHING);
        self.next(value, Step::Index(index))
    }

    /// The same place, called like a child. Upstream calls some fields by wrong names, and clients read
    /// them.
    pub(super) fn called(&self, parent: &At<'v>, name: &'v str) -> At<'v> {
        parent.next(self.value, Step::Field(name))
    }

    /// The same place with another value.
    pub(super) fn holding(&self, value: &'v Value) -> At<'v> {
        At {
            value,
            way: self.way.clone(),
        }
    }

    /// The elements of a list; none if it is no list.
    pub(super) fn items(&self) -> impl Iterator<Item = At<'v>> + use<'v> {
        let list = self.value.as_array().map_or(&[][..], Vec::as_slice);
        let here = self.clone();
        list.iter()
            .enumerate()
            .map(move |(index, value)| here.next(value, Step::Index(index)))
    }

    /// The entries of a map in the order of their keys; none if it is no map.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'v str, At<'v>)> + use<'v> {
        let here = self.clone();
        let map = self.value.as_object().into_iter().flatten();
        map.map(move |(key, value)| (key.as_str(), here.next(value, Step::Key(key))))
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'v str> + use<'v> {
        let list = self.value.as_array().into_iter().flatten();
        list.filter_map(Value::as_str)
    }

    /// How many elements or entries there are.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        }
    }

    /// What stands here; null if nothing does.
    pub(super) fn value(&self) -> &'v Value {
        self.value
    }

    /// Whether anything stands here.
    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The text; empty if there is none.
    pub(super) fn text(&self) -> &'v str {
        self.value.as_str().unwrap_or("")
    }

    /// The text, if there is one.
    pub(super) fn text_if(&self) -> Option<&'v str> {
        self.value.as_str()
    }

    /// The whole number; zero if there is none.
    pub(super) fn int(&self) -> i64 {
        self.value.as_i64().unwrap_or(0)
    }

    /// The whole number, if there is one.
    pub(super) fn int_if(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// Whether it is true; nothing is false.
    pub(super) fn flag(&self) -> bool {
        self.value.as_bool().unwrap_or(false)
    }

    /// The truth, if there is one.
    pub(super) fn flag_if(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// The quantity, if there is one.
    pub(super) fn quantity(&self) -> Option<Quantity> {
        Quantity::parse(self.value.as_str()?).ok()
    }

    /// The path, for errors.
    pub(super) fn path(&self) -> Path {
        let mut ways = Vec::new();
        let mut way = self.way.as_ref();
        while let Some(next) = way {
            ways.push(next);
            way = next.before.as_ref();
        }
        let steps = ways.iter().rev();
        steps.fold(Path::none(), |path, way| match way.step {
            Step::Field(name) => path.child(name),
            Step::Index(index) => path.index(index),
            Step::Key(key) => path.key(key),
        })
    }

    pub(super) fn required(&self, detail: &str) -> FieldError {
        FieldError::required(&self.path(), detail)
    }

    pub(super) fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(&self.path(), self.value.clone(), detail)
    }

    /// Invalid, and the error shows another value than what stands here.
    pub(super) fn invalid_as(
        &self,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError::invalid(&self.path(), value, detail)
    }

    pub(super) fn duplicate(&self) -> FieldError {
        FieldError::duplicate(&self.path(), self.value.clone())
    }

    pub(super) fn duplicate_as(&self, value: impl Into<Value>) -> FieldError {
        FieldError::duplicate(&self.path(), value)
    }

    pub(super) fn not_supported(&self, supported: &[&str]) -> FieldError {
        // What is not there is an empty text to upstream.
        let value = match self.value {
            Value::Null => Value::from(""),
            value => value.clone(),
        };
        FieldError::not_supported(&self.path(), value, supported)
    }

    pub(super) fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(&self.path(), detail)
    }

    pub(super) fn not_found(&self) -> FieldError {
        FieldError::not_found(&self.path(), self.value.clone())
    }

    pub(super) fn too_long(&self, most: usize) -> FieldError {
        FieldError::too_long(&self.path(), most)
    }

    pub(super) fn too_many(&self, most: usize) -> FieldError {
        FieldError::too_many(&self.path(), self.len(), most)
    }

    /// Every text is a reason why the value is invalid.
    pub(super) fn all(&self, wrong: Vec<String>, errors: &mut Errors) {
        errors.extend(wrong.into_iter().map(|what| self.invalid(what)));
    }

    /// The text must be there and one of these.
    pub(super) fn choice(&self, supported: &[&str], errors: &mut Errors) {
        match self.text() {
            "" => errors.push(self.required("")),
            text if supported.contains(&text) => {}
            _ => errors.push(self.not_supported(supported)),
        }
    }

    /// The text must be one of these if it is there.
    pub(super) fn choice_if(&self, supported: &[&str], errors: &mut Errors) {
        if self.is_set() && !supported.contains(&self.text()) {
            errors.push(self.not_supported(supported));
        }
    }

    /// The number must not be negative.
    pub(super) fn nonnegative(&self, errors: &mut Errors) {
        if self.int() < 0 {
            errors.push(self.invalid(NEGATIVE));
        }
    }

    /// The text must be there.
    pub(super) fn nonempty(&self, errors: &mut Errors) {
        if self.text().is_empty() {
            errors.push(self.required(""));
        }
    }

    /// The value must be what it was.
    pub(super) fn unchanged(&self, old: &At<'_>, errors: &mut Errors) {
        if !super::same::same(self.value, old.value) {
            errors.push(self.invalid(IMMUTABLE));
        }
    }
}

/// For numbers below zero.
pub(super) const NEGATIVE: &str = "must be greater than or equal to 0";
/// For fields that never change.
pub(super) const IMMUTABLE: &str = "field is immutable";
