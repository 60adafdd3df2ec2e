//! Faults of disks: no power, no answer, torn ends.

use super::{Active, Injector, Means};
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::wait::wait_until;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Small writes, one after the other, each asked to be durable, while a disk is disturbed.
#[derive(Debug)]
pub(super) struct Probe {
    is_over: Arc<AtomicBool>,
    took: JoinHandle<std::io::Result<Vec<Duration>>>,
}

/// A process that is told to stop does so within this time.
const SIGNAL: Duration = Duration::from_secs(10);
/// A healthy disk of a busy machine takes less for a small write.
const LONG: Duration = Duration::from_millis(150);
/// Between two writes of a probe, and how many there are at most.
const PROBE_REST: Duration = Duration::from_millis(5);
const PROBES_MAX: usize = 10_000;
/// Garbage behind the last byte of a log. Its first bytes look like a length.
const GARBAGE: [u8; 23] = *b"\x40\0\0\0\x99torn by a campaign";
/// A torn write ends at a border of the disk's blocks.
const BLOCK: u64 = 4096;

impl Injector<'_> {
    pub(super) async fn power(&mut self, fault: &mut Active) -> Check<Option<String>> {
        fault.means = Means::Down;
        // Processors stop with the power: nobody sees the disk fail, or acknowledges anything in between.
        for i in &fault.victims {
            self.cluster.pause(*i, true);
        }
        let (cluster, victims) = (&*self.cluster, &fault.victims);
        wait_until("the processes stand still", SIGNAL, || async {
            victims.iter().all(|i| cluster.stands_still(*i))
        })
        .await?;
        for i in &fault.victims {
            self.cluster.disk(*i).power_off()?;
        }
        for i in &fault.victims {
            self.cluster.kill(*i);
            self.note_exit(*i, "signal 9 without power");
        }
        let mut lost = true;
        for i in &fault.victims {
            lost &= self.cluster.disk(*i).power_on()?;
        }
        let evidence = "a file that was written and not synced is gone from every disk";
        Ok(lost.then(|| evidence.to_owned()))
    }

    pub(super) fn stall(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let disk = self.cluster.disk(victim);
        disk.freeze()?;
        fault.means = Means::Probe(Probe::start(disk.directory().join("probe")));
        Ok(None)
    }

    pub(super) fn unstall(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        self.cluster.disk(victim).thaw()?;
        if let Means::Probe(probe) = std::mem::replace(&mut fault.means, Means::None) {
            let took = probe.end()?;
            let longest = took.iter().max().copied().unwrap_or_default();
            if longest > LONG {
                let longest_ms = longest.as_millis();
                self.effective(fault, format!("a small synced write took {longest_ms} ms"));
            }
        }
        Ok("the disk answers".to_owned())
    }

    pub(super) fn tear(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let evidence = self.kill(fault)?;
        let mut torn = Vec::new();
        for i in &fault.victims {
            let newest = some("a log", newest_log(&self.cluster.data(*i)))?;
            torn.push(format!("{} at {}", newest.display(), tear(&newest)?));
        }
        Ok(evidence.map(|_| format!("garbage in {}", torn.join(", "))))
    }
}

impl Probe {
    pub(super) fn start(file: PathBuf) -> Probe {
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let took = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !over.load(Relaxed) && took.len() < PROBES_MAX {
                took.push(synced_write(&file)?);
                std::thread::sleep(PROBE_REST);
            }
            Ok(took)
        });
        Probe { is_over, took }
    }

    /// How long each write took. To be called when the disk answers again.
    pub(super) fn end(self) -> Check<Vec<Duration>> {
        self.is_over.store(true, Relaxed);
        let panicked = |_| Failure::new("the probe panicked");
        Ok(self.took.join().map_err(panicked)??)
    }
}

/// How long a small write takes until it is durable.
fn synced_write(path: &Path) -> std::io::Result<Duration> {
    let began = Instant::now();
    let mut file = File::create(path)?;
    file.write_all(b"probe")?;
    file.sync_all()?;
    Ok(began.elapsed())
}

/// The file of a log that was written last, below a directory.
pub(super) fn newest_log(directory: &Path) -> Option<PathBuf> {
    let (mut newest, mut open) = (None, vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).ok()?.flatten() {
            let (path, metadata) = (entry.path(), entry.metadata().ok()?);
            if metadata.is_dir() {
                open.push(path);
                continue;
            }
            let is_log = path.extension().is_some_and(|end| end == "wal");
            let written = metadata.modified().ok()?;
            let is_newer = newest.as_ref().is_none_or(|(_, time)| written > *time);
            if is_log && is_newer {
                newest = Some((path, written));
            }
        }
    }
    newest.map(|(path, _)| path)
}

/// Writes garbage at the first block border behind the last byte that is not zero. Returns where.
fn tear(path: &Path) -> Check<u64> {
    let bytes = fs::read(path)?;
    let last = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap_or_default() as u64;
    let place = (last / BLOCK + 1) * BLOCK;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(&GARBAGE)?;
    file.sync_all()?;
    holds(
        "the garbage is there",
        fs::read(path)?.get(place as usize) == Some(&GARBAGE[0]),
    )?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_that_was_written_last_is_torn_behind_its_end() {
        let scratch = tempfile::tempdir().unwrap();
        let nested = scratch.path().join("wal");
        fs::create_dir(&nested).unwrap();
        fs::write(scratch.path().join("0.wal"), b"old").unwrap();
        let newest = nested.join("1.wal");
        let mut content = vec![7_u8; 5000];
        content.resize(20_000, 0);
        fs::write(&newest, &content).unwrap();
        let later = std::time::SystemTime::now() + Duration::from_secs(5);
        File::options()
            .append(true)
            .open(&newest)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(newest_log(scratch.path()), Some(newest.clone()));
        assert_eq!(tear(&newest).unwrap(), 8192);
        let torn = fs::read(&newest).unwrap();
        assert_eq!(torn[..5000], content[..5000]);
        assert_eq!(torn[8192..8192 + GARBAGE.len()], GARBAGE);
        assert_eq!(torn.len(), content.len());
    }
}
