//! What was seen of objects and not looked into yet.
//!
//! On a member that does not lead nobody looks at the world, but it has to be at hand when this member comes
//! to lead. An object that is new changes several times within seconds; most of these states are never looked
//! at, so only the last one is read, when somebody asks or when enough has come together.

use keelson_apiserver::registry::Sighting;
use std::collections::HashMap;

/// Objects at most. To read so many takes some 30 ms, by which this member leads later.
const OBJECTS_MAX: usize = 2048;
/// Bytes of all states that came since the last time. States that were overtaken count as well: they may lie
/// in one buffer with some that were not.
const BYTES_MAX: usize = 8 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Unread {
    sightings: HashMap<String, Sighting>,
    bytes: usize,
    /// The world shows this revision once all is read.
    pub(super) revision: u64,
}

impl Unread {
    /// Keeps what was seen in place of what was seen of the same object before.
    pub(super) fn note(&mut self, sighting: Sighting) {
        let object = sighting.object.as_ref();
        self.bytes += object.map_or(0, |object| object.stored().len());
        self.sightings.insert(place(&sighting), sighting);
    }

    /// Whether it is time to read.
    pub(super) fn is_much(&self) -> bool {
        self.sightings.len() >= OBJECTS_MAX || self.bytes >= BYTES_MAX
    }

    /// Everything, in the order of revisions. Nothing is left.
    pub(super) fn take(&mut self) -> Vec<Sighting> {
        self.bytes = 0;
        let mut all: Vec<Sighting> = self.sightings.drain().map(|(_, seen)| seen).collect();
        all.sort_unstable_by_key(|sighting| sighting.revision);
        all
    }
}

fn place(sighting: &Sighting) -> String {
    // None of the three has a zero byte in it.
    let parts = [&sighting.resource.key, &sighting.namespace, &sighting.name];
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    let mut place = String::with_capacity(length);
    for part in parts {
        place.push_str(part);
        place.push('\0');
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apiserver::resource::{Catalog, everything};
    use keelson_apiserver::storage::Object;
    use std::sync::Arc;

    fn pod(name: &str, bytes: usize, revision: u64) -> Sighting {
        let catalog: &Catalog = everything();
        let resource = catalog.find("", "v1", "pods").unwrap();
        let text = vec![b'x'; bytes];
        Sighting {
            resource: Arc::new(resource.clone()),
            namespace: "ns".to_owned(),
            name: name.to_owned(),
            object: (bytes > 0).then(|| Object::new(text.into(), revision)),
            revision,
        }
    }

    #[test]
    fn the_last_that_was_seen_of_each_object_is_read_in_order() {
        let mut unread = Unread::default();
        for (name, bytes, revision) in [
            ("b", 9, 1),
            ("a", 9, 2),
            ("b", 9, 3),
            ("c", 9, 4),
            ("c", 0, 5),
        ] {
            unread.note(pod(name, bytes, revision));
        }
        let all: Vec<_> = unread.take();
        let all: Vec<_> = all
            .iter()
            .map(|seen| (&*seen.name, seen.revision, seen.object.is_some()))
            .collect();
        assert_eq!(all, [("a", 2, true), ("b", 3, true), ("c", 5, false)]);
        assert!(unread.take().is_empty());
    }

    #[test]
    fn many_objects_and_many_states_of_one_are_much() {
        let mut unread = Unread::default();
        for revision in 0..OBJECTS_MAX {
            assert!(!unread.is_much());
            unread.note(pod(&revision.to_string(), 1, revision as u64));
        }
        assert!(unread.is_much());
        unread.take();
        for revision in 0..8 {
            assert!(!unread.is_much());
            unread.note(pod("one", BYTES_MAX / 8, revision));
        }
        assert!(unread.is_much());
    }
}
