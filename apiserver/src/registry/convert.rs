//! Objects in another version than the one they are stored in.
//!
//! Two versions of a built-in kind that look alike, and all versions of a custom resource, differ in
//! `apiVersion` alone. Events of `events.k8s.io` are those of the core API under other names. Nothing else
//! is converted yet, and what cannot be is refused: half an object would be worse than none.

use super::versions;
use crate::resource::Resource;
use crate::schema::{self, Node, Table, TypeId};
use crate::status::Failure;
use crate::storage::Object;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Names of a core Event, and what `events.k8s.io` calls them.
const EVENT: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// How stored objects become those that a resource serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversion {
    api_version: Arc<str>,
    /// Names as stored, and as served.
    names: &'static [(&'static str, &'static str)],
    /// The resource, if it is a custom one.
    custom: Option<Arc<Resource>>,
}

impl Conversion {
    /// The conversion that a resource needs; `None` if its objects are stored as they are served.
    ///
    /// # Errors
    /// 500 if it is none that is known here.
    pub(super) fn of(resource: &Arc<Resource>) -> Result<Option<Conversion>, Failure> {
        let (served, stored) = (&resource.gvk, &resource.stored);
        if resource.custom.is_some() {
            return Ok(Some(Conversion {
                api_version: resource.api_version().into(),
                names: &[],
                custom: Some(resource.clone()),
            }));
        }
        if served == stored {
            return Ok(None);
        }
        let table = schema::builtin();
        let names: &[_] = match (served.group.as_str(), served.kind.as_str()) {
            ("events.k8s.io", "Event") if stored.group.is_empty() => &EVENT,
            _ => match (table.kind(served), table.kind(stored)) {
                (None, None) => &[],
                (Some(a), Some(b)) if is_alike(table, a, b) => &[],
                _ => {
                    let (group, version, kind) = (&served.group, &served.version, &served.kind);
                    return Err(Failure::internal(&format!(
                        "{group}/{version} {kind} is stored as {} and cannot be converted",
                        stored.version
                    )));
                }
            },
        };
        Ok(Some(Conversion {
            api_version: resource.api_version().into(),
            names,
            custom: None,
        }))
    }

    /// A stored object as it is served. What is no object stays what it is.
    pub(super) fn served(&self, object: Object) -> Object {
        if let Some(resource) = &self.custom {
            let value = object.value();
            let value = value.map(|value| versions::outgoing(resource, value));
            return value.map_or(object.clone(), |value| Object::of(value, object.revision()));
        }
        let Ok(Value::Object(mut members)) = serde_json::from_slice(object.stored()) else {
            return object;
        };
        for (stored, served) in self.names {
            if let Some(value) = members.remove(*stored) {
                members.insert((*served).to_owned(), value);
            }
        }
        members.insert("apiVersion".to_owned(), self.api_version.as_ref().into());
        Object::of(Value::Object(members), object.revision())
    }
}

/// Whether two types have the same fields, all the way down.
fn is_alike(table: &Table, a: TypeId, b: TypeId) -> bool {
    let (mut known, mut open) = (HashSet::new(), vec![(a, b)]);
    while let Some((a, b)) = open.pop() {
        if a == b || !known.insert((a, b)) {
            continue;
        }
        let (a, b) = (&table.get(a).fields, &table.get(b).fields);
        let mut pairs = a.iter().zip(b.iter());
        let all = pairs.all(|(a, b)| a.name == b.name && pair(&a.node, &b.node, &mut open));
        if a.len() != b.len() || !all {
            return false;
        }
    }
    true
}

/// Whether two values are of one sort; what is inside them is left to be looked at.
fn pair(a: &Node, b: &Node, open: &mut Vec<(TypeId, TypeId)>) -> bool {
    match (a, b) {
        (Node::Scalar(a), Node::Scalar(b)) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
        }
        (Node::Struct(a), Node::Struct(b)) => {
            open.push((*a, *b));
            true
        }
        (Node::List(a), Node::List(b)) => pair(&a.element, &b.element, open),
        (Node::Map(a), Node::Map(b)) => pair(&a.value, &b.value, open),
        (Node::Any, Node::Any) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{builtin, everything, load};
    use serde_json::json;

    fn served(resource: &Resource, stored: Value) -> Option<Value> {
        let conversion = Conversion::of(&Arc::new(resource.clone()))
            .unwrap()
            .unwrap();
        conversion.served(Object::of(stored, 7)).value()
    }

    #[test]
    fn an_event_is_served_under_its_other_names() {
        let resource = everything().find("events.k8s.io", "v1", "events").unwrap();
        let stored = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "a"},
            "involvedObject": {"kind": "Pod", "name": "x"}, "message": "pulled", "count": 3,
            "source": {"component": "c"}, "reportingComponent": "r", "reportingInstance": "i",
            "firstTimestamp": null, "lastTimestamp": "2024-02-29T12:34:56Z", "type": "Normal",
        });
        let expected = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": "e", "namespace": "a", "resourceVersion": "7"},
            "regarding": {"kind": "Pod", "name": "x"}, "note": "pulled", "deprecatedCount": 3,
            "deprecatedSource": {"component": "c"}, "reportingController": "r", "reportingInstance": "i",
            "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": "2024-02-29T12:34:56Z", "type": "Normal",
        });
        assert_eq!(served(resource, stored), Some(expected));
        let table = schema::builtin();
        for (gvk, names) in [
            (&resource.stored, EVENT.map(|(a, _)| a)),
            (&resource.gvk, EVENT.map(|(_, b)| b)),
        ] {
            let kind = table.get(table.kind(gvk).unwrap());
            for name in names {
                assert!(kind.field(name).is_some(), "{} has {name}", kind.name);
            }
        }
    }

    #[test]
    fn versions_that_look_alike_differ_in_their_version() {
        let resource = everything()
            .find("networking.k8s.io", "v1beta1", "ipaddresses")
            .unwrap();
        let stored =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", "spec": {"x": 1}});
        let found = served(resource, stored).unwrap();
        assert_eq!(found["apiVersion"], "networking.k8s.io/v1beta1");
        assert_eq!(found["spec"]["x"], 1);
        let custom = load("z.io/v2 apes Ape cluster key:z.io/apes stored:z.io/v1")
            .unwrap()
            .remove(0);
        let stored = json!({"apiVersion": "z.io/v1", "kind": "Ape", "spec": 1});
        let expected = json!({"apiVersion": "z.io/v2", "kind": "Ape", "spec": 1});
        assert_eq!(served(&custom, stored), Some(expected));
    }

    #[test]
    fn what_is_stored_as_it_is_served_is_left_alone() {
        for resource in everything()
            .all()
            .iter()
            .filter(|row| row.gvk == row.stored)
        {
            let found = Conversion::of(&Arc::new(resource.clone()));
            assert_eq!(found, Ok(None), "{}", resource.plural);
        }
    }

    #[test]
    fn what_cannot_be_converted_is_refused() {
        let refused = |row: &&Resource| Conversion::of(&Arc::new((*row).clone())).is_err();
        let all = everything().all().iter().filter(refused);
        let all: Vec<_> = all
            .map(|row| format!("{} {}", row.api_version(), row.plural))
            .collect();
        let expected = [
            "autoscaling/v1 horizontalpodautoscalers",
            "resource.k8s.io/v1beta1 resourceclaims",
            "resource.k8s.io/v1beta1 resourceclaimtemplates",
            "resource.k8s.io/v1beta1 resourceslices",
        ];
        assert_eq!(all, expected);
        assert_eq!(builtin().all().iter().filter(refused).count(), 1);
    }
}
