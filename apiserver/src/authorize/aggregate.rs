//! ClusterRoles that gather their rules from others by labels.

use super::rule::Rule;
use super::subject::text;
use crate::selector::{InvalidSelector, from_structure};
use serde_json::Value;

/// The rules that a ClusterRole should have, given all ClusterRoles: those of each role that one of its
/// selectors selects, selector by selector, roles by name, each rule once. A role does not gather from
/// itself. `None`: it gathers nothing, and its rules are its own.
///
/// # Errors
/// If a selector makes no sense; validation does not let one in.
pub fn gathered<'v>(
    role: &Value,
    all: impl IntoIterator<Item = &'v Value>,
) -> Result<Option<Vec<Rule>>, InvalidSelector> {
    let Some(aggregation) = role.get("aggregationRule").filter(|rule| !rule.is_null()) else {
        return Ok(None);
    };
    let own = name(role);
    let mut others: Vec<&Value> = all.into_iter().filter(|one| name(one) != own).collect();
    others.sort_by_key(|one| name(one));
    let selectors = aggregation.get("clusterRoleSelectors");
    let selectors = selectors.and_then(Value::as_array);
    let mut rules = Vec::new();
    for selector in selectors.into_iter().flatten() {
        let selector = from_structure(Some(selector))?;
        for other in &others {
            let labels = other.pointer("/metadata/labels").unwrap_or(&Value::Null);
            if !selector.matches(labels) {
                continue;
            }
            for rule in Rule::list(other) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    Ok(Some(rules))
}

fn name(role: &Value) -> &str {
    text(role.get("metadata").unwrap_or(&Value::Null), "name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role(name: &str, label: &str, verbs: &[&str]) -> Value {
        let rules: Vec<Value> = verbs.iter().map(|verb| json!({"verbs": [verb]})).collect();
        json!({"metadata": {"name": name, "labels": {label: "true"}}, "rules": rules})
    }

    fn verbs(role: &Value, all: &[Value]) -> Vec<String> {
        let rules = gathered(role, all).unwrap().unwrap();
        rules.into_iter().flat_map(|rule| rule.verbs).collect()
    }

    #[test]
    fn rules_come_by_selector_then_by_name_each_once() {
        let mut sum = role("sum", "a", &["own"]);
        sum["aggregationRule"] = json!({"clusterRoleSelectors": [
            {"matchLabels": {"b": "true"}},
            {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        ]});
        let all = [
            role("z", "a", &["1", "2"]),
            role("y", "a", &["3", "2"]),
            role("x", "b", &["4"]),
            role("w", "c", &["5"]),
            sum.clone(),
        ];
        assert_eq!(verbs(&sum, &all), ["4", "3", "2", "1"]);
    }

    #[test]
    fn a_role_that_gathers_nothing_keeps_its_own() {
        let plain = role("a", "b", &["get"]);
        assert_eq!(gathered(&plain, []).unwrap(), None);
        let mut empty = plain;
        empty["aggregationRule"] = json!({"clusterRoleSelectors": []});
        assert_eq!(gathered(&empty, []).unwrap(), Some(Vec::new()));
        empty["aggregationRule"] = json!({"clusterRoleSelectors": [
            {"matchExpressions": [{"key": "a", "operator": "Like"}]}]});
        assert!(gathered(&empty, []).is_err());
    }
}
