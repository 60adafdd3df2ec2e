//! Whether a definition gets its names.
//!
//! In a group every name is one resource's. Who has been given a name keeps it; a definition that wants
//! one of somebody else is told so, and is not served.

use serde_json::{Value, json};

/// The finalizer that holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Makes a definition wait for its objects to be gone, as it is about to go.
pub(crate) fn hold(definition: &mut Value, now: &str) {
    match &mut definition["metadata"]["finalizers"] {
        Value::Array(all) if all.iter().any(|one| one == CLEANUP) => {}
        Value::Array(all) => all.push(CLEANUP.into()),
        none => *none = json!([CLEANUP]),
    }
    let pending = (
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    );
    set(&mut definition["status"], "Terminating", pending, now);
}

/// Whether a condition of a definition is true.
pub(crate) fn has_condition(definition: &Value, kind: &str) -> bool {
    condition(definition, kind).is_some_and(|one| one["status"] == "True")
}

/// Whether a definition is served.
pub(crate) fn is_established(definition: &Value) -> bool {
    has_condition(definition, "Established")
}

fn condition<'v>(definition: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = definition["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind)
}

/// The status that a definition shall have, among others of all groups. `now` is RFC 3339, whole seconds.
pub(crate) fn judged<'v>(
    definition: &Value,
    others: impl Iterator<Item = &'v Value>,
    now: &str,
) -> Value {
    let spec = &definition["spec"];
    let others: Vec<&Value> = others
        .filter(|other| {
            other["spec"]["group"] == spec["group"]
                && other["metadata"]["name"] != definition["metadata"]["name"]
        })
        .map(|other| &other["status"]["acceptedNames"])
        .collect();
    let conflict = conflict(&spec["names"], &others);
    let mut status = definition["status"].clone();
    let (accepted, established) = match &conflict {
        None => (
            ("True", "NoConflicts", "no conflicts found"),
            Some((
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
            )),
        ),
        Some((reason, message)) => (
            ("False", *reason, message.as_str()),
            // Who is served stays so, with the names that it has.
            match is_established(definition) {
                true => None,
                false => Some(("False", "NotAccepted", "not all names are accepted")),
            },
        ),
    };
    if conflict.is_none() {
        status["acceptedNames"] = spec["names"].clone();
    }
    set(&mut status, "NamesAccepted", accepted, now);
    if let Some(established) = established {
        let is_known = accepted.0 == "True" && is_established(definition);
        if !is_known {
            set(&mut status, "Established", established, now);
        }
    }
    status
}

/// The first name that somebody else has.
fn conflict(names: &Value, others: &[&Value]) -> Option<(&'static str, String)> {
    let text = |names: &Value, field: &str| names[field].as_str().unwrap_or_default().to_owned();
    let all = |names: &Value| -> Vec<String> {
        let short = names["shortNames"].as_array().into_iter().flatten();
        let short = short.filter_map(|name| name.as_str().map(str::to_owned));
        let mut all: Vec<String> = short.collect();
        all.extend([text(names, "plural"), text(names, "singular")]);
        all.retain(|name| !name.is_empty());
        all
    };
    let taken: Vec<String> = others.iter().flat_map(|other| all(other)).collect();
    let kinds: Vec<String> = others
        .iter()
        .flat_map(|other| [text(other, "kind"), text(other, "listKind")])
        .filter(|kind| !kind.is_empty())
        .collect();
    let in_use = |name: &str| format!("{name:?} is already in use");
    let short = names["shortNames"].as_array().into_iter().flatten();
    let short = short.filter_map(|name| Some(("ShortNamesConflict", name.as_str()?.to_owned())));
    let resources = [
        ("PluralConflict", text(names, "plural")),
        ("SingularConflict", text(names, "singular")),
    ];
    let found = resources
        .into_iter()
        .chain(short)
        .find(|(_, name)| taken.contains(name));
    if let Some((reason, name)) = found {
        return Some((reason, in_use(&name)));
    }
    let wanted = [
        ("KindConflict", text(names, "kind")),
        ("ListKindConflict", text(names, "listKind")),
    ];
    let found = wanted.into_iter().find(|(_, kind)| kinds.contains(kind));
    found.map(|(reason, kind)| (reason, in_use(&kind)))
}

/// Sets a condition; its time changes with its state only.
fn set(status: &mut Value, kind: &str, (state, reason, message): (&str, &str, &str), now: &str) {
    let conditions = status["conditions"].as_array().cloned();
    let mut conditions = conditions.unwrap_or_default();
    let before = conditions.iter().position(|one| one["type"] == kind);
    let since = match before.map(|at| &conditions[at]) {
        Some(before) if before["status"] == state => before["lastTransitionTime"].clone(),
        _ => now.into(),
    };
    let condition = json!({
        "type": kind, "status": state, "lastTransitionTime": since,
        "reason": reason, "message": message,
    });
    match before {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    status["conditions"] = conditions.into();
}
