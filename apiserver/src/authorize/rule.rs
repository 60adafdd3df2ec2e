//! One rule of a role.

use super::attributes::{Attributes, ResourceTarget, Target};
use crate::status::text::quote;
use serde_json::{Map, Value};

/// What a role allows: verbs on resources, or verbs on paths. `*` stands for everything in each list but
/// the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Such as `get`.
    pub verbs: Vec<String>,
    /// Empty text: the core API.
    pub groups: Vec<String>,
    /// Such as `pods`, `pods/log`, `*/scale`.
    pub resources: Vec<String>,
    /// Of objects; empty: all.
    pub names: Vec<String>,
    /// Paths that are no resources; one that ends with `*` stands for all that begin like it.
    pub paths: Vec<String>,
}

const ALL: &str = "*";

impl Rule {
    /// A rule of an object. What is not there, or is no text, says nothing.
    pub fn from_value(value: &Value) -> Rule {
        let list = |field: &str| {
            let items = value.get(field).and_then(Value::as_array);
            let texts = items.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        Rule {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    /// The rules of a role.
    pub fn list(role: &Value) -> Vec<Rule> {
        let rules = role.get("rules").and_then(Value::as_array);
        rules.into_iter().flatten().map(Rule::from_value).collect()
    }

    /// The rule as an object has it: verbs always, the rest unless it is empty.
    pub fn to_value(&self) -> Value {
        let mut rule = Map::new();
        rule.insert("verbs".to_owned(), self.verbs.clone().into());
        for (field, list) in [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ] {
            if !list.is_empty() {
                rule.insert(field.to_owned(), list.clone().into());
            }
        }
        Value::Object(rule)
    }

    /// Whether it allows a request.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !has(&self.verbs, attributes.verb) {
            return false;
        }
        match &attributes.target {
            Target::Path(path) => self.paths.iter().any(|own| path_covers(own, path)),
            Target::Resource(target) => self.allows_resource(target),
        }
    }

    fn allows_resource(&self, target: &ResourceTarget<'_>) -> bool {
        let names = || self.names.is_empty() || self.names.iter().any(|name| name == target.name);
        let resource =
            |own: &String| own == ALL || resource_matches(own, target.resource, target.subresource);
        has(&self.groups, target.group) && self.resources.iter().any(resource) && names()
    }

    /// Whether it alone allows everything that another rule allows. No for a rule that only several
    /// together cover: break that one down first.
    pub fn covers(&self, other: &Rule) -> bool {
        let all = |own: &[String], wanted: &[String]| wanted.iter().all(|one| has(own, one));
        let names = match other.names.is_empty() {
            true => self.names.is_empty(),
            false => {
                let is_own = |name| self.names.contains(name);
                self.names.is_empty() || other.names.iter().all(is_own)
            }
        };
        let resource = |wanted: &String| {
            let (resource, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
            let matches = |own: &String| {
                own == ALL || own == wanted || resource_matches(own, resource, subresource)
            };
            self.resources.iter().any(matches)
        };
        let path = |wanted: &String| self.paths.iter().any(|own| path_covers(own, wanted));
        names
            && all(&self.verbs, &other.verbs)
            && all(&self.groups, &other.groups)
            && other.resources.iter().all(resource)
            && other.paths.iter().all(path)
    }

    /// As messages show it: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`.
    pub fn describe(&self) -> String {
        let parts = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.paths),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ];
        let parts = parts.iter().filter(|(_, list)| !list.is_empty());
        let parts: Vec<String> = parts
            .map(|(title, list)| format!("{title}:{}", quoted(list)))
            .collect();
        format!("{{{}}}", parts.join(", "))
    }
}

/// A list of texts as messages show it: `["a" "b"]`.
pub(super) fn quoted(list: &[String]) -> String {
    let texts: Vec<String> = list.iter().map(|text| quote(text)).collect();
    format!("[{}]", texts.join(" "))
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|own| own == ALL || own == wanted)
}

