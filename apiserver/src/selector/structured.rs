//! The structure form of label selectors: `matchLabels` and `matchExpressions`.

use super::{InvalidSelector, LabelSelector, Operator, Requirement};
use crate::names;
use crate::status::text::quote;
use crate::status::{FieldError, Path, aggregate};
use serde_json::Value;

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn match_labels(structure: &Value) -> impl Iterator<Item = (&String, &str)> {
    let labels = structure.get("matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    labels.map(|(key, value)| (key, value.as_str().unwrap_or_default()))
}

/// The selector that a structure stands for. Absent or null selects nothing, an empty one everything.
///
/// # Errors
/// If a requirement makes no sense. What has passed [`validate_structure`] makes sense.
pub fn from_structure(structure: Option<&Value>) -> Result<LabelSelector, InvalidSelector> {
    let Some(structure) = structure.filter(|value| !value.is_null()) else {
        return Ok(LabelSelector::nothing());
    };
    let requirement = |key: &str, operator, values| {
        Requirement::new(key, operator, values, &Path::none())
            .map_err(|errors| InvalidSelector(aggregate(&errors)))
    };
    let mut requirements = Vec::new();
    for (key, value) in match_labels(structure) {
        requirements.push(requirement(key, Operator::Equals, vec![value.to_owned()])?);
    }
    for expression in list(structure, "matchExpressions") {
        let operator = match text(expression, "operator") {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                let other = quote(other);
                let text = format!("{other} is not a valid label selector operator");
                return Err(InvalidSelector(text));
            }
        };
        let values = list(expression, "values").iter().filter_map(Value::as_str);
        let values = values.map(str::to_owned).collect();
        requirements.push(requirement(text(expression, "key"), operator, values)?);
    }
    Ok(LabelSelector::new(requirements))
}

/// What is wrong with a structure in an object. `path` is where it stands.
pub fn validate_structure(structure: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let at = path.child("matchLabels");
    for (key, value) in match_labels(structure) {
        let wrong = names::label_key(key).into_iter();
        errors.extend(wrong.map(|what| FieldError::invalid(&at, key.as_str(), what)));
        let wrong = names::label_value(value).into_iter();
        errors.extend(wrong.map(|what| FieldError::invalid(&at, value, what)));
    }
    let at = path.child("matchExpressions");
    for (index, expression) in list(structure, "matchExpressions").iter().enumerate() {
        validate_expression(expression, &at.index(index), &mut errors);
    }
    errors
}

fn validate_expression(expression: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (key, operator) = (text(expression, "key"), text(expression, "operator"));
    let values = list(expression, "values");
    let at = path.child("values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&at, detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&at, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        operator => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(
                &path.child("operator"),
                operator,
                detail,
            ));
        }
    }
    let wrong = names::label_key(key).into_iter();
    errors.extend(wrong.map(|what| FieldError::invalid(&path.child("key"), key, what)));
    for (index, value) in values.iter().enumerate() {
        let wrong = names::label_value(value.as_str().unwrap_or_default()).into_iter();
        let at = at.index(index);
        errors.extend(wrong.map(|what| FieldError::invalid(&at, value.clone(), what)));
    }
}
