//! Torn ends are cut; damage is refused.

use super::*;
use crate::wal::record::Encoder;
use crate::wal::scan::{self, START};
use crate::wal::segment;
use std::path::Path;

fn refused(disk: &FaultyDisk) -> String {
    match open(disk, options()) {
        Err(error @ WalError::Damaged { .. }) => error.to_string(),
        Err(error) => panic!("refused, but not as damaged: {error}"),
        Ok((_, recovered)) => panic!("opened a damaged log: {recovered:?}"),
    }
}

/// The last byte that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}

#[test]
fn a_write_torn_at_any_byte_is_cut_and_nothing_else() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..5, 20));
    let path = Path::new(PATH).join("0000000000000001.wal");
    let before = used(&segments(&disk)[0].1);
    let start = before.next_multiple_of(8);
    append_durably(&wal, entries(1, 5..8, 20));
    let whole = segments(&disk)[0].1.clone();
    let after = used(&whole);
    let image = disk.copy();
    drop(wal);
    for cut in before..after {
        let torn = image.copy();
        torn.edit(&path, |bytes| bytes[cut..].fill(0))
            .expect("the segment is there");
        let (wal, recovered) = opened(&torn);
        assert_eq!(recovered.last, Some(id(1, 4)), "cut at {cut}");
        if cut >= start + 32 {
            assert!(
                recovered.torn_bytes > 0,
                "cut at {cut}: the write's first record is whole"
            );
        }
        append_durably(&wal, entries(2, 5..7, 10));
        drop(wal);
        let mut expected = entries(1, 0..5, 20);
        expected.extend(entries(2, 5..7, 10));
        assert_eq!(all(&opened(&torn).0), expected, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    outcome(&save_vote(&wal, vote(1))).expect("durable");
    append_durably(&wal, entries(1, 0..40, 100));
    wal.truncate_after(Some(id(1, 37))).expect("the log works");
    wal.purge(id(1, 1)).expect("the log works");
    append_durably(&wal, entries(2, 38..40, 100));
    let acknowledged = used(&segments(&disk)[1].1);
    drop(wal);
    let files = segments(&disk);
    let (wal, recovered) = opened(&disk.copy());
    let whole = all(&wal);
    let mut refusals = 0;
    for (number, (path, bytes)) in files.iter().enumerate() {
        for at in (0..used(bytes)).step_by(3) {
            let bad = disk.copy();
            bad.edit(path, |bytes| bytes[at] ^= 1 << (at % 8))
                .expect("the segment is there");
            match open(&bad, options()) {
                Err(WalError::Damaged { file, .. }) => {
                    assert_eq!(&file, path, "the message names the file");
                    refusals += 1;
                }
                Err(error) => panic!("flip at {at}: {error}"),
                Ok((wal, found)) => {
                    assert!(
                        number == 1 && at >= acknowledged,
                        "{number}: flip at {at} unnoticed"
                    );
                    assert_eq!(
                        found,
                        Recovered {
                            torn_bytes: found.torn_bytes,
                            ..recovered
                        }
                    );
                    assert_eq!(all(&wal), whole);
                }
            }
        }
    }
    assert!(refusals > 1000, "only {refusals} refusals");
}

#[test]
fn the_end_of_an_idle_log_is_guarded_by_a_mark() {
    // Where the entry ends is learnt from a log that writes no mark: in the other one it may be there
    // before anybody looks.
    let unmarked = FaultyDisk::new(1);
    let (wal, _) = opened(&unmarked);
    append_durably(&wal, entries(1, 0..1, 100));
    let end = used(&segments(&unmarked)[0].1);
    let disk = FaultyDisk::new(1);
    let idle = Options {
        idle: Duration::from_millis(1),
        ..options()
    };
    let (wal, _) = open(&disk, idle).expect("the log opens");
    append_durably(&wal, entries(1, 0..1, 100));
    eventually("the mark is written", || used(&segments(&disk)[0].1) > end);
    let image = disk.copy();
    drop(wal);
    let path = Path::new(PATH).join("0000000000000001.wal");
    image
        .edit(&path, |bytes| bytes[end - 20] ^= 1)
        .expect("the segment is there");
    let message = refused(&image);
    assert!(
        message.contains("offset") && message.contains("had been durable"),
        "{message}"
    );
}

#[test]
fn a_missing_segment_is_refused() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..100, 100));
    drop(wal);
    let files = segments(&disk);
    assert!(files.len() > 4);
    for (path, _) in &files[..files.len() - 1] {
        let bad = disk.copy();
        bad.mounted().remove(path).expect("the segment is there");
        refused(&bad);
    }
}

#[test]
fn another_format_is_refused_in_clear_words() {
    let disk = FaultyDisk::new(1);
    drop(opened(&disk));
    let path = Path::new(PATH).join("0000000000000001.wal");
    let newer = segment::preamble_of(9, 1);
    disk.edit(&path, |bytes| bytes[..newer.len()].copy_from_slice(&newer))
        .expect("there");
    let Err(error) = open(&disk, options()) else {
        panic!("opened another format")
    };
    assert!(matches!(
        error,
        WalError::Version {
            found: 9,
            supported: 1,
            ..
        }
    ));
    assert!(error.to_string().contains("log format 9"), "{error}");
}

