//! Bringing what is stored up to date with what every cluster begins with.

use crate::authorize::Rule;
use crate::authorize::cover::uncovered;
use serde_json::{Map, Value};

const AUTOUPDATE: &str = "/metadata/annotations/rbac.authorization.kubernetes.io~1autoupdate";

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing: it is up to date.
    Nothing,
    /// Nothing: somebody does not want it touched. Rights may be missing.
    Protected,
    /// There is none: create this one.
    Create(Value),
    /// Replace it by this one, if it is still what was looked at.
    Update(Value),
    /// What a binding refers to cannot be changed: delete it, then create this one.
    Recreate(Value),
}

/// What to write so that a stored role or binding gives at least what is wanted. What it has besides
/// stays, but for an aggregation that is not wanted.
pub fn reconcile(stored: Option<&Value>, wanted: &Value) -> Step {
    let Some(stored) = stored else {
        return Step::Create(wanted.clone());
    };
    if stored.pointer(AUTOUPDATE).and_then(Value::as_str) == Some("false") {
        return Step::Protected;
    }
    if wanted.get("roleRef") != stored.get("roleRef") {
        return Step::Recreate(wanted.clone());
    }
    let mut updated = stored.clone();
    add_metadata(&mut updated, wanted, "annotations");
    add_metadata(&mut updated, wanted, "labels");
    match wanted.get("roleRef") {
        Some(_) => add_subjects(&mut updated, wanted),
        None => {
            add_rules(&mut updated, wanted);
            add_selectors(&mut updated, wanted);
        }
    }
    match updated == *stored {
        true => Step::Nothing,
        false => Step::Update(updated),
    }
}

/// What is wanted and not there; what is there stays, whatever its value.
fn add_metadata(updated: &mut Value, wanted: &Value, field: &str) {
    let wanted = wanted["metadata"].get(field).and_then(Value::as_object);
    let Some(wanted) = wanted.filter(|map| !map.is_empty()) else {
        return;
    };
    let Some(metadata) = updated.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let own = metadata.entry(field).or_insert_with(|| Map::new().into());
    if own.is_null() {
        *own = Map::new().into();
    }
    if let Some(own) = own.as_object_mut() {
        for (key, value) in wanted {
            own.entry(key.as_str()).or_insert_with(|| value.clone());
        }
    }
}

fn add_rules(updated: &mut Value, wanted: &Value) {
    let wanted = Rule::list(wanted);
    // Ours never break down into too much; if they did, all of them would be added.
    let missing = uncovered(&Rule::list(updated), &wanted).unwrap_or(wanted);
    append(
        updated,
        "rules",
        missing.iter().map(Rule::to_value).collect(),
    );
}

fn add_subjects(updated: &mut Value, wanted: &Value) {
    let own = items(updated, "subjects");
    let mut missing: Vec<Value> = Vec::new();
    for subject in items(wanted, "subjects") {
        if !own.contains(subject) && !missing.contains(subject) {
            missing.push(subject.clone());
        }
    }
    append(updated, "subjects", missing);
}

fn add_selectors(updated: &mut Value, wanted: &Value) {
    const SELECTORS: &str = "clusterRoleSelectors";
    let rule = |role: &Value| {
        let rule = role.get("aggregationRule").filter(|rule| !rule.is_null());
        rule.cloned()
    };
    let Some(wanted) = rule(wanted) else {
        if let (Some(_), Some(fields)) = (rule(updated), updated.as_object_mut()) {
            fields.remove("aggregationRule");
        }
        return;
    };
    let mut own = rule(updated).unwrap_or_else(|| Map::new().into());
    let there = items(&own, SELECTORS);
    let missing = items(&wanted, SELECTORS).iter();
    let missing: Vec<Value> = missing
        .filter(|one| !there.contains(one))
        .cloned()
        .collect();
    if !missing.is_empty() {
        append(&mut own, SELECTORS, missing);
        updated["aggregationRule"] = own;
    }
}

fn items<'v>(object: &'v Value, field: &str) -> &'v [Value] {
    let items = object.get(field).and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn append(object: &mut Value, field: &str, more: Vec<Value>) {
    let Some(fields) = object.as_object_mut().filter(|_| !more.is_empty()) else {
        return;
    };
    let mut list = match fields.remove(field) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    list.extend(more);
    fields.insert(field.to_owned(), list.into());
}
