//! What a log does when nothing goes wrong.

use super::*;
use crate::wal::RealDisk;
use std::path::Path;

#[test]
fn what_was_written_is_there_after_a_reopening() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("deep/er");
    let (wal, recovered) = Wal::open(Arc::new(RealDisk), &path, options()).expect("a new log");
    assert_eq!(recovered.last, None);
    outcome(&save_vote(&wal, vote(2))).expect("the vote is durable");
    append_durably(&wal, entries(2, 0..100, 100));
    wal.save_committed(Some(id(2, 98))).expect("the log works");
    assert_eq!(all(&wal), entries(2, 0..100, 100));
    drop(wal);

    let (wal, recovered) = Wal::open(Arc::new(RealDisk), &path, options()).expect("the log opens");
    assert_eq!(recovered.vote, Some(vote(2)));
    assert_eq!(recovered.committed, Some(id(2, 98)));
    assert_eq!((recovered.purged, recovered.last), (None, Some(id(2, 99))));
    assert_eq!(recovered.torn_bytes, 0);
    assert_eq!(
        (wal.vote(), wal.committed()),
        (Some(vote(2)), Some(id(2, 98)))
    );
    assert_eq!(all(&wal), entries(2, 0..100, 100));
}

#[test]
fn entries_below_the_tail_are_read_from_disk() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    for index in 0..200 {
        append_durably(&wal, entries(1, index..index + 1, 50));
    }
    assert!(wal.tail_bytes() <= 600, "the tail keeps its budget");
    assert_eq!(all(&wal), entries(1, 0..200, 50));
    assert_eq!(
        wal.read(17, 60, usize::MAX).expect("readable"),
        entries(1, 17..60, 50)
    );
    let one = wal.read(17, 60, 0).expect("readable");
    assert_eq!(
        one,
        entries(1, 17..18, 50),
        "at least one entry, whatever the limit"
    );
    let some = wal.read(17, 60, 1000).expect("readable");
    assert!((2..20).contains(&some.len()), "the limit is kept");
    assert_eq!(wal.read(200, 300, 1000).expect("readable"), []);
}

#[test]
fn a_reader_finds_each_entry_while_the_log_is_written() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    let reader = wal.clone();
    let thread = std::thread::spawn(move || {
        let mut next = 0;
        while next < 2000 {
            for found in reader.read(next, next + 50, 3000).expect("readable") {
                assert_eq!(found, entry(1, next, 20));
                next += 1;
            }
        }
    });
    for index in 0..2000 {
        drop(append(&wal, entries(1, index..index + 1, 20)));
    }
    thread.join().expect("the reader saw every entry");
}

#[test]
fn an_entry_larger_than_a_segment_is_kept() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    let batch = vec![entry(1, 0, 10), entry(1, 1, 10_000), entry(1, 2, 10)];
    append_durably(&wal, batch.clone());
    append_durably(&wal, entries(1, 3..50, 10));
    drop(wal);
    let (wal, _) = opened(&disk);
    assert_eq!(wal.read(0, 3, usize::MAX).expect("readable"), batch);
    assert_eq!(wal.last(), Some(id(1, 49)));
}

#[test]
fn a_truncated_log_continues_with_other_entries() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..100, 60));
    wal.truncate_after(Some(id(1, 40))).expect("the log works");
    assert_eq!(wal.last(), Some(id(1, 40)), "readers see it at once");
    assert_eq!(wal.read(41, 100, 1000).expect("readable"), []);
    append_durably(&wal, entries(2, 41..60, 60));
    let mut expected = entries(1, 0..41, 60);
    expected.extend(entries(2, 41..60, 60));
    assert_eq!(all(&wal), expected);
    assert_eq!(wal.log_id_at(40), Some(id(1, 40)));
    assert_eq!(wal.log_id_at(41), Some(id(2, 41)));
    assert_eq!(wal.log_id_at(60), None);
    drop(wal);
    let (wal, _) = opened(&disk);
    assert_eq!(all(&wal), expected);
    wal.truncate_after(None).expect("the log works");
    append_durably(&wal, entries(3, 0..5, 60));
    drop(wal);
    assert_eq!(all(&opened(&disk).0), entries(3, 0..5, 60));
}

