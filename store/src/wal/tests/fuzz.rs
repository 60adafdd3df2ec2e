//! Any bytes as the files of a log: opened with what was written, a prefix of it, or refused.

use super::*;
use crate::wal::segment;
use crate::world::Lanes;
use keelson_fuzz::{Form, Target, memory};
use std::path::{Path, PathBuf};

/// The files, whose content stands in the input: two bytes of length before each of them, after one byte that
/// says whether checksums are to be made right, as somebody who makes up a log would.
const SEALED: u8 = 1;

fn without_threads() -> Options {
    Options {
        lanes: Lanes::Steps(Arc::new(|_, work| drop(work))),
        ..options()
    }
}

fn disk_of(input: &[u8]) -> Option<FaultyDisk> {
    let (&flags, mut rest) = input.split_first()?;
    let disk = FaultyDisk::new(0);
    for sequence in 1..=4 {
        let Some((length, more)) = rest.split_first_chunk::<2>() else {
            break;
        };
        let length = usize::from(u16::from_le_bytes(*length))
            .min(more.len())
            .min(4096);
        let (content, more) = more.split_at(length);
        rest = more;
        let mut content = content.to_vec();
        content.resize(4096, 0);
        if flags & SEALED == SEALED {
            seal(&mut content, sequence);
        }
        let file = disk
            .mounted()
            .create(&segment::path(Path::new(PATH), sequence))
            .ok()?;
        file.write_all_at(&content, 0).ok()?;
    }
    Some(disk)
}

/// Makes the checksums right of whatever may be records.
fn seal(content: &mut [u8], sequence: u64) {
    content[..32].copy_from_slice(&segment::preamble(sequence));
    let mut at = 32;
    while at + 12 <= content.len() {
        let length = u32::from_le_bytes(std::array::from_fn(|byte| content[at + 4 + byte]));
        let size = (12 + length as usize).next_multiple_of(8);
        if content[at + 4..at + 12] == [0; 8] || at + size > content.len() {
            return;
        }
        let place = [sequence.to_le_bytes(), (at as u64).to_le_bytes()].concat();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&place), &content[at + 4..at + size]);
        content[at..at + 4].copy_from_slice(&sum.to_le_bytes());
        at += size;
    }
}

/// Everything in an open log; `None` if it says that it is damaged.
fn read(wal: &Wal) -> Option<Vec<Entry>> {
    let first = wal
        .purged()
        .map_or(0, |purged| purged.index.saturating_add(1));
    match wal.read(first, u64::MAX, usize::MAX) {
        Ok(entries) => Some(entries),
        Err(WalError::Damaged { .. } | WalError::Purged { .. }) => None,
        Err(error) => panic!("memory cannot refuse: {error}"),
    }
}

fn check(input: &[u8]) {
    let Some(disk) = disk_of(input) else {
        return;
    };
    let bytes: usize = segments(&disk).iter().map(|(_, bytes)| bytes.len()).sum();
    let open = |disk: &FaultyDisk| open(disk, without_threads());
    let (opened, held) = memory::most_held(|| open(&disk));
    assert!(
        held < 100_000 + 32 * bytes,
        "{held} bytes for files of {bytes}"
    );
    let (wal, recovered) = match opened {
        Ok(opened) => opened,
        Err(WalError::Damaged { .. } | WalError::Version { .. }) => return,
        Err(error) => panic!("memory cannot refuse: {error}"),
    };
    let is_made_up = input[0] & SEALED == SEALED;
    let entries = read(&wal);
    drop(wal);
    if let Some(entries) = &entries {
        let next = recovered.purged.map_or(0, |purged| purged.index + 1);
        for (index, found) in (next..).zip(entries) {
            assert_eq!(found.log_id.index, index, "entries follow each other");
            if !is_made_up {
                let written = entry(found.log_id.term, index, found.payload_len());
                assert!(*found == written, "nobody wrote {found:?}");
            }
        }
        assert_eq!(entries.last().map(|entry| entry.log_id), {
            let last = recovered
                .last
                .filter(|_| recovered.last != recovered.purged);
            last.filter(|_| !entries.is_empty())
        });
    }
    // What was recovered once is recovered again. A log that somebody made up may claim to have been opened as often as
    // can be counted but once: 2^32 times, which no log has.
    let (wal, again) = match open(&disk) {
        Err(WalError::Damaged { what, .. }) if is_made_up && what.contains("more often") => return,
        opened => opened.expect("what opened once opens again"),
    };
    let same = Recovered {
        torn_bytes: again.torn_bytes,
        ..recovered
    };
    assert_eq!(again, same);
    assert_eq!(read(&wal), entries);
}

fn seed(flags: u8, disk: &FaultyDisk) -> Vec<u8> {
    let mut seed = vec![flags];
    let mut files: Vec<(PathBuf, Vec<u8>)> = segments(disk);
    files.sort();
    for (_, bytes) in files {
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let used = used.next_multiple_of(8);
        seed.extend_from_slice(&(used as u16).to_le_bytes());
        seed.extend_from_slice(&bytes[..used]);
    }
    seed
}

/// Logs as they come about: one that was closed, one with everything in it, one of two segments.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..4, 20));
    seeds.push(seed(0, &disk));
    outcome(&save_vote(&wal, vote(2))).expect("durable");
    wal.save_committed(Some(id(1, 2))).expect("the log works");
    wal.truncate_after(Some(id(1, 2))).expect("the log works");
    append_durably(&wal, entries(2, 3..6, 8));
    wal.purge(id(1, 1)).expect("the log works");
    append_durably(&wal, entries(2, 6..7, 8));
    drop(wal);
    seeds.push(seed(0, &disk));
    seeds.push(seed(SEALED, &disk));
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..5, 900));
    drop(wal);
    seeds.push(seed(0, &disk));
    seeds.push(seed(SEALED, &disk));
    seeds
}

/// Files of a log.
#[test]
fn fuzz_wal() {
    Target::new("wal", Form::Bytes)
        .rounds(3000)
        .length_max(8192)
        .run(seeds(), check);
}
