//! The thread that prepares segments ahead of time and takes purged ones back.

use super::disk::{Disk, DiskFile};
use super::leisure::Leisure;
use super::log::Shared;
use super::segment::{self, Segment, UNFINISHED};
use super::types::Options;
use crate::faults::{Plant, failpoint, planted};
use crate::world::Lanes;
use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// After a failure to prepare a segment it is tried again this often: somebody may have made room.
const RETRY: Duration = Duration::from_millis(500);

/// So many zeros are written and synced at a time: little, because the log's own syncs queue behind it.
const FILL: u64 = 1 << 20;

/// A segment that is ready to be written: on disk, its name durable.
pub struct Spare {
    /// Its number.
    pub sequence: u64,
    /// Its file.
    pub file: Arc<dyn DiskFile>,
    /// Its length.
    pub length: u64,
}

/// The writer's end of the preparer.
pub struct Spares(Hands);

enum Hands {
    /// A thread prepares.
    Thread {
        ready: Receiver<io::Result<Spare>>,
        retired: Option<Sender<Segment>>,
        leisure: Arc<Leisure>,
        thread: Option<JoinHandle<()>>,
    },
    /// Whoever needs a segment makes it: in a simulation, where nothing is gained by being early.
    Own(Mutex<Preparer>),
}

impl Spares {
    /// Starts the preparer. `prepared` are the spares there are; `next` is the number after theirs.
    pub fn start(
        disk: Arc<dyn Disk>,
        shared: Arc<Shared>,
        options: &Options,
        prepared: VecDeque<Spare>,
        next: u64,
    ) -> io::Result<Spares> {
        let leisure = Arc::new(Leisure::default());
        let mut preparer = Preparer {
            disk,
            shared,
            leisure: leisure.clone(),
            segment_bytes: options.segment_bytes,
            limit: options.spare_segments,
            prepared,
            next,
        };
        if matches!(options.lanes, Lanes::Steps(_)) {
            return Ok(Spares(Hands::Own(Mutex::new(preparer))));
        }
        let (offer, ready) = bounded(0);
        // Bounded by the number of segments that the log has.
        let (retired, retire) = unbounded();
        let thread = std::thread::Builder::new()
            .name("wal-spare".to_owned())
            .spawn(move || preparer.run(&offer, &retire))?;
        Ok(Spares(Hands::Thread {
            ready,
            retired: Some(retired),
            leisure,
            thread: Some(thread),
        }))
    }

    /// The next segment. Blocks if it is still being prepared, which then goes on without breaks.
    pub fn take(&self) -> io::Result<Spare> {
        match &self.0 {
            Hands::Thread { ready, leisure, .. } => {
                let _hurry = leisure.hurry();
                ready
                    .recv()
                    .unwrap_or_else(|_| Err(io::Error::other("the preparer thread is gone")))
            }
            Hands::Own(preparer) => preparer.lock().take(),
        }
    }

