//! Where the state lies on disk, and how one state replaces another.
//!
//! `<data-dir>/state/CURRENT` names a generation, `<data-dir>/state/<generation>/` holds it. A snapshot
//! from the leader becomes the next generation: received beside the present one, made durable, then
//! named in `CURRENT` by an atomic rename. A crash at any point leaves the old state or the new one.

use crate::apply::{self, Machine};
use crate::engine::{Engine, EngineError, Engines, GarbageSlot};
use crate::faults::{Plant, failpoint, planted};
use crate::mvcc;
use crate::world::{Lanes, Step, Work};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How states are opened.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// What they lie on.
    pub engines: Engines,
    /// Who removes those that were replaced.
    pub lanes: Lanes,
    /// Budget of the cache of newest records, in bytes.
    pub cache_bytes: usize,
    /// Who applies here.
    pub origin: apply::Origin,
}

/// An opened state: what readers use and what the apply thread owns.
pub struct Loaded {
    /// For readers.
    pub store: Arc<mvcc::Store>,
    /// For the apply thread.
    pub machine: Machine,
}

/// The directory of states.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
    options: StateOptions,
    received: Arc<AtomicU64>,
}

/// See [`StateDir::incoming`].
const INCOMING: &str = "incoming";

/// How often a replaced state is looked at, whether somebody still reads it.
const RETIRE_INTERVAL: Duration = Duration::from_millis(100);

impl StateDir {
    /// States under `<data_dir>/state`.
    pub fn new(data_dir: &Path, options: StateOptions) -> StateDir {
        StateDir {
            root: data_dir.join("state"),
            options,
            received: Arc::default(),
        }
    }

    /// Whether a state has ever been made here.
    pub fn exists(&self) -> bool {
        self.root.join("CURRENT").exists()
    }

    fn generation(&self, number: u64) -> PathBuf {
        self.root.join(format!("{number:08}"))
    }

    /// Who carries out what blocks here.
    pub fn lanes(&self) -> &Lanes {
        &self.options.lanes
    }

    /// Where the database of a first state is to be made, in a directory that has none.
    pub fn first(&self) -> PathBuf {
        self.generation(1).join("db")
    }

    /// Makes the state in [`first`](StateDir::first) durable and the current one.
    ///
    /// # Errors
    /// The disk's.
    pub fn adopt_first(&self) -> io::Result<()> {
        sync_tree(&self.generation(1))?;
        self.set_current(1)
    }

    /// Where a snapshot of another member is collected. What lies there outlives a restart, because a
    /// transfer that broke off is gone on with.
    pub fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    /// A fresh path for a snapshot that has arrived whole, until it is installed. One that is being
    /// installed and the next one must not meet.
    pub fn received(&self) -> PathBuf {
        let number = self.received.fetch_add(1, Ordering::Relaxed);
        self.root.join(format!("received-{number}"))
    }

    /// A fresh path for an outgoing checkpoint, which must not exist yet.
    pub fn outgoing(&self, name: &str) -> PathBuf {
        self.root.join(format!("outgoing-{name}"))
    }

    /// Opens the current generation, or makes the first one. Removes what crashes left behind.
    ///
    /// # Errors
    /// The engine's, with the place.
    pub fn open(&self, must_exist: bool) -> Result<Loaded, EngineError> {
        let current = self.current().map_err(|error| self.io(&error))?;
        let number = match current {
            Some(number) => number,
            None if must_exist => {
                return Err(EngineError::Damaged {
                    place: self.root.display().to_string(),
                    detail: "this member has run before, but its state is gone".to_owned(),
                });
            }
            None => 1,
        };
        self.remove_leftovers(number)
            .map_err(|error| self.io(&error))?;
        let loaded = self.load(number, current.is_some())?;
        if current.is_none() {
            self.set_current(number).map_err(|error| self.io(&error))?;
        }
        Ok(loaded)
    }

    /// Makes a received snapshot the current generation and opens it.
    ///
    /// # Errors
    /// The disk's or the engine's. The old generation is still current unless the new one opened.
    pub fn install(&self, received: &Path) -> Result<Loaded, EngineError> {
        let number = self
            .current()
            .map_err(|error| self.io(&error))?
            .unwrap_or(0)
            + 1;
        let target = self.generation(number);
        if planted(Plant::SnapshotNamedEarly) {
            self.set_current(number).map_err(|error| self.io(&error))?;
        }
        self.take_in(received, &target)
            .map_err(|error| self.io(&error))?;
        let loaded = self.load(number, true)?;
        failpoint!("install-loaded");
        self.set_current(number).map_err(|error| self.io(&error))?;
        Ok(loaded)
    }

    fn take_in(&self, received: &Path, target: &Path) -> io::Result<()> {
        remove_all(target)?;
        failpoint!("install-before-sync", fails);
        sync_tree(received)?;
        failpoint!("install-before-rename", fails);
        fs::rename(received, target)?;
        failpoint!("install-renamed", fails);
        sync_directory(&self.root)
    }

