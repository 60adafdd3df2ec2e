//! All objects of all kinds as of one revision, and then every change, in order: one stream, for those
//! who keep a picture of the whole cluster.
//!
//! Definitions of custom resources are objects like others, so the stream itself says from which revision
//! on there are objects of a kind and where they lie. In the beginning they are read first.

use super::{Registry, Target};
use crate::custom::Definitions;
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
/// Below it are definitions of custom resources.
const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";
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
    definitions: Definitions,
    /// What is served is not what was told.
    is_changed: bool,
    skipped: Vec<String>,
    state: State,
}

enum State {
    /// The definitions are to be read, from this key on.
    Defining(Bytes, u64),
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
    /// What is served as of this piece, if it is not what it was before. At first that is what is built in.
    pub catalog: Option<Arc<Catalog>>,
}

impl Registry {
    /// Everything there is, then what becomes of it. Objects of `skipped` resources, and such whose
    /// resource is neither in the catalog nor defined, are left out.
    pub fn everything(
        self: &Arc<Registry>,
        catalog: &Arc<Catalog>,
        skipped: &[&str],
    ) -> Everything {
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
            definitions: Definitions::new(catalog.clone()),
            is_changed: true,
            skipped: skipped.iter().map(|&name| name.to_owned()).collect(),
            state: State::Defining(format!("{ROOT}{DEFINITIONS}/").into(), 0),
        }
    }
}

impl Everything {
    /// The next piece. After a failure it is over: begin anew.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Piece, Failure> {
        let mut piece = match std::mem::replace(&mut self.state, State::Over) {
            State::Defining(from, at) => self.define_all(from, at).await?,
            State::Reading(from, at) => self.read(from, at).await?,
            State::Following(mut changes) => {
                let piece = match changes.next().await {
                    Some(Ok(piece)) => piece,
                    Some(Err(error)) => return Err(failed(&error)),
                    None => return Err(Failure::unavailable("the watch has ended")),
                };
                let mut sightings = Vec::with_capacity(piece.changes.len());
                for change in piece.changes {
                    let is_there = change.changed == Changed::Put;
                    if let Some(sighting) = self.sighting(change.now, is_there) {
                        // What lies where it says comes after it.
                        self.define(&sighting);
                        sightings.push(sighting);
                    }
                }
                self.state = State::Following(changes);
                Piece {
                    sightings,
                    revision: piece.revision,
                    catalog: None,
                }
            }
            State::Over => return Err(Failure::unavailable("the stream is over")),
        };
        let is_defined = !matches!(self.state, State::Defining(..));
        if is_defined && std::mem::take(&mut self.is_changed) {
            piece.catalog = Some(Arc::new(self.definitions.catalog()));
        }
        Ok(piece)
    }

    /// Reads definitions. They are told when it is their turn among the others.
    async fn define_all(&mut self, from: Bytes, at: u64) -> Result<Piece, Failure> {
        let end = format!("{ROOT}{DEFINITIONS}0");
        let (found, revision, next) = self.page(from, end.into(), at).await?;
        for sighting in &found {
            self.define(sighting);
        }
        self.state = match next {
            Some(next) => State::Defining(next, revision),
            None => State::Reading(FIRST.into(), revision),
        };
        Ok(Piece::default())
    }

    async fn read(&mut self, from: Bytes, at: u64) -> Result<Piece, Failure> {
        let (sightings, revision, next) = self.page(from, END.into(), at).await?;
        let mut piece = Piece {
            sightings,
            ..Piece::default()
        };
        match next {
            Some(next) => self.state = State::Reading(next, revision),
            None => {
                let changes = follow(&self.registry, revision + 1).await?;
                self.state = State::Following(changes);
                piece.revision = revision;
            }
        }
        Ok(piece)
    }

    /// One piece of a range: what is there, as of which revision, and from where on there is more.
    async fn page(
        // The stream is nobody's but this one's: a reference that can be shared could not be sent.
        &mut self,
        from: Bytes,
        end: Bytes,
        at: u64,
    ) -> Result<(Vec<Sighting>, u64, Option<Bytes>), Failure> {
        let range = Range {
            key: from,
            end: Some(end),
            at: match at {
                0 => At::Latest,
                at => At::Exactly(at),
            },
            limit: PAGE,
            keys_only: false,
        };
        let ranged = self.registry.kv.range(range).await;
        let ranged = ranged.map_err(|error| failed(&error))?;
        let next = match ranged.keys.len() < PAGE {
            true => None,
            false => ranged
                .keys
                .last()
                .map(|last| [&last.key[..], &[0]].concat()),
        };
        let found = ranged.keys.into_iter();
        let found = found.filter_map(|found| self.sighting(found, true));
        Ok((found.collect(), ranged.revision, next.map(Bytes::from)))
    }

    /// Takes in what a definition says, if it is one. Objects that are stored in a version which is not
    /// served are seen, too.
    fn define(&mut self, sighting: &Sighting) {
        if sighting.resource.key != DEFINITIONS {
            return;
        }
        let known = self.definitions.get(&sighting.name);
        if let Some(stored) = known.and_then(|known| known.stored.as_ref()) {
            self.places.remove(&stored.key);
        }
        match sighting.object.as_ref().and_then(|object| object.value()) {
            Some(value) => self
                .definitions
                .put(&sighting.name, value, sighting.revision),
            None => self.definitions.remove(&sighting.name),
        }
        let known = self.definitions.get(&sighting.name);
        if let Some(stored) = known.and_then(|known| known.stored.as_ref()) {
            let resource = Arc::new(stored.clone());
            self.places.insert(stored.key.clone(), resource);
        }
        self.is_changed = true;
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
