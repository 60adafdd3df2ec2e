//! What a log does when the disk refuses.

use super::*;

/// A log with five entries, and nobody but the writer who would sync from now on.
fn holds_five() -> (FaultyDisk, Wal) {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    eventually("the preparer is done with syncing", || {
        segments(&disk).len() == 2
    });
    append_durably(&wal, entries(1, 0..5, 50));
    (disk, wal)
}

#[test]
fn after_a_failed_sync_everything_fails() {
    let (disk, wal) = holds_five();
    disk.fail_sync_after(0);
    assert!(outcome(&append(&wal, entries(1, 5..6, 50))).is_err());
    let error = outcome(&append(&wal, entries(1, 6..7, 50))).expect_err("the log has stopped");
    assert!(
        error.to_string().contains("simulated failure to sync"),
        "{error}"
    );
    assert!(outcome(&save_vote(&wal, vote(1))).is_err());
    assert!(wal.save_committed(None).is_err());
    assert!(wal.truncate_after(None).is_err());
    assert!(wal.purge(id(1, 1)).is_err());
    drop(wal);
    disk.crash();
    let (wal, _) = opened(&disk);
    assert_eq!(
        all(&wal),
        entries(1, 0..5, 50),
        "what was acknowledged is there"
    );
}

#[test]
fn what_recovery_reports_survives_the_next_power_cut() {
    let (disk, wal) = holds_five();
    // The kernel forgets the write but keeps showing it: a process that starts again finds an entry
    // that is on no disk, and later syncs do not put it there.
    disk.fail_sync_after(0);
    assert!(outcome(&append(&wal, entries(1, 5..6, 50))).is_err());
    drop(wal);
    let (wal, recovered) = opened(&disk);
    assert_eq!(
        recovered.last,
        Some(id(1, 5)),
        "the entry is still readable"
    );
    disk.crash();
    drop(wal);
    assert_eq!(all(&opened(&disk).0), entries(1, 0..6, 50));
}

#[test]
fn a_full_disk_is_reported_and_loses_nothing() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    eventually("the first spare is made", || segments(&disk).len() == 2);
    disk.limit_space(100);
    let mut acknowledged = 0;
    let error = loop {
        match outcome(&append(
            &wal,
            entries(1, acknowledged..acknowledged + 1, 200),
        )) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(
        acknowledged > 10,
        "both prepared segments are used first: {acknowledged}"
    );
    drop(wal);
    disk.limit_space(u64::MAX);
    let (wal, _) = opened(&disk);
    assert_eq!(all(&wal), entries(1, 0..acknowledged, 200));
    append_durably(&wal, entries(1, acknowledged..acknowledged + 50, 200));
}

#[test]
fn room_that_is_made_in_time_is_found() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    eventually("the first spare is made", || segments(&disk).len() == 2);
    disk.limit_space(100);
    // Fills the first segment and begins the second: the preparer now fails to prepare a third.
    append_durably(&wal, entries(1, 0..20, 200));
    disk.limit_space(u64::MAX);
    eventually("the preparer tries again", || segments(&disk).len() == 3);
    append_durably(&wal, entries(1, 20..60, 200));
}

#[test]
fn appends_wait_when_far_too_much_waits_for_the_disk() {
    let disk = FaultyDisk::new(1);
    let (hold, stalling) = stalling(Options {
        queue_bytes: 1000,
        ..options()
    });
    let (wal, _) = open(&disk, stalling).expect("the log opens");
    drop(append(&wal, entries(1, 0..20, 100)));
    let (started, begun) = mpsc::channel();
    let blocked = wal.clone();
    let thread = std::thread::spawn(move || {
        let _ = started.send(());
        outcome(&append(&blocked, entries(1, 20..21, 100)))
    });
    begun.recv_timeout(DEADLINE).expect("the thread runs");
    for _ in 0..1000 {
        std::thread::yield_now();
        assert_eq!(wal.last(), Some(id(1, 19)), "the append is held back");
    }
    drop(hold);
    thread
        .join()
        .expect("the thread ends")
        .expect("the entry is durable");
    assert_eq!(wal.last(), Some(id(1, 20)));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let disk = FaultyDisk::new(1);
    for segment_bytes in [100, 4097, 4 << 30] {
        let refused = open(
            &disk,
            Options {
                segment_bytes,
                ..options()
            },
        );
        assert!(matches!(refused, Err(WalError::Invalid(_))));
    }
    assert!(disk.files().is_empty(), "nothing was changed");
}