    /// Gives a segment back that nothing in the log needs any more.
    pub fn retire(&self, segment: Segment) {
        match &self.0 {
            Hands::Thread { retired, .. } => {
                if let Some(retired) = retired {
                    // The preparer only goes away after this end does.
                    let _ = retired.send(segment);
                }
            }
            Hands::Own(preparer) => preparer.lock().take_back(segment),
        }
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        if let Hands::Thread {
            retired,
            leisure,
            thread,
            ..
        } = &mut self.0
        {
            *retired = None;
            let _hurry = leisure.hurry();
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

struct Preparer {
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    leisure: Arc<Leisure>,
    segment_bytes: u64,
    limit: usize,
    prepared: VecDeque<Spare>,
    next: u64,
}

impl Preparer {
    fn run(&mut self, offer: &Sender<io::Result<Spare>>, retire: &Receiver<Segment>) {
        loop {
            // Purged segments come first: taking one back is cheaper than making one.
            while let Ok(segment) = retire.try_recv() {
                self.take_back(segment);
            }
            let failure = if self.prepared.is_empty() {
                self.make().err()
            } else {
                None
            };
            let patience = if failure.is_some() {
                RETRY
            } else {
                Duration::from_secs(3600)
            };
            select! {
                // What is sent is only taken when there is a taker.
                send(offer, self.hand_over(failure)) -> sent => if sent.is_err() { return },
                recv(retire) -> segment => match segment {
                    Ok(segment) => self.take_back(segment),
                    Err(_) => return,
                },
                default(patience) => {}
            }
        }
    }

    fn hand_over(&mut self, failure: Option<io::Error>) -> io::Result<Spare> {
        match failure {
            Some(error) => Err(error),
            None => Ok(self
                .prepared
                .pop_front()
                .expect("one is prepared before it is offered")),
        }
    }

    /// The next segment, which is made first if none is prepared.
    fn take(&mut self) -> io::Result<Spare> {
        let failure = match self.prepared.is_empty() {
            true => self.make().err(),
            false => None,
        };
        self.hand_over(failure)
    }

    fn make(&mut self) -> io::Result<()> {
        let directory = &self.shared.directory;
        let rest = |worked| self.leisure.rest_after(worked);
        let spare = make(&*self.disk, directory, self.next, self.segment_bytes, rest)?;
        self.shared
            .bytes_on_disk
            .fetch_add(spare.length, Ordering::Relaxed);
        self.prepared.push_back(spare);
        self.next += 1;
        Ok(())
    }

    /// Makes a purged segment a spare, or removes it. A failure leaves a file behind that the next
    /// opening of the log finds and removes.
    fn take_back(&mut self, segment: Segment) {
        let sequence = segment.sequence;
        if let Err(error) = self.try_take_back(segment) {
            tracing::warn!(sequence, %error, "a purged log segment could not be removed");
        }
    }

    fn try_take_back(&mut self, segment: Segment) -> io::Result<()> {
        let path = segment::path(&self.shared.directory, segment.sequence);
        let length = segment.file.length()?;
        // A file that a reader still holds must keep its content.
        let file = segment.file;
        let free = Arc::strong_count(&file) == 1;
        if free && length == self.segment_bytes && self.prepared.len() < self.limit {
            self.disk
                .rename(&path, &segment::path(&self.shared.directory, self.next))?;
            failpoint!("segment-reused", fails);
            self.disk.sync_directory(&self.shared.directory)?;
            self.prepared.push_back(Spare {
                sequence: self.next,
                file,
                length,
            });
            self.next += 1;
            return Ok(());
        }
        self.disk.remove(&path)?;
        failpoint!("segment-removed");
        self.shared
            .bytes_on_disk
            .fetch_sub(length, Ordering::Relaxed);
        Ok(())
    }
}

/// Makes a segment file: zeros on disk, then its name. Overwriting blocks that were written before is
/// much faster than growing a file or filling a hole. `rest` is called between pieces with the time
/// that the last one took.
pub fn make(
    disk: &dyn Disk,
    directory: &Path,
    sequence: u64,
    length: u64,
    rest: impl Fn(Duration),
) -> io::Result<Spare> {
    let unfinished = directory.join(UNFINISHED);
    let filled = || {
        let file = disk.create(&unfinished)?;
        failpoint!("segment-created", fails);
        let zeros = vec![0; length.min(FILL) as usize];
        let mut offset = 0;
        while offset < length {
            let started = Instant::now();
            let count = (length - offset).min(zeros.len() as u64) as usize;
            file.write_all_at(&zeros[..count], offset)?;
            file.sync_data()?;
            offset += count as u64;
            if offset < length {
                rest(started.elapsed());
            }
        }
        failpoint!("segment-filled", fails);
        disk.rename(&unfinished, &segment::path(directory, sequence))?;
        failpoint!("segment-renamed", fails);
        if !planted(Plant::NameUnsynced) {
            disk.sync_directory(directory)?;
        }
        failpoint!("segment-named");
        Ok(file)
    };
    match filled() {
        Ok(file) => Ok(Spare {
            sequence,
            file,
            length,
        }),
        Err(error) => {
            // Gives the space back; a rest is removed when the log is opened.
            let _ = disk.remove(&unfinished);
            Err(error)
        }
    }
}