#[test]
fn entries_that_do_not_continue_the_log_are_refused() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..3, 10));
    for wrong in [
        entries(1, 2..4, 10),
        entries(1, 4..5, 10),
        vec![entry(1, 3, 1), entry(1, 5, 1)],
    ] {
        let error = outcome(&append(&wal, wrong)).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    append_durably(&wal, entries(1, 3..4, 10));
    assert_eq!(all(&wal), entries(1, 0..4, 10));
}

#[test]
fn an_append_of_nothing_completes_after_what_came_before() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    drop(append(&wal, entries(1, 0..3, 10)));
    outcome(&append(&wal, Vec::new())).expect("completed");
    disk.crash();
    drop(wal);
    assert_eq!(all(&opened(&disk).0), entries(1, 0..3, 10));
}

#[test]
fn a_purge_gives_files_back_and_they_are_used_again() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    let mut largest = 0;
    for round in 0..40 {
        append_durably(&wal, entries(1, round * 50..round * 50 + 50, 50));
        largest = largest.max(wal.bytes_on_disk());
        if round > 2 {
            wal.purge(id(1, round * 50 - 100)).expect("the log works");
        }
    }
    assert!(
        largest <= 16 * 4096,
        "{largest} bytes is more than what is not purged"
    );
    let purged = id(1, 39 * 50 - 100);
    assert_eq!(wal.purged(), Some(purged));
    assert_eq!(wal.log_id_at(purged.index), Some(purged));
    assert_eq!(wal.log_id_at(purged.index - 1), None);
    assert!(matches!(
        wal.read(purged.index, 2000, 100),
        Err(WalError::Purged { .. })
    ));
    let expected = entries(1, purged.index + 1..2000, 50);
    assert_eq!(all(&wal), expected);
    drop(wal);
    let (wal, recovered) = opened(&disk);
    assert_eq!(recovered.purged, Some(purged));
    assert_eq!(all(&wal), expected);
    let on_disk: usize = segments(&disk).iter().map(|(_, bytes)| bytes.len()).sum();
    eventually("the sizes agree", || wal.bytes_on_disk() >= on_disk as u64);
}

#[test]
fn a_purge_beyond_the_end_lets_the_log_continue_there() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..30, 50));
    wal.purge(id(4, 1000)).expect("the log works");
    assert_eq!(
        (wal.last(), wal.purged()),
        (Some(id(4, 1000)), Some(id(4, 1000)))
    );
    assert_eq!(wal.read(1001, 1002, 1000).expect("readable"), []);
    append_durably(&wal, entries(5, 1001..1010, 50));
    assert_eq!(wal.log_id_at(1000), Some(id(4, 1000)));
    drop(wal);
    let (wal, recovered) = opened(&disk);
    assert_eq!(recovered.purged, Some(id(4, 1000)));
    assert_eq!(all(&wal), entries(5, 1001..1010, 50));
}

