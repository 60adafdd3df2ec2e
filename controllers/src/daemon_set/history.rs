//! The templates that a DaemonSet has had, each in a ControllerRevision (DS5): clients go back to them.

use super::observe::{Observed, selector};
use super::template::HASH;
use crate::objects::{ControllerRevision, DaemonSet, Meta};
use crate::pods::{Belonging, adoption, belonging};
use crate::runtime::World;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// Old templates that are kept, unless the DaemonSet says.
const KEPT: i32 = 10;
/// What hashes are written with: no vowels, so no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    /// That of the present template.
    pub present: Option<Arc<ControllerRevision>>,
    /// The others, the oldest first.
    pub old: Vec<Arc<ControllerRevision>>,
    /// Those that nobody manages and the DaemonSet selects, and how it takes them in.
    pub orphans: Vec<(Meta, Value)>,
}

impl History {
    /// The templates of a DaemonSet.
    pub fn of(world: &World, set: &DaemonSet) -> History {
        let mut history = History::default();
        let data = data(set);
        let (meta, selector) = (&set.metadata, selector(set));
        let mut all: Vec<_> = world
            .controller_revisions
            .controlled_by(&meta.uid)
            .cloned()
            .collect();
        all.sort_by_key(|one| one.revision);
        for one in all {
            match one.data == data {
                true => history.old.extend(history.present.replace(one)),
                false => history.old.push(one),
            }
        }
        for one in world.controller_revisions.orphans(&meta.namespace) {
            let labels = &one.metadata.labels;
            let matches = selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels));
            if belonging(meta, matches, &one.metadata) == Belonging::Orphaned {
                let owner = meta.owner_reference("apps/v1", "DaemonSet");
                let patch = adoption(&one.metadata, &owner);
                history.orphans.push((one.metadata.clone(), patch));
            }
        }
        history
    }

    /// The number that the present template shall have: higher than all others.
    pub fn number(&self) -> i64 {
        let old = self.old.iter().map(|one| one.revision).max();
        let next = old.unwrap_or_default() + 1;
        let present = self.present.as_ref().map(|present| present.revision);
        present.map_or(next, |present| present.max(next))
    }

    /// Those that are too many, and of which no Pod is.
    pub fn surplus(&self, observed: &Observed) -> Vec<&Arc<ControllerRevision>> {
        let limit = observed.set.spec.revision_history_limit.unwrap_or(KEPT);
        let kept = usize::try_from(limit).unwrap_or_default();
        let too_many = self.old.len().saturating_sub(kept);
        let pods = observed.pods.values().flatten();
        let live: HashSet<_> = pods
            .filter_map(|pod| pod.metadata.labels.get(HASH))
            .collect();
        let unused = self.old.iter();
        let unused = unused.filter(|one| {
            one.metadata
                .labels
                .get(HASH)
                .is_none_or(|hash| !live.contains(hash))
        });
        unused.take(too_many).collect()
    }
}

/// The hash that Pods of a template have.
pub fn hash_of(revision: &ControllerRevision) -> &str {
    revision
        .metadata
        .labels
        .get(HASH)
        .map_or("", String::as_str)
}

/// A new revision for the present template.
pub fn revision(set: &DaemonSet, number: i64) -> Value {
    let data = data(set);
    let hash = hash(&data, set.status.collision_count.unwrap_or_default());
    let meta = &set.metadata;
    let labels = set.spec.template.pointer("/metadata/labels");
    let mut labels = labels.cloned().unwrap_or_else(|| json!({}));
    labels[HASH] = hash.as_str().into();
    json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", meta.name),
            "namespace": meta.namespace,
            "labels": labels,
            "annotations": meta.annotations,
            "ownerReferences": [meta.owner_reference("apps/v1", "DaemonSet")],
        },
        "data": data,
        "revision": number,
    })
}

/// What is kept of a DaemonSet: a patch that brings its template back.
fn data(set: &DaemonSet) -> Value {
    let mut template = set.spec.template.clone();
    template["$patch"] = "replace".into();
    json!({"spec": {"template": template}})
}

/// Ten letters at most that are different for different templates, mostly; and for the same one by count.
fn hash(data: &Value, collisions: i32) -> String {
    // FNV-1a. It must be the same in every release.
    let text = format!("{data}{collisions}");
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let digits = hash.to_string().into_bytes();
    let letters = digits
        .iter()
        .map(|digit| LETTERS[usize::from(*digit) % LETTERS.len()]);
    letters.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ds5_a_hash_is_stable_and_has_ten_letters_at_most() {
        let data = json!({"a": 1});
        assert_eq!(hash(&data, 0), hash(&json!({"a": 1}), 0));
        assert_ne!(hash(&data, 0), hash(&data, 1));
        assert_ne!(hash(&data, 0), hash(&json!({"a": 2}), 0));
        assert!(hash(&data, 0).len() <= 10);
    }
}
