//! To whom a binding gives a role.

use crate::identity::service_account_name;
use crate::status::text::quote;
use serde_json::Value;

/// A subject of a binding, as requests are looked up by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// A user by name. Service accounts are users.
    User(String),
    /// Everybody in a group.
    Group(String),
}

impl Subject {
    /// Reads one. `namespace` is the binding's: a service account that names none is from there. `None`:
    /// it stands for nobody.
    pub(super) fn from_value(value: &Value, namespace: &str) -> Option<Subject> {
        let name = text(value, "name");
        match text(value, "kind") {
            "User" => Some(Subject::User(name.to_owned())),
            "Group" => Some(Subject::Group(name.to_owned())),
            "ServiceAccount" => {
                let namespace = account_namespace(value, namespace);
                let user = || Subject::User(service_account_name(namespace, name));
                (!namespace.is_empty()).then(user)
            }
            _ => None,
        }
    }

    /// Whether a user is meant.
    #[cfg(test)]
    pub(super) fn means(&self, user: &crate::identity::User) -> bool {
        match self {
            Subject::User(name) => user.name == *name,
            Subject::Group(name) => user.is_in(name),
        }
    }
}

/// As reasons show it: `ServiceAccount "name/namespace"`, `Group "name"`.
pub(super) fn describe(value: &Value, namespace: &str) -> String {
    let (kind, name) = (text(value, "kind"), text(value, "name"));
    match kind {
        "ServiceAccount" => {
            let namespace = account_namespace(value, namespace);
            format!("{kind} {}", quote(&format!("{name}/{namespace}")))
        }
        _ => format!("{kind} {}", quote(name)),
    }
}

fn account_namespace<'v>(value: &'v Value, default: &'v str) -> &'v str {
    match text(value, "namespace") {
        "" => default,
        named => named,
    }
}

/// A text of an object; empty if it is not there.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