#[test]
fn bytes_of_a_recycled_segment_never_parse() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..100, 100));
    drop(wal);
    let files = segments(&disk);
    let (spare, _) = files.last().expect("there are segments");
    for (_, stale) in &files {
        let recycled = disk.copy();
        recycled
            .edit(spare, |bytes| bytes.copy_from_slice(stale))
            .expect("there");
        let (wal, recovered) = opened(&recycled);
        assert_eq!(recovered.last, Some(id(1, 99)));
        // Written into the stale segment, behind nearly every one of its old records.
        for index in 100..140 {
            append_durably(&wal, entries(2, index..index + 1, 100));
            let (again, recovered) = opened(&recycled.copy());
            assert_eq!(recovered.last, Some(id(2, index)));
            assert_eq!(
                again.read(index, index + 1, 1).expect("readable"),
                [entry(2, index, 100)]
            );
        }
    }
}

#[test]
fn a_whole_write_behind_a_torn_mark_does_not_come_back() {
    let write = |segment: &mut Vec<u8>, at: usize, life: u32, synced: u64, index: Option<u64>| {
        let mut encoder = Encoder::default();
        encoder.start(1, at as u64, &[]);
        if let Some(index) = index {
            encoder.entry(&entry(1, index, 8));
        }
        let bytes = encoder.finish(life, synced);
        segment[at..at + bytes.len()].copy_from_slice(bytes);
        at + bytes.len()
    };
    let mut segment = vec![0; 1024];
    let mark = write(&mut segment, START, 1, 0, Some(0));
    let behind = write(&mut segment, mark, 1, mark as u64, None);
    write(&mut segment, behind, 1, mark as u64, Some(1));
    assert!(scan::whole(&segment, 1, behind, 1).is_ok());
    segment[mark + 20] ^= 1;
    assert!(
        scan::whole(&segment, 1, mark, 1).is_err(),
        "the mark is torn"
    );
    let found = scan::behind(&segment, 1, mark, 1);
    assert_eq!(
        found.proof, None,
        "the write behind did not know the mark to be durable"
    );
    write(&mut segment, mark, found.life + 1, mark as u64, None);
    assert!(
        scan::whole(&segment, 1, mark, 1).is_ok(),
        "the next life writes over the mark"
    );
    assert!(
        scan::whole(&segment, 1, behind, found.life + 1).is_err(),
        "the old write is stale"
    );
    assert_eq!(
        scan::behind(&segment, 1, behind, found.life + 1).proof,
        None
    );
}

/// The files of a log whose writes are as given: what heads each segment, and its life and mark.
fn made_up(segments: &[(Checkpoint, u64, u32, u64)]) -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    for (sequence, (checkpoint, previous_end, life, synced)) in (1..).zip(segments) {
        let mut encoder = Encoder::default();
        encoder.start(sequence, 0, &segment::preamble(sequence));
        encoder.checkpoint(checkpoint, *previous_end);
        let mut bytes = encoder.finish(*life, *synced).to_vec();
        bytes.resize(4096, 0);
        let path = segment::path(Path::new(PATH), sequence);
        let file = disk.mounted().create(&path).expect("an empty file");
        file.write_all_at(&bytes, 0).expect("room");
    }
    disk
}

/// Checksums say that somebody wrote it, not that it makes sense.
#[test]
fn what_cannot_be_is_refused_although_its_checksums_are_right() {
    let nothing = Checkpoint::default();
    let at = |last, purged| Checkpoint {
        last,
        purged,
        ..nothing
    };
    let end = START as u64 + 32 + 112;
    drop(opened(&made_up(&[
        (nothing, 0, 1, 0),
        (nothing, end, 1, 0),
    ])));
    let says = |segments: &[(Checkpoint, u64, u32, u64)]| refused(&made_up(segments));
    let beyond = says(&[(nothing, 0, 1, 0), (nothing, u64::MAX, 1, 0)]);
    assert!(beyond.contains("was written up to"), "{beyond}");
    let ahead = says(&[(nothing, 0, 1, 500)]);
    assert!(ahead.contains("more was durable"), "{ahead}");
    let worn = says(&[(nothing, 0, u32::MAX, 0)]);
    assert!(worn.contains("more often"), "{worn}");
    let backwards = says(&[(at(Some(id(1, 3)), Some(id(1, 5))), 0, 1, 0)]);
    assert!(backwards.contains("older than one"), "{backwards}");
    // A segment that does not begin as one was not begun: there is nothing to refuse, and nothing in it.
    let endless = Some(id(1, u64::MAX));
    let (_, recovered) = opened(&made_up(&[(at(endless, endless), 0, 1, 0)]));
    assert_eq!(recovered.last, None);
}
