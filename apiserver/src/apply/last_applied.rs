//! From `kubectl apply` on the client's side to apply on the server's.
//!
//! Who applied by `kubectl` before is recorded as having updated, and its configuration stands in an
//! annotation. When `kubectl` applies on the server, values that are still as that annotation has them
//! are its own and no conflict; and the annotation follows, so that it can go back.

use super::kind::Request;
use super::path::{Set, fields_v1};
use super::typed::{compare, owned, validate};
use serde_json::{Map, Value, json};

/// The manager for whom this is done.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All annotations of an object, names and values, in bytes.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Fields that are as the annotation of the live object has them: taking them over is no conflict. None
/// if there is no such annotation for this version, or it does not fit the type.
pub(super) fn unchanged_since(request: &Request<'_>, live: &Value) -> Option<Set> {
    let text = annotations(live)?.get(ANNOTATION)?.as_str()?;
    let last: Value = serde_json::from_str(text).ok()?;
    if last.get("apiVersion")?.as_str()? != request.api_version {
        return None;
    }
    let typed = request.kind.typed(request.api_version)?;
    validate(typed, &last).ok()?;
    let changes = compare(typed, &last, live);
    let unchanged = owned(typed, &last).difference(&changes.modified);
    Some(
        unchanged
            .difference(&changes.added)
            .difference(&changes.removed),
    )
}

/// Writes the configuration into the annotation, if the object has it. An annotation that would make
/// all of them too large goes instead.
pub(super) fn follow(object: &mut Value, config: &Value) {
    let has = annotations(object)
        .and_then(|all| all.get(ANNOTATION))
        .and_then(Value::as_str);
    if has.is_none_or(str::is_empty) {
        return;
    }
    let mut config = config.clone();
    if let Some(all) = annotations_mut(&mut config) {
        all.remove(ANNOTATION);
    }
    let text = fields_v1::go_json(&config) + "\n";
    let Some(all) = annotations_mut(object) else {
        return;
    };
    all.insert(ANNOTATION.to_owned(), json!(text));
    let sizes = all
        .iter()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len));
    if sizes.sum::<usize>() > MAX_ANNOTATIONS {
        all.remove(ANNOTATION);
    }
}

fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("annotations")?.as_object()
}

fn annotations_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object
        .get_mut("metadata")?
        .get_mut("annotations")?
        .as_object_mut()
}
