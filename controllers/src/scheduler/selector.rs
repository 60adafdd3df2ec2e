//! Which nodes a Pod may be on: by labels of nodes, or by name.

use keelson_apiserver::selector::{Labels, Operator, Requirement};
use keelson_apiserver::status::Path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Conditions on one node, all of which must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
    /// It says nothing, or nothing that makes sense: no node meets it.
    is_void: bool,
}

/// A condition on the name of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    is_in: bool,
    name: String,
}

impl Term {
    /// The term that a structure stands for.
    pub fn of(structure: &Value) -> Term {
        let list = |name: &str| {
            let items = structure.get(name).and_then(Value::as_array);
            items.map_or(&[][..], Vec::as_slice)
        };
        let labels: Option<Vec<_>> = list("matchExpressions").iter().map(requirement).collect();
        let fields: Option<Vec<_>> = list("matchFields").iter().map(field).collect();
        let is_void = match (&labels, &fields) {
            (Some(labels), Some(fields)) => labels.is_empty() && fields.is_empty(),
            _ => true,
        };
        Term {
            labels: labels.unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            is_void,
        }
    }

    /// Whether a node meets it.
    pub fn matches(&self, name: &str, labels: &impl Labels) -> bool {
        !self.is_void
            && self
                .fields
                .iter()
                .all(|field| (field.name == name) == field.is_in)
            && self.labels.iter().all(|one| one.matches(labels))
    }

    /// The names of the nodes that can meet it, if it names them.
    fn names(&self) -> Option<BTreeSet<&str>> {
        let mut wanted = self.fields.iter().filter(|field| field.is_in);
        let first = wanted.next()?.name.as_str();
        match wanted.all(|field| field.name == first) {
            true => Some(BTreeSet::from([first])),
            false => Some(BTreeSet::new()),
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn values(expression: &Value) -> Vec<String> {
    let values = expression.get("values").and_then(Value::as_array);
    let values = values.into_iter().flatten().filter_map(Value::as_str);
    values.map(str::to_owned).collect()
}

fn requirement(expression: &Value) -> Option<Requirement> {
    let operator = match text(expression, "operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        _ => return None,
    };
    let key = text(expression, "key");
    Requirement::new(key, operator, values(expression), &Path::none()).ok()
}

fn field(expression: &Value) -> Option<Field> {
    let is_in = match text(expression, "operator") {
        "In" => true,
        "NotIn" => false,
        _ => return None,
    };
    let name = match &values(expression)[..] {
        [name] => name.clone(),
        _ => return None,
    };
    (text(expression, "key") == "metadata.name").then_some(Field { is_in, name })
}

/// The nodes that a Pod must be on: its `nodeSelector` and the required part of its node affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required {
    labels: BTreeMap<String, String>,
    /// One of these must be met; `None`: any node will do.
    terms: Option<Vec<Term>>,
}

impl Required {
    /// What a Pod requires.
    pub fn of(selector: &BTreeMap<String, String>, affinity: Option<&Value>) -> Required {
        let path = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        let terms = affinity.and_then(|affinity| affinity.pointer(path));
        let terms = terms.and_then(Value::as_array);
        Required {
            labels: selector.clone(),
            terms: terms.map(|terms| terms.iter().map(Term::of).collect()),
        }
    }

    /// Whether it requires nothing.
    pub fn is_any(&self) -> bool {
        self.labels.is_empty() && self.terms.is_none()
    }

    /// Whether a node will do.
    pub fn matches(&self, name: &str, labels: &impl Labels) -> bool {
        let mut wanted = self.labels.iter();
        let has_labels = wanted.all(|(key, value)| labels.label(key) == Some(value));
        has_labels
            && self
                .terms
                .as_ref()
                .is_none_or(|terms| terms.iter().any(|term| term.matches(name, labels)))
    }

    /// The names of the nodes that can do, if every term names some.
    pub fn names(&self) -> Option<BTreeSet<&str>> {
        let terms = self.terms.as_ref().filter(|terms| !terms.is_empty())?;
        let mut all = BTreeSet::new();
        for term in terms {
            all.extend(term.names()?);
        }
        Some(all)
    }
}

/// The nodes that a Pod would rather be on, each term with its weight.
pub fn preferred(affinity: Option<&Value>) -> Vec<(i64, Term)> {
    let path = "/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";
    let terms = affinity.and_then(|affinity| affinity.pointer(path));
    let terms = terms.and_then(Value::as_array).into_iter().flatten();
    let terms = terms.map(|term| {
        let weight = term.get("weight").and_then(Value::as_i64);
        let preference = term.get("preference").unwrap_or(&Value::Null);
        (weight.unwrap_or_default(), Term::of(preference))
    });
    terms.filter(|(weight, _)| *weight != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels() -> BTreeMap<String, String> {
        BTreeMap::from([("disk", "ssd"), ("cores", "8")].map(|(k, v)| (k.into(), v.into())))
    }

    #[test]
    fn terms_are_alternatives_and_expressions_are_not() {
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        let cases = [
            (json!([expression("disk", "In", &["ssd", "hdd"])]), true),
            (json!([expression("disk", "NotIn", &["ssd"])]), false),
            (json!([expression("gpu", "Exists", &[])]), false),
            (json!([expression("gpu", "DoesNotExist", &[])]), true),
            (json!([expression("cores", "Gt", &["7"])]), true),
            (json!([expression("cores", "Lt", &["8"])]), false),
            (
                json!([
                    expression("disk", "In", &["ssd"]),
                    expression("cores", "Gt", &["9"])
                ]),
                false,
            ),
            (json!([expression("disk", "Like", &["ssd"])]), false),
            (json!([]), false),
        ];
        for (expressions, expected) in cases {
            let never = json!({"matchExpressions": [expression("no", "Exists", &[])]});
            let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [never, {"matchExpressions": expressions}]}}});
            let required = Required::of(&BTreeMap::new(), Some(&affinity));
            assert_eq!(required.matches("n", &labels()), expected, "{expressions}");
        }
    }

    #[test]
    fn the_selector_and_the_affinity_must_both_hold_and_names_are_found() {
        let by_name = |name: &str| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]});
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [by_name("a"), by_name("b")]}}});
        let selector = BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]);
        let required = Required::of(&selector, Some(&affinity));
        assert_eq!(required.names(), Some(BTreeSet::from(["a", "b"])));
        assert!(required.matches("a", &labels()));
        assert!(!required.matches("c", &labels()));
        assert!(!required.matches("a", &BTreeMap::new()));
        assert!(Required::default().is_any() && Required::default().names().is_none());
    }
}
