//! `ipFamilies`, `ipFamilyPolicy`, and how `clusterIP` and `clusterIPs` go together.
//!
//! This cluster gives out addresses of one family. A Service without Pods to select and without an address
//! is the exception: somebody else says where it leads, which may be anywhere.

use super::addresses::of;
use crate::status::{FieldError, Path};
use serde_json::{Map, Value, json};

const OWN: &str = "IPv4";
const OTHER: &str = "IPv6";
const SINGLE: &str = "SingleStack";
const BOTH: &str = "RequireDualStack";

pub(super) fn text<'v>(service: &'v Value, field: &str) -> &'v str {
    let found = service.get("spec").and_then(|spec| spec.get(field));
    found.and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn is_named(service: &Value) -> bool {
    text(service, "type") == "ExternalName"
}

fn families(service: &Value) -> Vec<&str> {
    let list = service
        .pointer("/spec/ipFamilies")
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

pub(super) fn spec_of(service: &mut Value) -> Option<&mut Map<String, Value>> {
    service.get_mut("spec").and_then(Value::as_object_mut)
}

fn list<'v>(service: &'v Value, field: &str) -> &'v [Value] {
    let found = service
        .get("spec")
        .and_then(|spec| spec.get(field)?.as_array());
    found.map_or(&[], Vec::as_slice)
}

/// Clients that know only `clusterIP` mean `clusterIPs`, too.
pub(super) fn agree(service: &mut Value, old: Option<&Value>) {
    let now = text(service, "clusterIP").to_owned();
    let mut all = list(service, "clusterIPs").to_vec();
    match old {
        None if all.is_empty() && !now.is_empty() => all = vec![now.into()],
        None => return,
        Some(old) => {
            let before = text(old, "clusterIP");
            let all_before = list(old, "clusterIPs");
            if all.is_empty() && now == before {
                all = all_before.to_vec();
            } else if now == before || all != all_before {
                return;
            } else if now.is_empty() {
                all.clear();
            } else {
                all = vec![now.into()];
            }
        }
    }
    if let Some(spec) = spec_of(service) {
        match all.is_empty() {
            true => spec.remove("clusterIPs"),
            false => spec.insert("clusterIPs".to_owned(), all.into()),
        };
    }
}

/// Sets policy and families where the client says nothing, and says what cannot be.
pub(super) fn complete(service: &mut Value, old: Option<&Value>) -> Vec<FieldError> {
    if is_named(service) {
        return Vec::new();
    }
    let is_open = text(service, "clusterIP") == "None" && is_without_selector(service);
    if text(service, "ipFamilyPolicy").is_empty() {
        let before = old
            .map(|old| text(old, "ipFamilyPolicy"))
            .unwrap_or_default();
        let policy = match (before, is_open) {
            ("", true) => BOTH,
            ("", false) => SINGLE,
            (before, _) => before,
        };
        put(service, "ipFamilyPolicy", policy.into());
    }
    let wrong = crate::validate::service_addresses(service);
    if !wrong.is_empty() {
        return wrong;
    }
    if let Some(old) = old {
        trim(service, old);
    }
    let wrong = infer(service);
    if !wrong.is_empty() {
        return wrong;
    }
    if is_open {
        open(service);
        return Vec::new();
    }
    let wrong = impossible(service);
    if wrong.is_empty() && families(service).is_empty() {
        put(service, "ipFamilies", json!([OWN]));
    }
    wrong
}

fn is_without_selector(service: &Value) -> bool {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    selector.is_none_or(Map::is_empty)
}

fn put(service: &mut Value, field: &str, value: Value) {
    if let Some(spec) = spec_of(service) {
        spec.insert(field.to_owned(), value);
    }
}

/// Who wants one family where there were two keeps the first.
fn trim(service: &mut Value, old: &Value) {
    let was_dual = matches!(
        text(old, "ipFamilyPolicy"),
        "RequireDualStack" | "PreferDualStack"
    );
    if !was_dual || text(service, "ipFamilyPolicy") != SINGLE {
        return;
    }
    for field in ["clusterIPs", "ipFamilies"] {
        let (now, before) = (list(service, field), list(old, field));
        if now.len() == 2 && now == before {
            let first = now[0].clone();
            put(service, field, json!([first]));
        }
    }
}

/// The families of addresses that the client wants, where it does not say.
fn infer(service: &mut Value) -> Vec<FieldError> {
    let all: Vec<String> = of(service).into_iter().map(str::to_owned).collect();
    let mut found: Vec<String> = families(service).into_iter().map(str::to_owned).collect();
    let stated = found.len();
    let mut wrong = Vec::new();
    for (index, address) in all.iter().enumerate().skip(stated) {
        if address == "None" {
            break;
        }
        match address.contains(':') {
            false => found.push(OWN.to_owned()),
            true => {
                let at = Path::new("spec").child("clusterIPs").index(index);
                let what = format!("{OTHER} is not configured on this cluster");
                wrong.push(FieldError::invalid(&at, all.clone(), what));
            }
        }
    }
    if found.len() > stated && wrong.is_empty() {
        put(service, "ipFamilies", found.into());
    }
    wrong
}

/// A Service that leads where somebody else says.
fn open(service: &mut Value) {
    let mut found: Vec<String> = families(service).into_iter().map(str::to_owned).collect();
    if found.is_empty() {
        found.push(OWN.to_owned());
    }
    if found.len() < 2 && text(service, "ipFamilyPolicy") != SINGLE {
        let second = if found[0] == OWN { OTHER } else { OWN };
        found.push(second.to_owned());
    }
    put(service, "ipFamilies", found.into());
}

/// What this cluster does not have.
fn impossible(service: &Value) -> Vec<FieldError> {
    let spec = Path::new("spec");
    let mut wrong = Vec::new();
    if text(service, "ipFamilyPolicy") == BOTH {
        let what = "this cluster is not configured for dual-stack services";
        wrong.push(FieldError::invalid(
            &spec.child("ipFamilyPolicy"),
            BOTH,
            what,
        ));
    }
    for (index, family) in families(service).into_iter().enumerate() {
        if family != OWN {
            let at = spec.child("ipFamilies").index(index);
            wrong.push(FieldError::invalid(
                &at,
                family,
                "not configured on this cluster",
            ));
        }
    }
    wrong
}
