//! Paths of the Kubernetes API, where their objects lie in the store, and what a label selector selects.

use crate::history::HttpCall;
use serde_json::Value;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The prefix of the keys of the whole collection; it ends with a slash.
    pub prefix: String,
    /// The object; nothing for the collection.
    pub name: Option<String>,
    /// Which part of the object; nothing for all of it.
    pub part: Option<String>,
}

impl Named {
    /// Of the path of a request; nothing if it is about something that is not judged.
    pub fn of(path: &str) -> Option<Named> {
        let place = path.split('?').next()?;
        let words: Vec<&str> = place.trim_start_matches('/').split('/').collect();
        let rest = match words.as_slice() {
            ["api", "v1", "namespaces", rest @ ..] => rest,
            ["apis", _, _, "namespaces", rest @ ..] => rest,
            _ => return None,
        };
        let [namespace, resource, rest @ ..] = rest else {
            return None;
        };
        // Upstream keeps these under another word.
        let stored = if *resource == "ingresses" {
            "ingress"
        } else {
            resource
        };
        let word = |i: usize| rest.get(i).map(|word| (*word).to_owned());
        Some(Named {
            prefix: format!("/registry/{stored}/{namespace}/"),
            name: word(0),
            part: word(1),
        })
    }

    /// The key of the object that a request is about: a creation names it in its body.
    pub fn key(&self, call: &HttpCall) -> Option<String> {
        let name = match &self.name {
            Some(name) => name.as_str(),
            None if call.method == "POST" => call.body.pointer("/metadata/name")?.as_str()?,
            None => return None,
        };
        Some(format!("{}{name}", self.prefix))
    }
}

/// What the `labelSelector` of a request selects: everything, or those with one value of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Option<(String, String)>);

impl Selection {
    /// Of a request; nothing if it selects in a way that is not understood here.
    pub fn of(call: &HttpCall) -> Option<Selection> {
        if call.parameter("fieldSelector").is_some() {
            return None;
        }
        let Some(selector) = call.parameter("labelSelector") else {
            return Some(Selection(None));
        };
        let selector = selector.replace("%3D", "=");
        let (label, value) = selector.split_once('=')?;
        let is_plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (is_plain(label) && is_plain(value))
            .then(|| Selection(Some((label.to_owned(), value.to_owned()))))
    }

    /// If an object is among what is selected.
    pub fn has(&self, object: &Value) -> bool {
        let Some((label, value)) = &self.0 else {
            return true;
        };
        object["metadata"]["labels"][label] == value.as_str()
    }
}

/// A stored object as clients see it: with its version. Who owns which field is left out; it is no state.
pub fn shown(stored: &Value, revision: i64) -> Value {
    let mut object = stored.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        metadata.remove("managedFields");
    }
    object
}

/// If a client was shown just this, apart from what items of lists leave out.
pub fn is_shown(answer: &Value, stored: &Value, revision: i64) -> bool {
    let wanted = shown(stored, revision);
    let (Some(wanted), Some(answer)) = (wanted.as_object(), answer.as_object()) else {
        return false;
    };
    let is_told = |field: &str| !matches!(field, "kind" | "apiVersion");
    let same = |field: &String| {
        let (mut wanted, mut answer) = (wanted.get(field).cloned(), answer.get(field).cloned());
        for one in [&mut wanted, &mut answer] {
            if let Some(fields) = one.as_mut().and_then(Value::as_object_mut) {
                fields.remove("managedFields");
            }
            // What is empty may be left out.
            *one = one.take().filter(|value| {
                !value.is_null() && value.as_object().is_none_or(|fields| !fields.is_empty())
            });
        }
        wanted == answer
    };
    let fields = wanted.keys().chain(answer.keys());
    fields.filter(|field| is_told(field)).all(same)
}

/// The text at a place; empty if there is none.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// If a list at a place has anything in it.
pub fn has_any(value: &Value, pointer: &str) -> bool {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.is_some_and(|list| !list.is_empty())
}

/// If an object waits for its end.
pub fn is_going(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}