#[test]
fn of_several_waiting_appends_only_the_newest_is_completed() {
    let disk = FaultyDisk::new(1);
    let (hold, stalling) = stalling(options());
    let (wal, _) = open(&disk, stalling).expect("the log opens");
    assert_eq!(wal.oldest_unsynced_age(), None);
    let first = append(&wal, entries(1, 0..10, 100));
    let syncs = |count: u64| (0..count).for_each(|_| hold.send(()).expect("the writer waits"));
    eventually("the writer is at the disk", || disk.operations() > 0);
    eventually("the writer has taken the first append", || {
        segments(&disk)
            .iter()
            .any(|(_, bytes)| bytes.windows(100).any(|w| w == [1; 100]))
    });
    let second = append(&wal, entries(1, 10..11, 100));
    let vote_saved = save_vote(&wal, vote(3));
    let third = append(&wal, entries(1, 11..12, 100));
    let fourth = append(&wal, entries(1, 12..13, 100));
    assert!(
        wal.oldest_unsynced_age().is_some(),
        "a watchdog sees the stall"
    );
    assert_eq!(
        all(&wal),
        entries(1, 0..13, 100),
        "readable before they are durable"
    );
    assert!(
        wal.tail_bytes() > 600,
        "what is not durable stays in memory"
    );
    assert!(fourth.try_recv().is_err(), "nothing is durable yet");
    syncs(10);
    outcome(&first).expect("durable");
    outcome(&second).expect("durable: a vote came between");
    outcome(&vote_saved).expect("durable");
    outcome(&fourth).expect("durable");
    assert!(
        matches!(
            third.recv_timeout(DEADLINE),
            Err(mpsc::RecvTimeoutError::Disconnected)
        ),
        "an older watermark is dropped"
    );
    assert_eq!(wal.oldest_unsynced_age(), None);
    drop(hold);
}

#[test]
fn a_reopening_writes_little_and_adds_no_files() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..500, 30));
    drop(wal);
    drop(opened(&disk));
    let (files, operations) = (segments(&disk).len(), disk.operations());
    for _ in 0..10 {
        drop(opened(&disk));
    }
    assert_eq!(segments(&disk).len(), files);
    let each = (disk.operations() - operations) / 10;
    assert!(each <= 6, "{each} writes and syncs for each opening");
}

#[test]
fn entries_replaced_while_the_old_ones_are_written_stay_readable() {
    let disk = FaultyDisk::new(1);
    let (hold, stalling) = stalling(options());
    let (wal, _) = open(&disk, stalling).expect("the log opens");
    let first = append(&wal, entries(1, 0..16, 50));
    eventually("the writer is at the disk", || {
        segments(&disk)
            .iter()
            .any(|(_, bytes)| bytes.windows(50).any(|w| w == [16; 50]))
    });
    wal.truncate_after(Some(id(1, 3))).expect("the log works");
    let second = append(&wal, entries(2, 4..16, 50));
    hold.send(()).expect("the writer waits");
    outcome(&first).expect("durable");
    let mut expected = entries(1, 0..4, 50);
    expected.extend(entries(2, 4..16, 50));
    assert_eq!(
        all(&wal),
        expected,
        "while the new entries are only in memory"
    );
    drop(hold);
    outcome(&second).expect("durable");
    assert_eq!(all(&wal), expected);
}

#[test]
fn a_purged_segment_is_not_used_again_under_a_reader() {
    let disk = FaultyDisk::new(1);
    let keeping = Options {
        spare_segments: 50,
        ..options()
    };
    let (wal, _) = open(&disk, keeping).expect("the log opens");
    append_durably(&wal, entries(1, 0..100, 100));
    let span = wal.span(10).expect("on disk");
    wal.purge(id(1, 90)).expect("the log works");
    let name = Path::new(PATH).join("0000000000000001.wal");
    eventually("the segment is given back", || {
        segments(&disk).iter().all(|(path, _)| *path != name)
    });
    append_durably(&wal, entries(1, 100..400, 100));
    let mut found = Vec::new();
    wal.read_span(&span, 10, &mut found)
        .expect("the reader's file is left alone");
    assert_eq!(found, entries(1, 10..11, 100));
}

#[test]
fn a_read_does_not_fetch_what_was_truncated() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    append_durably(&wal, entries(1, 0..10, 100));
    wal.truncate_after(Some(id(1, 4))).expect("the log works");
    append_durably(&wal, entries(2, 5..100, 20));
    let span = wal.span(4).expect("on disk");
    assert!(
        span.end - u64::from(span.offsets[0]) < 200,
        "one entry, not what came after it"
    );
    wal.truncate_after(Some(id(1, 2))).expect("the log works");
    append_durably(&wal, entries(3, 3..100, 20));
    let mut expected = entries(1, 0..3, 100);
    expected.extend(entries(3, 3..100, 20));
    assert_eq!(all(&wal), expected);
}