    /// Removes the generation before the current one as soon as nobody uses `replaced`, its store, any
    /// more: a reader, a flush or a sweep may be at work in it. Does not wait.
    ///
    /// # Errors
    /// The system's. What stays behind is removed at the next start.
    pub fn retire(&self, replaced: Arc<mvcc::Store>) -> io::Result<()> {
        let Some(number) = self.current()?.and_then(|current| current.checked_sub(1)) else {
            return Ok(());
        };
        let retirement = Retirement {
            replaced: Some(replaced),
            path: self.generation(number),
        };
        self.options.lanes.start("retire", retirement)?;
        Ok(())
    }

    /// Opens a copy that [`Engine::checkpoint`] made, to read it.
    ///
    /// # Errors
    /// The engine's, with the place.
    pub fn open_copy(&self, path: &Path) -> Result<Arc<dyn Engine>, EngineError> {
        self.options.engines.open_copy(path)
    }

    fn load(&self, number: u64, must_exist: bool) -> Result<Loaded, EngineError> {
        let directory = self.generation(number);
        let garbage = GarbageSlot::default();
        let engines = &self.options.engines;
        let engine = engines.open(&directory.join("db"), garbage.clone(), must_exist)?;
        let options = mvcc::Options {
            cache_bytes: self.options.cache_bytes,
            index_dir: engines.have_files().then(|| directory.join("index")),
        };
        let store = mvcc::Store::open(engine, garbage, options)?;
        let machine = Machine::open(Arc::clone(&store), self.options.origin)?;
        Ok(Loaded { store, machine })
    }

    fn current(&self) -> io::Result<Option<u64>> {
        match fs::read_to_string(self.root.join("CURRENT")) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("state/CURRENT holds {text:?} instead of a generation number"),
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_current(&self, number: u64) -> io::Result<()> {
        if !self.options.engines.outlive_processes() {
            return Ok(());
        }
        let temporary = self.root.join("CURRENT.new");
        let mut file = File::create(&temporary)?;
        writeln!(file, "{number}")?;
        file.sync_all()?;
        failpoint!("current-before-rename", fails);
        fs::rename(&temporary, self.root.join("CURRENT"))?;
        failpoint!("current-renamed", fails);
        sync_directory(&self.root)
    }

    fn remove_leftovers(&self, current: u64) -> io::Result<()> {
        fs::create_dir_all(&self.root)?;
        let keep = [self.generation(current), self.incoming()];
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() && !keep.contains(&path) {
                remove_all(&path)?;
            }
        }
        Ok(())
    }

    fn io(&self, error: &io::Error) -> EngineError {
        EngineError::Io {
            place: self.root.display().to_string(),
            detail: error.to_string(),
        }
    }
}

/// A replaced state that goes as soon as nobody uses it any more.
struct Retirement {
    replaced: Option<Arc<mvcc::Store>>,
    path: PathBuf,
}

impl Work for Retirement {
    fn run(mut self) {
        while self.step() != Step::Over {
            std::thread::sleep(RETIRE_INTERVAL);
        }
    }

    fn step(&mut self) -> Step {
        let used = |replaced: &Arc<mvcc::Store>| Arc::strong_count(replaced) > 1;
        if self.replaced.as_ref().is_some_and(used) {
            return Step::Wait(RETIRE_INTERVAL);
        }
        self.replaced = None;
        failpoint!("retire-before-remove");
        if let Err(error) = remove_all(&self.path) {
            tracing::warn!(%error, "the replaced state could not be removed");
        }
        Step::Over
    }
}

/// Removes a directory with everything in it, if it is there.
///
/// # Errors
/// The disk's.
pub fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names in a directory durable.
///
/// # Errors
/// The disk's.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
        }
    }
    sync_directory(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Batch, Family};

    fn states(scratch: &Path, engines: Engines) -> StateDir {
        let options = StateOptions {
            engines,
            lanes: Lanes::default(),
            cache_bytes: 1 << 20,
            origin: apply::Origin {
                member: 1,
                incarnation: 1,
            },
        };
        StateDir::new(scratch, options)
    }

    #[test]
    fn an_install_that_fails_leaves_the_old_state() {
        let scratch = tempfile::tempdir().expect("a directory");
        let states = states(scratch.path(), Engines::Rocks);
        let loaded = states.open(false).expect("a first state");
        let broken = states.install(&scratch.path().join("was-never-received"));
        assert!(broken.is_err());
        drop(loaded);
        assert!(
            states.open(true).is_ok(),
            "the old state is the current one"
        );
    }

    #[test]
    fn a_copy_is_opened_and_installed_whatever_the_engine() {
        for engines in [Engines::Rocks, Engines::Memory] {
            let scratch = tempfile::tempdir().expect("a directory");
            let states = states(scratch.path(), engines);
            let loaded = states.open(false).expect("a first state");
            let engine = loaded.store.engine();
            let mut batch = Batch::default();
            batch.put(Family::Auth, b"key", &[b"here"]);
            engine.write(&batch).expect("written");
            let incoming = scratch.path().join("incoming");
            fs::create_dir(&incoming).expect("made");
            engine.checkpoint(&incoming.join("db")).expect("copied");

            let found = |engine: &dyn Engine| {
                let value = engine.get(Family::Auth, b"key");
                value.expect("read").expect("there")
            };
            let copy = states.open_copy(&incoming.join("db")).expect("opened");
            assert_eq!(found(&*copy), "here");
            drop((copy, loaded));
            let installed = states.install(&incoming).expect("installed");
            assert_eq!(found(&**installed.store.engine()), "here");
        }
    }
}
