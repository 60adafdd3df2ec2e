//! Snapshots that do not fit on the receiver's disk.

use super::*;

/// A checkpoint of two files, and how long it is.
fn two_files() -> (TempDir, u64) {
    let (one, two) = (noise(1, 300_000), noise(2, 400_000));
    let directory = checkpoint(&[("000007.sst", &one), ("000009.sst", &two)]);
    (directory, 700_000)
}

#[tokio::test]
async fn what_does_not_fit_beside_the_reserve_is_refused_before_the_first_byte() {
    let receiver = Receiver::new();
    let (directory, bytes) = two_files();
    let short = bytes + RESERVE_BYTES - 1;
    receiver.free.store(short, Ordering::Relaxed);
    let sent = receiver.take(LEADER, directory.path(), None).await;
    let status = sent.failure();
    assert_eq!(status.code(), Code::ResourceExhausted);
    for number in [bytes, RESERVE_BYTES, short] {
        let text = number.to_string();
        assert!(status.message().contains(&text), "{text}: {status}");
    }
    assert_eq!(sent.bytes, 0);
    // One that has not asked is refused as well.
    let sent = receiver.stream(LEADER, directory.path(), Vec::new(), None);
    let sent = sent.await;
    assert_eq!(sent.failure().code(), Code::ResourceExhausted);
    assert!(content(&receiver.collected(LEADER)).is_empty());
    receiver.free.store(short + 1, Ordering::Relaxed);
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
}

#[tokio::test]
async fn what_is_there_already_needs_no_space_again() {
    let receiver = Receiver::new();
    let (directory, bytes) = two_files();
    let sent = receiver.take(LEADER, directory.path(), Some(300_000)).await;
    let there = sent.bytes;
    assert_eq!(there, 300_000, "the first file");
    let rest = bytes - there + RESERVE_BYTES;
    receiver.free.store(rest - 1, Ordering::Relaxed);
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.failure().code(), Code::ResourceExhausted);
    assert!(receiver.collected(LEADER).exists(), "the reserve is there");
    receiver.free.store(rest, Ordering::Relaxed);
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    assert_eq!(sent.bytes, bytes - there);
}

#[tokio::test]
async fn a_disk_that_others_fill_meanwhile_ends_the_transfer_between_two_files() {
    let receiver = Receiver::new();
    let (directory, bytes) = two_files();
    // Enough at first; what is written here does not change the number, others do.
    let free = Arc::clone(&receiver.free);
    free.store(bytes + RESERVE_BYTES, Ordering::Relaxed);
    let files = list_files(directory.path()).expect("listed");
    let held = receiver.incoming.prepare(LEADER, files).await;
    assert!(held.expect("enough").is_empty());
    let outgoing = parts(directory.path());
    let first = receiver.collected(LEADER).join("000007.sst");
    let stream = futures::stream::iter(outgoing).map(move |part| {
        let full = free.load(Ordering::Relaxed) < RESERVE_BYTES;
        if matches!(&part, Part::Data(_)) && !full {
            // All checks before the second file's have been passed.
            wait_until("the first file has begun", || first.exists());
            free.store(RESERVE_BYTES - 1, Ordering::Relaxed);
        }
        Ok(peer::SnapshotChunk { part: Some(part) })
    });
    let outcome = receiver.incoming.receive(LEADER, stream).await;
    let status = outcome.expect_err("refused");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let directory = receiver.scratch.path().join("state/incoming");
    assert!(!directory.exists(), "the reserve is more urgent");
}

#[tokio::test]
async fn what_broke_off_makes_room_when_the_disk_is_short_of_space() {
    let receiver = Receiver::new();
    let (directory, _) = two_files();
    let cut = Some(300_000);
    receiver.take(LEADER, directory.path(), cut).await;
    assert!(receiver.collected(LEADER).exists());
    assert!(receiver.incoming.tidy(true));
    assert!(!receiver.collected(LEADER).exists());
}
