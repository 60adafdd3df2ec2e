//! Opening a log: what is on disk, whether it is what was written, and where to go on.

use super::WalError;
use super::disk::{Disk, DiskFile};
use super::record::{BATCH, Encoder, Record};
use super::replay::Replay;
use super::scan::{self, START, Sealed};
use super::segment::{self, FORMAT, Index, PREAMBLE, Segment, UNFINISHED};
use super::spare::{self, Spare};
use super::tail::Leaders;
use super::types::{Checkpoint, Options};
use super::writer::Resume;
use crate::faults::failpoint;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A recovered log.
pub(super) struct Found {
    pub checkpoint: Checkpoint,
    pub leaders: Leaders,
    pub index: Index,
    pub torn_bytes: u64,
    pub bytes_on_disk: u64,
    pub resume: Resume,
}

/// A file with a segment's name.
pub(super) struct Candidate {
    pub sequence: u64,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    pub length: u64,
    /// Whether it was ever written to under its name.
    pub begun: bool,
}

/// Reads the log in `directory`.
pub(super) fn recover(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
) -> Result<Found, WalError> {
    disk.create_directory(directory)
        .map_err(|error| WalError::io("create the directory", directory, error))?;
    let mut candidates = list(&**disk, directory)?;
    let mut buffer = Vec::new();
    let life = check_unused(&mut candidates, &mut buffer)?;
    let run = pick_run(directory, &candidates)?;
    let unused = candidates.split_off(run.end);
    let used = candidates.split_off(run.start);
    let mut replay = Replay {
        life,
        ..Replay::default()
    };
    let last = match used.is_empty() {
        true => None,
        false => Some(replay.read_run(&used, &mut buffer, options)?),
    };
    for leftover in candidates {
        remove(&**disk, &leftover.path)?;
    }
    replay.finish(&**disk, directory, options, unused, last)
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<(), WalError> {
    disk.remove(path)
        .map_err(|error| WalError::io("remove", path, error))
}

/// The segments in the directory, in order.
fn list(disk: &dyn Disk, directory: &Path) -> Result<Vec<Candidate>, WalError> {
    let names = disk
        .list(directory)
        .map_err(|error| WalError::io("list", directory, error))?;
    if names.iter().any(|name| name == UNFINISHED) {
        remove(disk, &directory.join(UNFINISHED))?;
    }
    let mut sequences: Vec<u64> = names
        .iter()
        .filter_map(|name| segment::sequence_of(name))
        .collect();
    sequences.sort_unstable();
    let mut candidates = Vec::with_capacity(sequences.len());
    for sequence in sequences {
        let path = segment::path(directory, sequence);
        let io = |what| move |error| WalError::io(what, segment::path(directory, sequence), error);
        let file = disk.open(&path).map_err(io("open"))?;
        let length = file.length().map_err(io("measure"))?;
        let mut head = [0; PREAMBLE];
        let count = file.read_at(&mut head, 0).map_err(io("read"))?;
        let format = segment::format_of(&head[..count], sequence);
        if let Some(found) = format.filter(|format| *format != FORMAT) {
            return Err(WalError::Version {
                file: path,
                found,
                supported: FORMAT,
            });
        }
        candidates.push(Candidate {
            sequence,
            path,
            file,
            length,
            begun: format.is_some(),
        });
    }
    Ok(candidates)
}

/// The first `bytes` of a file, or what there is of them. The buffer only grows: zeros that are overwritten
/// at once take as long as a good part of the reading.
fn read<'a>(
    candidate: &Candidate,
    bytes: u64,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], WalError> {
    let bytes = bytes as usize;
    if buffer.len() < bytes {
        buffer.resize(bytes, 0);
    }
    let count = candidate
        .file
        .read_at(&mut buffer[..bytes], 0)
        .map_err(|error| WalError::io("read", &candidate.path, error))?;
    Ok(&buffer[..count])
}

