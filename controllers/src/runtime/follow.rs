//! Keeps the world as the store has it, and tells those who listen what changed.

use super::unread::Unread;
use super::world::{Change, Kind, World};
use keelson_apiserver::meter::Kind::Gauge;
use keelson_apiserver::meter::Page;
use keelson_apiserver::registry::{Registry, Sighting};
use keelson_apiserver::resource::Catalog;
use keelson_plants::{Plant, planted};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Resources that no loop looks at, by their place in the store. Events are many, and go by themselves.
const SKIPPED: &[&str] = &["events"];
/// Pause before the store is asked again after a failure.
const AGAIN: Duration = Duration::from_millis(100);

/// Is told of every change while it is registered, in order, with the world as it is afterwards. It must
/// be quick: everything waits for it.
pub trait Listener: Send + Sync {
    /// One change.
    fn hear(&self, world: &World, change: &Change);
}

/// The world, shared by all loops of a member.
pub struct Shared {
    world: RwLock<World>,
    /// What the world lacks, while nobody listens. Taken when the world is held for writing.
    unread: Mutex<Unread>,
    revision: watch::Sender<u64>,
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
    kinds: HashMap<String, Kind>,
    /// What is served, as of the world.
    catalog: RwLock<Arc<Catalog>>,
    is_current: AtomicBool,
}

impl Shared {
    /// An empty world, in which is served what is built in.
    pub fn new(catalog: &Arc<Catalog>) -> Shared {
        let kinds = Kind::ALL.iter().filter_map(|&kind| {
            let (group, version, plural) = kind.resource();
            let row = catalog.find(group, version, plural)?;
            Some((row.key.clone(), kind))
        });
        Shared {
            world: RwLock::default(),
            unread: Mutex::default(),
            revision: watch::Sender::new(0),
            listeners: RwLock::default(),
            kinds: kinds.collect(),
            catalog: RwLock::new(catalog.clone()),
            is_current: AtomicBool::new(false),
        }
    }

    /// Whether all has been read, and changes come in.
    pub fn is_current(&self) -> bool {
        self.is_current.load(Ordering::Relaxed)
    }

    /// Writes how many objects there are. Those that are [`SKIPPED`] are not known.
    pub fn show(&self, page: &mut Page) {
        const OLDER: &str = "apiserver_storage_objects";
        const NEWER: &str = "apiserver_resource_objects";
        let world = self.read();
        let counts = world.graph.counts();
        let counts = counts
            .map(|(resource, count)| (resource.gvk.group.clone(), resource.plural.clone(), count));
        let counts: Vec<_> = counts.collect();
        drop(world);
        page.family(OLDER, "Objects of a resource", Gauge);
        for (group, plural, count) in &counts {
            let dot = if group.is_empty() { "" } else { "." };
            let resource = format!("{plural}{dot}{group}");
            page.value(OLDER, &[("resource", &*resource)], count);
        }
        page.family(NEWER, "Objects of a resource", Gauge);
        for (group, plural, count) in &counts {
            let labels = [("group", group.as_str()), ("resource", plural.as_str())];
            page.value(NEWER, &labels, count);
        }
    }

    /// What is served: what is built in, and custom resources as of the world.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().clone()
    }

    /// The world as it is now. Do not hold it over anything that waits.
    pub fn read(&self) -> RwLockReadGuard<'_, World> {
        let is_behind = {
            let world = self.world.read();
            world.revision() < self.unread.lock().revision
        };
        if is_behind {
            self.catch_up(&mut self.world.write());
        }
        self.world.read()
    }

    /// Reads what was seen while nobody listened.
    fn catch_up(&self, world: &mut World) {
        let (seen, revision) = {
            let mut unread = self.unread.lock();
            (unread.take(), unread.revision)
        };
        for sighting in &seen {
            self.tell(world, sighting);
        }
        world.reach(revision);
    }

    /// Returns once the world shows this revision.
    pub async fn reached(&self, revision: u64) {
        let mut seen = self.revision.subscribe();
        // The sender lives as long as `self`.
        let _ = seen.wait_for(|seen| *seen >= revision).await;
    }

    /// Registers listeners, and lets `begin` see the world from which they hear on.
    pub(super) fn listen<T>(
        &self,
        listeners: Vec<Arc<dyn Listener>>,
        begin: impl FnOnce(&World) -> T,
    ) -> T {
        let mut world = self.world.write();
        self.catch_up(&mut world);
        *self.listeners.write() = listeners;
        begin(&world)
    }

    /// Nobody listens any more.
    pub(super) fn silence(&self) {
        self.listeners.write().clear();
    }

    /// Follows the store for ever. After a failure it begins anew, and what it missed is told as changes.
    pub async fn follow(&self, registry: &Arc<Registry>, catalog: &Arc<Catalog>) {
        loop {
            let mut stream = registry.everything(catalog, SKIPPED);
            let mut beginning: Option<HashSet<(String, String, String)>> = Some(HashSet::new());
            loop {
                match stream.next().await {
                    Ok(piece) => {
                        if let Some(catalog) = piece.catalog {
                            *self.catalog.write() = catalog;
                        }
                        if let Some(seen) = &mut beginning {
                            let places = piece.sightings.iter().map(place);
                            seen.extend(places);
                        }
                        let seen = match piece.revision {
                            0 => None,
                            _ => beginning.take(),
                        };
                        self.take_in(piece.sightings, seen, piece.revision);
                    }
                    Err(failure) => {
                        self.is_current.store(false, Ordering::Relaxed);
                        tracing::debug!(%failure, "the world is read anew");
                        break;
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// `all`: everything there is, so that what is not among it is gone.
    fn take_in(
        &self,
        sightings: Vec<Sighting>,
        all: Option<HashSet<(String, String, String)>>,
        revision: u64,
    ) {
        let mut world = self.world.write();
        if self.listeners.read().is_empty() {
            let mut unread = self.unread.lock();
            unread.revision = unread.revision.max(revision);
            for sighting in sightings {
                unread.note(sighting);
            }
            let is_due = all.is_some() || unread.is_much();
            drop(unread);
            if is_due {
                self.catch_up(&mut world);
            }
        } else {
            // Whoever listens is told of every state. Nothing is unread: that was caught up with before.
            for sighting in &sightings {
                self.tell(&mut world, sighting);
            }
            world.reach(revision);
        }
        if let Some(all) = all.filter(|_| !planted(Plant::InformerMissesDelete)) {
            for gone in gone(&world, &all, revision) {
                self.tell(&mut world, &gone);
            }
        }
        if revision > 0 {
            self.revision.send_replace(revision);
            self.is_current.store(true, Ordering::Relaxed);
        }
    }

    fn tell(&self, world: &mut World, sighting: &Sighting) {
        let kind = self.kinds.get(&sighting.resource.key).copied();
        if let Some(change) = world.see(sighting, kind) {
            for listener in self.listeners.read().iter() {
                listener.hear(world, &change);
            }
        }
    }
}

fn place(sighting: &Sighting) -> (String, String, String) {
    (
        sighting.resource.key.clone(),
        sighting.namespace.clone(),
        sighting.name.clone(),
    )
}

/// What the world still has and the store has not.
fn gone(world: &World, all: &HashSet<(String, String, String)>, revision: u64) -> Vec<Sighting> {
    let known = world.graph.all().map(|node| Sighting {
        resource: node.reference.resource.clone(),
        namespace: node.reference.key.namespace.to_string(),
        name: node.reference.key.name.to_string(),
        object: None,
        revision,
    });
    known
        .filter(|sighting| !all.contains(&place(sighting)))
        .collect()
}
