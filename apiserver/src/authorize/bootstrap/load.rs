//! Reading roles and bindings from their text.
//!
//! Words are separated by single spaces; a line that begins with `#` and an empty line say nothing. A line
//! that is not indented begins a role, or is a binding:
//!
//! ```text
//! cluster-role NAME              a ClusterRole
//! role NAMESPACE/NAME            a Role
//! controller NAME                the ClusterRole system:controller:NAME, bound to the account NAME of
//!                                kube-system
//! binding NAMESPACE/NAME role:ROLE SUBJECT...
//! ```
//!
//! Behind the name of a role may stand `from:x` (it gathers rules of roles with the label
//! `rbac.authorization.k8s.io/aggregate-to-x`), `into:x` (it has that label) and `bound`: a binding of
//! the same name gives it to the subjects that follow, `user:NAME`, `group:NAME` or
//! `account:NAMESPACE/NAME`. Lines that are indented by two spaces are the rules of the role above them:
//!
//! ```text
//!   VERBS GROUPS RESOURCES [NAMES]      `core` is the group without a name
//!   VERBS url PATHS
//! ```

use crate::authorize::RBAC;
use serde_json::{Map, Value, json};
use std::fmt;

const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";
const ACCOUNTS: &str = "kube-system";

/// A text that is no policy. There is nothing to do but to mend the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for LoadError {}

/// Reads roles and bindings, as objects, in the order of the text.
///
/// # Errors
/// With the first line that is not as the format wants it.
pub fn load(text: &str) -> Result<Vec<Value>, LoadError> {
    let mut objects = Vec::new();
    // Where in `objects` the role is that rules belong to.
    let mut role = None;
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let read = match line.strip_prefix("  ") {
            Some(line) => role
                .ok_or("a rule belongs to a role".to_owned())
                .and_then(|role: usize| add_rule(&mut objects[role], line)),
            None => begin(&mut objects, line).map(|began| role = began),
        };
        read.map_err(|what| LoadError {
            line: index + 1,
            what,
        })?;
    }
    Ok(objects)
}

/// Begins a role or makes a binding. The place of the role, if it is one.
fn begin(objects: &mut Vec<Value>, line: &str) -> Result<Option<usize>, String> {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (what, name) = (next(), next());
    let (namespace, own) = name.split_once('/').unwrap_or(("", name));
    let words: Vec<&str> = words.collect();
    let began = objects.len();
    match what {
        _ if own.is_empty() => return Err(format!("{what} has no name")),
        "cluster-role" => begin_role(objects, "", name, &words)?,
        "role" if !namespace.is_empty() => begin_role(objects, namespace, own, &words)?,
        "controller" if words.is_empty() => {
            let account = format!("account:{ACCOUNTS}/{name}");
            let words = ["bound", account.as_str()];
            begin_role(objects, "", &format!("system:controller:{name}"), &words)?;
        }
        "binding" if !namespace.is_empty() => {
            let role = words.first().and_then(|word| word.strip_prefix("role:"));
            let role = role.ok_or("a binding has a role")?;
            objects.push(binding(namespace, own, role, &words[1..])?);
            return Ok(None);
        }
        _ => return Err(format!("{line} is no role or binding")),
    }
    Ok(Some(began))
}

fn begin_role(
    objects: &mut Vec<Value>,
    namespace: &str,
    name: &str,
    words: &[&str],
) -> Result<(), String> {
    let kind = if namespace.is_empty() {
        "ClusterRole"
    } else {
        "Role"
    };
    let mut role = object(kind, namespace, name);
    role["rules"] = Value::Array(Vec::new());
    let bound = words.iter().position(|word| *word == "bound");
    for word in &words[..bound.unwrap_or(words.len())] {
        match word.split_once(':') {
            Some(("into", label)) => {
                role["metadata"]["labels"][format!("{AGGREGATE}{label}")] = "true".into();
            }
            Some(("from", label)) => {
                let labels = json!({format!("{AGGREGATE}{label}"): "true"});
                role["aggregationRule"] =
                    json!({"clusterRoleSelectors": [{"matchLabels": labels}]});
            }
            _ => return Err(format!("a role has no {word}")),
        }
    }
    objects.push(role);
    if let Some(bound) = bound {
        objects.push(binding(namespace, name, name, &words[bound + 1..])?);
    }
    Ok(())
}

fn binding(namespace: &str, name: &str, role: &str, words: &[&str]) -> Result<Value, String> {
    let (kind, role_kind) = match namespace.is_empty() {
        true => ("ClusterRoleBinding", "ClusterRole"),
        false => ("RoleBinding", "Role"),
    };
    let subjects = words.iter().map(|word| subject(word));
    let subjects = subjects.collect::<Result<Vec<_>, _>>()?;
    let mut binding = object(kind, namespace, name);
    binding["roleRef"] = json!({"apiGroup": RBAC, "kind": role_kind, "name": role});
    if !subjects.is_empty() {
        binding["subjects"] = Value::Array(subjects);
    }
    Ok(binding)
}

fn subject(word: &str) -> Result<Value, String> {
    match word.split_once(':') {
        Some(("user", name)) => Ok(json!({"apiGroup": RBAC, "kind": "User", "name": name})),
        Some(("group", name)) => Ok(json!({"apiGroup": RBAC, "kind": "Group", "name": name})),
        Some(("account", place)) => {
            let place = place.split_once('/');
            let (namespace, name) = place.ok_or(format!("{word} has no namespace"))?;
            Ok(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
        }
        _ => Err(format!("{word} is no subject")),
    }
}

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    let mut metadata = json!({
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "name": name,
    });
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
    }
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": metadata})
}

fn list(word: &str) -> Vec<&str> {
    word.split(',').collect()
}

fn add_rule(role: &mut Value, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut rule = Map::new();
    let mut put = |field: &str, list: Vec<&str>| {
        rule.insert(field.to_owned(), list.into());
    };
    match words.as_slice() {
        [verbs, "url", paths] => {
            put("verbs", list(verbs));
            put("nonResourceURLs", list(paths));
        }
        [verbs, groups, resources, names @ ..] if names.len() <= 1 => {
            let is_core = |group| if group == "core" { "" } else { group };
            put("verbs", list(verbs));
            put("apiGroups", list(groups).into_iter().map(is_core).collect());
            put("resources", list(resources));
            if let [names] = names {
                put("resourceNames", list(names));
            }
        }
        _ => return Err(format!("{line} is no rule")),
    }
    let rules = role["rules"].as_array_mut();
    rules
        .ok_or("a rule belongs to a role")?
        .push(Value::Object(rule));
    Ok(())
}