/// Looks into the files after the last one in use, and into that one. A file whose first write is not
/// whole was not begun, unless something in it proves that it was. Returns the newest life in them.
fn check_unused(candidates: &mut [Candidate], buffer: &mut Vec<u8>) -> Result<u32, WalError> {
    let mut life = 0;
    for candidate in candidates.iter_mut().rev() {
        let bytes = read(candidate, candidate.length, buffer)?;
        if candidate.begun {
            match scan::whole(bytes, candidate.sequence, START, 0) {
                Ok(_) => break,
                Err(bad) => tracing::debug!(?bad, "the newest log segment was not begun"),
            }
        }
        let behind = scan::behind(bytes, candidate.sequence, START, 0);
        if let Some(proof) = behind.proof {
            let what = format!(
                "the start of the segment is not what was written; a later write at offset {proof} \
                 shows that it had been durable"
            );
            return Err(WalError::damaged(&candidate.path, 0, what));
        }
        life = life.max(behind.life);
        if std::mem::take(&mut candidate.begun) {
            // Only one segment can have been on its way to be begun.
            break;
        }
    }
    Ok(life)
}

/// The candidates that make up the log: the newest ones in use without a gap. Before them may be
/// files whose removal did not become durable; after them come the prepared ones.
fn pick_run(
    directory: &Path,
    candidates: &[Candidate],
) -> Result<std::ops::Range<usize>, WalError> {
    let end = candidates
        .iter()
        .rposition(|candidate| candidate.begun)
        .map_or(0, |at| at + 1);
    let missing = |sequence| {
        let what = "the segment is missing, later ones are there".to_owned();
        Err(WalError::damaged(
            segment::path(directory, sequence),
            0,
            what,
        ))
    };
    let next = if end == 0 {
        1
    } else {
        candidates[end - 1].sequence + 1
    };
    for (expected, candidate) in (next..).zip(&candidates[end..]) {
        if candidate.sequence != expected {
            return missing(expected);
        }
    }
    let mut start = end;
    while start > 0
        && (start == end || candidates[start - 1].sequence + 1 == candidates[start].sequence)
    {
        start -= 1;
        if !candidates[start].begun {
            let what = "the start of the segment is not what was written".to_owned();
            return Err(WalError::damaged(&candidates[start].path, 0, what));
        }
    }
    Ok(start..end)
}

/// Where the newest segment ends.
struct Last {
    file: Arc<dyn DiskFile>,
    sequence: u64,
    length: u64,
    end: u64,
}

impl Replay {
    fn read_run(
        &mut self,
        used: &[Candidate],
        buffer: &mut Vec<u8>,
        options: &Options,
    ) -> Result<Last, WalError> {
        // Lives grow along the log, so the newest one found behind it must not be asked for inside.
        let newest_behind = std::mem::take(&mut self.life);
        let (newest, sealed) = used.split_last().expect("the caller gave at least one");
        let mut previous_end = None;
        options.lanes.in_order(
            "wal-read",
            sealed.len(),
            |buffer: &mut Vec<u8>, at| (at, read_sealed(&used[at], &used[at + 1], buffer)),
            |(at, found)| {
                previous_end = Some(self.read_sealed(&used[at], found?, previous_end)?);
                Ok(())
            },
        )?;
        let bytes = read(newest, newest.length, buffer)?;
        let (end, synced) = self.read_newest(newest, bytes, previous_end)?;
        self.settle(newest, bytes, synced, end, options)?;
        self.life = self.life.max(newest_behind);
        Ok(Last {
            file: newest.file.clone(),
            sequence: newest.sequence,
            length: newest.length,
            end,
        })
    }

    /// Makes the newest segment's content durable: what no mark covers is written once more, because
    /// it may be in the page cache only, and an earlier process may have failed to sync it. The torn
    /// rest is overwritten with zeros.
    fn settle(
        &self,
        candidate: &Candidate,
        bytes: &[u8],
        synced: u64,
        end: u64,
        options: &Options,
    ) -> Result<(), WalError> {
        let write = |bytes: &[u8], offset: u64| {
            let written = candidate.file.write_all_at(bytes, offset);
            written.map_err(|error| WalError::io("write", &candidate.path, error))
        };
        write(&bytes[synced as usize..end as usize], synced)?;
        if self.torn_bytes > 0 {
            write(&vec![0; self.torn_bytes as usize], end)?;
        }
        failpoint!("recovery-rewritten");
        if options.sync {
            let synced = candidate.file.sync_data();
            synced.map_err(|error| WalError::io("sync", &candidate.path, error))?;
        }
        Ok(())
    }