/// `pods` is `pods`, `pods/log` is `pods` and `log`, `*/log` is anything and `log`.
fn resource_matches(own: &str, resource: &str, subresource: &str) -> bool {
    match own.split_once('/') {
        None => subresource.is_empty() && own == resource,
        Some((own_resource, own_subresource)) => {
            !subresource.is_empty()
                && own_subresource == subresource
                && (own_resource == resource || own_resource == ALL)
        }
    }
}

/// Whether one path of a rule stands for another path, which may itself end with `*`.
fn path_covers(own: &str, wanted: &str) -> bool {
    own == wanted || own.ends_with('*') && wanted.starts_with(own.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::User;
    use serde_json::json;

    fn rule(value: Value) -> Rule {
        Rule::from_value(&value)
    }

    fn allows(rule: &Rule, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let user = User::anonymous();
        rule.allows(&Attributes {
            user: &user,
            verb,
            target: Target::Resource(ResourceTarget {
                group,
                resource,
                subresource,
                name,
                ..ResourceTarget::default()
            }),
        })
    }

    fn allows_path(rule: &Rule, path: &str) -> bool {
        let user = User::anonymous();
        rule.allows(&Attributes {
            user: &user,
            verb: "get",
            target: Target::Path(path),
        })
    }

    #[test]
    fn verb_group_resource_and_name_must_all_match() {
        let pods = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}));
        assert!(allows(&pods, "get", "", "pods", ""));
        assert!(allows(&pods, "get", "", "pods", "a"));
        assert!(!allows(&pods, "list", "", "pods", ""));
        assert!(!allows(&pods, "get", "apps", "pods", ""));
        assert!(!allows(&pods, "get", "", "pods/log", ""));
        assert!(!allows_path(&pods, "/pods"));
        let named = Rule {
            names: vec!["a".to_owned()],
            ..pods
        };
        assert!(allows(&named, "get", "", "pods", "a"));
        assert!(!allows(&named, "get", "", "pods", "b"));
        assert!(!allows(&named, "get", "", "pods", ""));
    }

    #[test]
    fn a_star_is_everything_and_a_subresource_may_be_of_anything() {
        let all = rule(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        assert!(allows(&all, "fly", "x", "y/z", "n"));
        let scale = json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["*/scale"]});
        let scale = rule(scale);
        assert!(allows(&scale, "get", "apps", "deployments/scale", ""));
        assert!(!allows(&scale, "get", "apps", "deployments/status", ""));
        assert!(!allows(&scale, "get", "apps", "scale", ""));
        let log = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]}));
        assert!(allows(&log, "get", "", "pods/log", ""));
        assert!(!allows(&log, "get", "", "pods", ""));
    }

    #[test]
    fn a_path_may_stand_for_all_that_begin_like_it() {
        let paths = rule(json!({"verbs": ["get"], "nonResourceURLs": ["/version", "/api/*"]}));
        assert!(allows_path(&paths, "/version"));
        assert!(!allows_path(&paths, "/version/"));
        assert!(allows_path(&paths, "/api/v1"));
        assert!(!allows_path(&paths, "/api"));
        let all = rule(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        assert!(allows_path(&all, "/x"));
        assert!(!allows(&all, "get", "", "pods", ""));
    }

    #[test]
    fn a_rule_goes_to_an_object_and_back() {
        let value = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"],
            "resourceNames": ["a"]});
        assert_eq!(rule(value.clone()).to_value(), value);
        assert_eq!(rule(json!({})).to_value(), json!({"verbs": []}));
        assert_eq!(rule(json!({"verbs": [1, null]})), Rule::default());
        assert_eq!(rule(json!("x")), Rule::default());
        assert_eq!(Rule::list(&json!({"rules": null})), []);
    }

    #[test]
    fn a_rule_is_described_as_people_know_it() {
        let value = json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"],
            "resourceNames": ["a"]});
        assert_eq!(
            rule(value).describe(),
            r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}"#
        );
        let value = json!({"verbs": ["get"], "nonResourceURLs": ["/x"]});
        assert_eq!(
            rule(value).describe(),
            r#"{NonResourceURLs:["/x"], Verbs:["get"]}"#
        );
    }
}
