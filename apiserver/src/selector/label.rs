//! Requirements on labels, and whether labels meet them.

use crate::names;
use crate::status::{FieldError, Path};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Where labels are looked up.
pub trait Labels {
    /// The value of a label, `None` if it is not there.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

/// The labels of an object as they are stored.
impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// `metadata.labels` of an object, whatever it is; anything but a map has no labels.
impl Labels for Value {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// How a label must relate to the values of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// `=`: it has this value.
    Equals,
    /// `==`: the same.
    DoubleEquals,
    /// `!=`: it has another value, or is not there.
    NotEquals,
    /// `in`: it has one of the values.
    In,
    /// `notin`: it has none of the values, or is not there.
    NotIn,
    /// It is there.
    Exists,
    /// `!`: it is not there.
    DoesNotExist,
    /// `>`: it is a greater whole number.
    GreaterThan,
    /// `<`: it is a smaller whole number.
    LessThan,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, each once.
    values: Vec<String>,
}

impl Requirement {
    /// A requirement. Errors are reported below `path`.
    ///
    /// # Errors
    /// What is wrong with the key, the number of values and each value.
    pub fn new(
        key: &str,
        operator: Operator,
        mut values: Vec<String>,
        path: &Path,
    ) -> Result<Requirement, Vec<FieldError>> {
        values.sort();
        values.dedup();
        let mut errors = Vec::new();
        errors.extend(check_key(key, &path.child("key")));
        let at = path.child("values");
        let wrong_count = match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals
                if values.len() != 1 =>
            {
                Some("exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Some("values set must be empty for exists and does not exist")
            }
            Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            _ => None,
        };
        if let Some(detail) = wrong_count {
            errors.push(FieldError::invalid(&at, values.clone(), detail));
        }
        if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
            for (index, value) in values.iter().enumerate() {
                if value.parse::<i64>().is_err() {
                    let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                    errors.push(FieldError::invalid(
                        &at.index(index),
                        value.as_str(),
                        detail,
                    ));
                }
            }
        }
        for (index, value) in values.iter().enumerate() {
            let wrong = names::label_value(value);
            if !wrong.is_empty() {
                let at = at.index(index).key(key);
                errors.push(FieldError::invalid(&at, value.as_str(), wrong.join("; ")));
            }
        }
        match errors.is_empty() {
            true => Ok(Requirement {
                key: key.to_owned(),
                operator,
                values,
            }),
            false => Err(errors),
        }
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How the label must relate to the values.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values, sorted, each once.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether labels meet it.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        let label = labels.label(&self.key);
        let is_among = |label: &str| {
            let found = self
                .values
                .binary_search_by(|value| value.as_str().cmp(label));
            found.is_ok()
        };
        match self.operator {
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::In | Operator::Equals | Operator::DoubleEquals => label.is_some_and(is_among),
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(is_among),
            Operator::GreaterThan => self.compares(label, |label, bound| label > bound),
            Operator::LessThan => self.compares(label, |label, bound| label < bound),
        }
    }

    fn compares(&self, label: Option<&str>, holds: fn(i64, i64) -> bool) -> bool {
        let label = label.and_then(|label| label.parse().ok());
        let bound = self.values.first().and_then(|bound| bound.parse().ok());
        matches!((label, bound), (Some(label), Some(bound)) if holds(label, bound))
    }
}

/// What is wrong with the key of a requirement.
pub(super) fn check_key(key: &str, at: &Path) -> Option<FieldError> {
    let wrong = names::label_key(key);
    (!wrong.is_empty()).then(|| FieldError::invalid(at, key, wrong.join("; ")))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// Conditions on labels, all of which must be met.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// Sorted by key. `None`: nothing meets it.
    requirements: Option<Vec<Requirement>>,
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> LabelSelector {
        LabelSelector::new(Vec::new())
    }

    /// Selects nothing: what a structure that is absent means.
    pub fn nothing() -> LabelSelector {
        LabelSelector { requirements: None }
    }

    /// Selects what meets all requirements.
    pub fn new(mut requirements: Vec<Requirement>) -> LabelSelector {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        LabelSelector {
            requirements: Some(requirements),
        }
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Its requirements, sorted by key; `None` if it selects nothing.
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.requirements.as_deref()
    }

    /// Whether labels meet all requirements.
    pub fn matches(&self, labels: &impl Labels) -> bool {
        let requirements = self.requirements.as_ref();
        requirements.is_some_and(|all| all.iter().all(|one| one.matches(labels)))
    }

    /// The only value that a label may have, if there is just one.
    pub fn exact(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements()?.iter().find(|r| r.key == key)?;
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [only]) => Some(only),
            _ => None,
        }
    }
}

/// The canonical text; selecting nothing has none and prints nothing.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requirements = self.requirements().unwrap_or_default();
        let texts: Vec<String> = requirements.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(","))
    }
}