    fn finish(
        mut self,
        disk: &dyn Disk,
        directory: &Path,
        options: &Options,
        mut unused: Vec<Candidate>,
        last: Option<Last>,
    ) -> Result<Found, WalError> {
        let (first, next) = (self.checkpoint.first(), self.checkpoint.next());
        if first < next && self.index.first().is_none_or(|oldest| oldest > first) {
            let what = format!("entries from {first} on are missing: older segments are gone");
            return Err(WalError::damaged(directory, 0, what));
        }
        if let Some(purged) = self.checkpoint.purged {
            for segment in self.index.drop_purged(purged.index) {
                let length = segment.file.length().unwrap_or_default();
                self.bytes_on_disk -= length;
                remove(disk, &segment::path(directory, segment.sequence))?;
            }
        }
        self.bytes_on_disk += unused.iter().map(|candidate| candidate.length).sum::<u64>();
        self.life = self.life.checked_add(1).ok_or_else(|| {
            let what = "the log was opened more often than can be".to_owned();
            WalError::damaged(directory, 0, what)
        })?;
        let last = match last {
            Some(last) => last,
            None => self.begin_log(disk, directory, options, &mut unused)?,
        };
        failpoint!("recovery-before-names");
        disk.sync_directory(directory)
            .map_err(|error| WalError::io("sync the directory", directory, error))?;
        let spare = |Candidate {
                         sequence,
                         file,
                         length,
                         ..
                     }| Spare {
            sequence,
            file,
            length,
        };
        let Last {
            file,
            sequence,
            length,
            end,
        } = last;
        let prepared = unused.into_iter().map(spare).collect();
        Ok(Found {
            checkpoint: self.checkpoint,
            leaders: self.leaders,
            index: self.index,
            torn_bytes: self.torn_bytes,
            bytes_on_disk: self.bytes_on_disk,
            resume: Resume {
                file,
                sequence,
                length,
                end,
                life: self.life,
                prepared,
            },
        })
    }

    /// The first segment of a new log.
    fn begin_log(
        &mut self,
        disk: &dyn Disk,
        directory: &Path,
        options: &Options,
        unused: &mut Vec<Candidate>,
    ) -> Result<Last, WalError> {
        failpoint!("log-before-founding");
        let path = segment::path(directory, 1);
        let io = |what| move |error| WalError::io(what, segment::path(directory, 1), error);
        let (file, length) = if unused.is_empty() {
            let made = spare::make(disk, directory, 1, options.segment_bytes, |_| {});
            let made = made.map_err(io("create"))?;
            self.bytes_on_disk += made.length;
            (made.file, made.length)
        } else {
            let candidate = unused.remove(0);
            (candidate.file, candidate.length)
        };
        let mut encoder = Encoder::default();
        encoder.start(1, 0, &segment::preamble(1));
        encoder.checkpoint(&self.checkpoint, 0);
        let bytes = encoder.finish(self.life, 0);
        file.write_all_at(bytes, 0)
            .map_err(|error| WalError::io("write", &path, error))?;
        file.sync_data()
            .map_err(|error| WalError::io("sync", &path, error))?;
        let end = bytes.len() as u64;
        self.index.push(Segment::new(1, file.clone(), end));
        Ok(Last {
            file,
            sequence: 1,
            length,
            end,
        })
    }
}

/// Reads a segment that another one follows.
fn read_sealed(
    candidate: &Candidate,
    next: &Candidate,
    buffer: &mut Vec<u8>,
) -> Result<Sealed, WalError> {
    let end = end_before(next, candidate, buffer)?;
    let bytes = read(candidate, end, buffer)?;
    Ok(scan::sealed(bytes, candidate.sequence, end as usize))
}

/// Where the segment before this one ended.
fn end_before(next: &Candidate, this: &Candidate, buffer: &mut Vec<u8>) -> Result<u64, WalError> {
    let bytes = read(next, 256, buffer)?;
    match super::record::decode(bytes, START + BATCH, next.sequence, (START + BATCH) as u64) {
        Ok((Record::Checkpoint(_, end), _)) if end <= this.length => Ok(end),
        Ok((Record::Checkpoint(_, end), _)) => {
            let what = format!(
                "the segment was written up to {end}, but has {} bytes",
                this.length
            );
            Err(WalError::damaged(&this.path, this.length, what))
        }
        Ok(_) => {
            let what = "the segment does not start with a checkpoint".to_owned();
            Err(WalError::damaged(&next.path, START as u64, what))
        }
        Err(what) => Err(WalError::damaged(&next.path, START as u64, what.to_owned())),
    }
}
