//! All objects of all kinds as of one revision, and then every change, in order: one stream, for those
//! who keep a picture of the whole cluster.

use super::{Registry, Target};
use crate::resource::{Catalog, Resource};
use crate::status::Failure;
use crate::storage::{At, Changed, Changes, KeyValue, Keys, KvError, Object, Range, Stream, Watch};
use bytes::Bytes;
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;

const ROOT: &str = "/registry/";
/// The first key that is followed: claims lie below it, so that whoever has claimed is told how far the
/// stream is. Little else lies between them and the objects.
const FIRST: &str = super::claim::PREFIX;
/// The first key behind all objects.
const END: &str = "/registry0";
/// Keys that are read at a time in the beginning.
const PAGE: usize = 500;

/// What is seen of an object.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Its resource, in the version it is stored in if that is served.
    pub resource: Arc<Resource>,
    /// Empty if it is in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The object; `None`: it is gone.
    pub object: Option<Object>,
    /// The revision of this.
    pub revision: u64,
}

impl Sighting {
    /// The object as a target of writes.
    pub fn target(&self) -> Target {
        Target {
            resource: self.resource.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            subresource: String::new(),
        }
    }
}

/// The stream. See [`Registry::everything`].
pub struct Everything {
    registry: Arc<Registry>,
    places: HashMap<String, Arc<Resource>>,
    skipped: Vec<String>,
    state: State,
}

enum State {
    /// The next key to read, as of which revision (0: the newest).
    Reading(Bytes, u64),
    Following(Stream<Result<Changes, KvError>>),
    Over,
}

/// A piece of the stream.
#[derive(Debug, Default)]
pub struct Piece {
    /// In order of revisions; in the beginning, in order of keys.
    pub sightings: Vec<Sighting>,
    /// Not zero: everything up to this revision has been told. Zero: more of the beginning is to come.
    pub revision: u64,
}

impl Registry {
    /// Everything there is, then what becomes of it. Objects of `skipped` resources, and such whose
    /// resource is not in the catalog, are left out.
    pub fn everything(self: &Arc<Registry>, catalog: &Catalog, skipped: &[&str]) -> Everything {
        let mut places: HashMap<String, Arc<Resource>> = HashMap::new();
        for resource in catalog.all() {
            let is_stored_version = resource.gvk == resource.stored;
            if is_stored_version || !places.contains_key(&resource.key) {
                places.insert(resource.key.clone(), Arc::new(resource.clone()));
            }
        }
        Everything {
            registry: self.clone(),
            places,
            skipped: skipped.iter().map(|&name| name.to_owned()).collect(),
            state: State::Reading(FIRST.into(), 0),
        }
    }
}

impl Everything {
    /// The next piece. After a failure it is over: begin anew.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Piece, Failure> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading(from, at) => self.read(from, at).await,
            State::Following(mut changes) => {
                let piece = match changes.next().await {
                    Some(Ok(piece)) => piece,
                    Some(Err(error)) => return Err(failed(&error)),
                    None => return Err(Failure::unavailable("the watch has ended")),
                };
                let told = piece
                    .changes
                    .into_iter()
                    .filter_map(|change| self.sighting(change.now, change.changed == Changed::Put));
                let sightings = told.collect();
                self.state = State::Following(changes);
                Ok(Piece {
                    sightings,
                    revision: piece.revision,
                })
            }
            State::Over => Err(Failure::unavailable("the stream is over")),
        }
    }

    async fn read(&mut self, from: Bytes, at: u64) -> Result<Piece, Failure> {
        let range = Range {
            key: from,
            end: Some(END.into()),
            at: match at {
                0 => At::Latest,
                at => At::Exactly(at),
            },
            limit: PAGE,
            keys_only: false,
        };
        let ranged = self.registry.kv.range(range).await;
        let ranged = ranged.map_err(|error| failed(&error))?;
        let last = match ranged.keys.len() < PAGE {
            true => None,
            false => ranged.keys.last().map(|last| last.key.clone()),
        };
        let revision = match last {
            Some(last) => {
                let next = [&last[..], &[0]].concat();
                self.state = State::Reading(next.into(), ranged.revision);
                0
            }
            None => {
                let changes = follow(&self.registry, ranged.revision + 1).await?;
                self.state = State::Following(changes);
                ranged.revision
            }
        };
        let found = ranged.keys.into_iter();
        Ok(Piece {
            sightings: found
                .filter_map(|found| self.sighting(found, true))
                .collect(),
            revision,
        })
    }

    /// `None`: it is of no resource that is followed.
    fn sighting(&self, found: KeyValue, is_there: bool) -> Option<Sighting> {
        let key = std::str::from_utf8(&found.key).ok()?.strip_prefix(ROOT)?;
        let resource = self.resource(key)?;
        let keys = Keys::of(resource, "");
        let place = keys.place(&found.key)?;
        Some(Sighting {
            namespace: place.namespace.to_owned(),
            name: place.name.to_owned(),
            resource: resource.clone(),
            object: is_there.then(|| Object::new(found.value, found.mod_revision)),
            revision: found.mod_revision,
        })
    }

    /// The resource whose place the key begins with. Places have one or two parts, and none is the
    /// beginning of another.
    fn resource(&self, key: &str) -> Option<&Arc<Resource>> {
        let mut ends = key.match_indices('/').map(|(at, _)| at);
        let (first, second) = (ends.next(), ends.next());
        let of = |end: Option<usize>| self.places.get(&key[..end?]);
        let found = of(second).or_else(|| of(first))?;
        let is_skipped = self.skipped.contains(&found.key);
        (!is_skipped).then_some(found)
    }
}

async fn follow(
    registry: &Registry,
    from: u64,
) -> Result<Stream<Result<Changes, KvError>>, Failure> {
    let watch = Watch {
        key: FIRST.into(),
        end: Some(END.into()),
        from,
        progress_every: None,
    };
    let watch = registry.kv.watch(watch).await;
    watch.map_err(|error| failed(&error))
}

fn failed(error: &KvError) -> Failure {
    match error {
        KvError::Compacted { .. } => Failure::list_expired(),
        other => Failure::unavailable(format!("the store: {other:?}")),
    }
}
