//! A disk in memory that fails, for tests and simulation.
//!
//! It keeps apart what was written and what is durable. [`FaultyDisk::crash`] is a power cut: of what
//! was not synced, any part may be there, sector by sector and name by name. Whoever mounted the disk
//! before the cut finds it and its open files dead afterwards, so a process whose threads still run
//! can do no more harm.

use super::disk::{Disk, DiskFile};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a power cut can tear apart.
const SECTOR: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    random: SmallRng,
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    /// Grows with each crash; what was opened before is dead.
    boot: u64,
    operations: u64,
    crash_at: Option<u64>,
    fail_sync_at: Option<u64>,
    syncs: u64,
    space: u64,
    lies: bool,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Create(path, file) => {
                names.insert(path, file);
            }
            NameChange::Rename(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            NameChange::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the simulated disk has no power")
}

impl FaultyDisk {
    /// An empty disk. The seed decides what survives crashes.
    pub fn new(seed: u64) -> FaultyDisk {
        let inner = Inner {
            random: SmallRng::seed_from_u64(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            boot: 0,
            operations: 0,
            crash_at: None,
            fail_sync_at: None,
            syncs: 0,
            space: u64::MAX,
            lies: false,
        };
        FaultyDisk {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// The disk for a process that starts now. It is dead to that process after the next crash.
    pub fn mounted(&self) -> Arc<dyn Disk> {
        Arc::new(Mounted {
            boot: self.inner.lock().boot,
            disk: self.clone(),
        })
    }

    /// Cuts the power and restores it: a random part of what was not synced is lost.
    pub fn crash(&self) {
        let mut inner = self.inner.lock();
        inner.boot += 1;
        (inner.crash_at, inner.fail_sync_at) = (None, None);
        let Inner {
            random,
            files,
            names,
            durable_names,
            pending_names,
            ..
        } = &mut *inner;
        for change in pending_names.drain(..) {
            if random.random() {
                change.apply(durable_names);
            }
        }
        *names = durable_names.clone();
        for file in files {
            file.crash(random);
        }
    }

    /// Cuts the power in the middle of the operation after so many more operations. From then on
    /// everything fails until [`FaultyDisk::crash`].
    pub fn crash_after(&self, operations: u64) {
        let mut inner = self.inner.lock();
        inner.crash_at = Some(inner.operations + operations);
    }

    /// Whether the power is off because of [`FaultyDisk::crash_after`].
    pub fn is_down(&self) -> bool {
        let inner = self.inner.lock();
        inner.crash_at.is_some_and(|at| inner.operations > at)
    }

    /// Operations so far: everything but opening, listing and reading.
    pub fn operations(&self) -> u64 {
        self.inner.lock().operations
    }

    /// Lets one file sync fail, after so many more good ones. What was to be synced is lost, but stays
    /// readable, as it does on a real system; later syncs claim to succeed.
    pub fn fail_sync_after(&self, syncs: u64) {
        let mut inner = self.inner.lock();
        inner.fail_sync_at = Some(inner.syncs + syncs);
    }

    /// Lets files grow by so many bytes more.
    pub fn limit_space(&self, bytes: u64) {
        self.inner.lock().space = bytes;
    }

    /// Whether file syncs claim to succeed and do nothing from now on.
    pub fn lie(&self, lies: bool) {
        self.inner.lock().lies = lies;
    }

    /// The names of the files and their bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let inner = self.inner.lock();
        let content = |file: &usize| inner.files[*file].now.clone();
        inner
            .names
            .iter()
            .map(|(path, file)| (path.clone(), content(file)))
            .collect()
    }

    /// Changes a file behind everybody's back, durably. `None`: no such file.
    pub fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        let mut inner = self.inner.lock();
        let file = *inner.names.get(path)?;
        let content = &mut inner.files[file];
        change(&mut content.now);
        content.durable = content.now.clone();
        content.pending.clear();
        Some(())
    }

    /// A copy of the disk as it is now, everything on it durable.
    pub fn copy(&self) -> FaultyDisk {
        FaultyDisk::holding(self.files())
    }

    /// A copy of what a crash right now would certainly leave.
    pub fn durable_copy(&self) -> FaultyDisk {
        let inner = self.inner.lock();
        let names = inner.durable_names.iter();
        let files = names.map(|(path, file)| (path.clone(), inner.files[*file].durable.clone()));
        FaultyDisk::holding(files.collect())
    }

    fn holding(files: Vec<(PathBuf, Vec<u8>)>) -> FaultyDisk {
        let copy = FaultyDisk::new(0);
        let mut inner = copy.inner.lock();
        for (path, bytes) in files {
            let file = inner.files.len();
            let content = Content {
                now: bytes.clone(),
                durable: bytes,
                pending: Vec::new(),
            };
            inner.files.push(content);
            inner.names.insert(path.clone(), file);
            inner.durable_names.insert(path, file);
        }
        drop(inner);
        copy
    }
}

impl Content {
    fn crash(&mut self, random: &mut SmallRng) {
        for (offset, bytes) in self.pending.drain(..) {
            // Some writes are lost, some are whole, some are torn at sectors, some at any byte.
            let kind = random.random_range(0..4);
            let cut = random.random_range(0..=bytes.len());
            let mut at = 0;
            while at < bytes.len() {
                let end = bytes
                    .len()
                    .min((offset + at) / SECTOR * SECTOR + SECTOR - offset);
                let (survives, end) = match kind {
                    0 => (false, end),
                    1 => (true, end),
                    2 => (random.random(), end),
                    _ => (at < cut, if at < cut { end.min(cut) } else { end }),
                };
                if survives {
                    put(&mut self.durable, offset + at, &bytes[at..end]);
                }
                at = end;
            }
        }
        self.now = self.durable.clone();
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Inner {
    /// Counts an operation. An error: there is no power. `Ok(true)`: it fails in this operation.
    fn step(&mut self, boot: u64) -> io::Result<bool> {
        self.alive(boot)?;
        self.operations += 1;
        Ok(self.crash_at.is_some_and(|at| self.operations > at))
    }

    fn alive(&self, boot: u64) -> io::Result<()> {
        if self.boot != boot || self.crash_at.is_some_and(|at| self.operations > at) {
            return Err(power_is_off());
        }
        Ok(())
    }

    fn change(&mut self, boot: u64, change: NameChange) -> io::Result<()> {
        let failing = self.step(boot)?;
        let again = match &change {
            NameChange::Create(path, file) => NameChange::Create(path.clone(), *file),
            NameChange::Rename(from, to) => NameChange::Rename(from.clone(), to.clone()),
            NameChange::Remove(path) => NameChange::Remove(path.clone()),
        };
        change.apply(&mut self.names);
        self.pending_names.push(again);
        if failing { Err(power_is_off()) } else { Ok(()) }
    }

    fn find(&self, boot: u64, path: &Path) -> io::Result<usize> {
        self.alive(boot)?;
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct Mounted {
    disk: FaultyDisk,
    boot: u64,
}

impl Disk for Mounted {
    fn create_directory(&self, _: &Path) -> io::Result<()> {
        let inner = self.disk.inner.lock();
        inner.alive(self.boot)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let inner = self.disk.inner.lock();
        inner.alive(self.boot)?;
        let inside = inner
            .names
            .keys()
            .filter(|path| path.parent() == Some(directory));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.disk.inner.lock();
        let file = inner.find(self.boot, path)?;
        Ok(Arc::new(FaultyFile {
            disk: self.disk.clone(),
            boot: self.boot,
            file,
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.disk.inner.lock();
        inner.alive(self.boot)?;
        let file = inner.files.len();
        inner.files.push(Content::default());
        inner.change(self.boot, NameChange::Create(path.to_owned(), file))?;
        Ok(Arc::new(FaultyFile {
            disk: self.disk.clone(),
            boot: self.boot,
            file,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.find(self.boot, from)?;
        inner.change(
            self.boot,
            NameChange::Rename(from.to_owned(), to.to_owned()),
        )
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.find(self.boot, path)?;
        inner.change(self.boot, NameChange::Remove(path.to_owned()))
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        if inner.step(self.boot)? {
            return Err(power_is_off());
        }
        inner.durable_names = inner.names.clone();
        inner.pending_names.clear();
        Ok(())
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    boot: u64,
    file: usize,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.inner.lock();
        inner.alive(self.boot)?;
        let content = &inner.files[self.file].now;
        let rest = content.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        let failing = inner.step(self.boot)?;
        let length = inner.files[self.file].now.len() as u64;
        let growth = (offset + bytes.len() as u64).saturating_sub(length);
        if growth > inner.space {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.space -= growth;
        let content = &mut inner.files[self.file];
        put(&mut content.now, offset as usize, bytes);
        content.pending.push((offset as usize, bytes.to_vec()));
        if failing { Err(power_is_off()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        if inner.step(self.boot)? {
            return Err(power_is_off());
        }
        inner.syncs += 1;
        let fails = inner.fail_sync_at.is_some_and(|at| inner.syncs > at);
        if fails {
            inner.fail_sync_at = None;
        }
        if inner.lies {
            return Ok(());
        }
        let content = &mut inner.files[self.file];
        let pending = std::mem::take(&mut content.pending);
        if fails {
            return Err(io::Error::other("simulated failure to sync"));
        }
        for (offset, bytes) in pending {
            put(&mut content.durable, offset, &bytes);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let inner = self.disk.inner.lock();
        inner.alive(self.boot)?;
        Ok(inner.files[self.file].now.len() as u64)
    }
}
