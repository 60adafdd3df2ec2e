//! What is sent again, and what is not.

use super::*;

/// Three files that take several messages each, and the small ones every database has.
struct State {
    tables: [Vec<u8>; 3],
    manifest: Vec<u8>,
}

const TABLE_BYTES: usize = 700_000;
const NAMES: [&str; 3] = ["000007.sst", "000009.sst", "000011.sst"];
const MANIFEST_BYTES: usize = 300_000;
/// In the middle of the second table.
const MIDDLE: u64 = (TABLE_BYTES + TABLE_BYTES / 2) as u64;

impl State {
    fn new(seed: u64) -> State {
        State {
            tables: [1, 2, 3].map(|table| noise(seed * 100 + table, TABLE_BYTES)),
            manifest: noise(seed * 100, MANIFEST_BYTES),
        }
    }

    fn checkpoint(&self) -> TempDir {
        let [one, two, three] = &self.tables;
        checkpoint(&[
            (NAMES[0], one),
            (NAMES[1], two),
            (NAMES[2], three),
            ("CURRENT", b"MANIFEST-000005\n"),
            ("MANIFEST-000005", &self.manifest),
        ])
    }

    fn bytes(&self) -> u64 {
        (3 * TABLE_BYTES + MANIFEST_BYTES + "MANIFEST-000005\n".len()) as u64
    }
}

/// One transfer that breaks off in front of this byte. Says how many have come.
async fn broken_off(receiver: &Receiver, sender: u64, state: &State, cut: u64) -> u64 {
    let directory = state.checkpoint();
    let sent = receiver.take(sender, directory.path(), Some(cut)).await;
    assert_eq!(sent.failure().message(), "the connection is cut");
    assert!(sent.bytes > TABLE_BYTES as u64, "{} bytes", sent.bytes);
    sent.bytes
}

#[tokio::test]
async fn a_transfer_that_broke_off_goes_on_in_the_middle_of_a_file() {
    let receiver = Receiver::new();
    let state = State::new(1);
    let before = broken_off(&receiver, LEADER, &state, MIDDLE).await;
    let directory = state.checkpoint();
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    assert_eq!(sent.bytes, state.bytes() - before, "no byte twice");
}

#[tokio::test]
async fn it_goes_on_however_often_it_breaks() {
    let receiver = Receiver::new();
    let state = State::new(1);
    let directory = state.checkpoint();
    let mut bytes = 0;
    let arrived = loop {
        // One message gets through each time.
        let sent = receiver.take(LEADER, directory.path(), Some(262_144)).await;
        assert!(sent.bytes > 0, "every attempt gets a little further");
        bytes += sent.bytes;
        assert!(bytes <= state.bytes(), "no byte twice");
        if sent.outcome.is_ok() {
            break sent;
        }
    };
    assert_eq!(arrived.files(), content(directory.path()));
    assert_eq!(bytes, state.bytes(), "all bytes");
}

#[tokio::test]
async fn it_goes_on_with_a_newer_checkpoint_and_after_a_restart() {
    let mut receiver = Receiver::new();
    let mut state = State::new(1);
    let last = state.bytes() - 1;
    let before = broken_off(&receiver, LEADER, &state, last).await;
    receiver.restart();
    // The second table has been merged away, the list of files has grown, a table has come.
    let missing = state.bytes() - before;
    state.manifest.extend(noise(9, 300));
    let directory = state.checkpoint();
    fs::remove_file(directory.path().join(NAMES[1])).expect("removed");
    fs::write(directory.path().join("000013.sst"), noise(7, 1_000)).expect("written");
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    let new = missing + 300 + 1_000;
    assert_eq!(sent.bytes, new, "what was there is not sent again");
}

#[tokio::test]
async fn what_was_damaged_on_the_receivers_disk_is_sent_again() {
    let receiver = Receiver::new();
    let state = State::new(1);
    let before = broken_off(&receiver, LEADER, &state, MIDDLE).await;
    let file = receiver.collected(LEADER).join(NAMES[0]);
    let mut bytes = fs::read(&file).expect("read");
    assert_eq!(bytes.len(), TABLE_BYTES, "the first table was complete");
    bytes[TABLE_BYTES / 3] ^= 1;
    fs::write(&file, bytes).expect("written");
    let directory = state.checkpoint();
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    let again = state.bytes() - before + TABLE_BYTES as u64;
    assert_eq!(sent.bytes, again, "one file more");
}

#[tokio::test]
async fn what_came_from_another_sender_is_thrown_away() {
    let receiver = Receiver::new();
    let (old, mut new) = (State::new(1), State::new(2));
    // The same names and lengths, and even one and the same file.
    new.tables[0].clone_from(&old.tables[0]);
    broken_off(&receiver, LEADER, &old, MIDDLE).await;
    let directory = new.checkpoint();
    let sent = receiver.take(0xb, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    assert_eq!(sent.bytes, new.bytes(), "all of it");
    assert!(!receiver.collected(LEADER).exists(), "the old one is gone");
}

#[tokio::test]
async fn the_same_sender_with_another_state_is_not_mixed_with_what_it_had() {
    let receiver = Receiver::new();
    let (old, mut new) = (State::new(1), State::new(2));
    new.tables[0].clone_from(&old.tables[0]);
    broken_off(&receiver, LEADER, &old, MIDDLE).await;
    let directory = new.checkpoint();
    let sent = receiver.take(LEADER, directory.path(), None).await;
    assert_eq!(sent.files(), content(directory.path()));
    let same = TABLE_BYTES as u64;
    assert_eq!(sent.bytes, new.bytes() - same, "all that differs");
}

#[tokio::test]
async fn what_was_not_offered_cannot_be_left_out() {
    let receiver = Receiver::new();
    let state = State::new(1);
    broken_off(&receiver, LEADER, &state, MIDDLE).await;
    let directory = state.checkpoint();
    let files = list_files(directory.path()).expect("listed");
    let held = receiver.incoming.prepare(LEADER, files).await;
    let held = held.expect("there is space");
    assert!(held.iter().any(|file| file.name == NAMES[0]));
    // Somebody else was quicker.
    let other = checkpoint(&[("CURRENT", b"MANIFEST-000001\n")]);
    let sent = receiver.take(0xb, other.path(), None).await;
    assert_eq!(sent.files(), content(other.path()));
    let sent = receiver.stream(LEADER, directory.path(), held, None).await;
    assert_eq!(sent.failure().code(), Code::Aborted, "{}", sent.failure());
}

#[tokio::test]
async fn a_sender_that_does_not_ask_sends_all() {
    let receiver = Receiver::new();
    let state = State::new(1);
    broken_off(&receiver, LEADER, &state, MIDDLE).await;
    let directory = state.checkpoint();
    let sent = receiver.stream(LEADER, directory.path(), Vec::new(), None);
    let sent = sent.await;
    assert_eq!(sent.files(), content(directory.path()));
    assert_eq!(sent.bytes, state.bytes());
}

#[tokio::test]
async fn only_one_arrives_at_a_time() {
    let receiver = Receiver::new();
    let (parts, waiting) = mpsc::channel::<Result<peer::SnapshotChunk, Status>>(1);
    let header = peer::SnapshotChunk {
        part: Some(Part::Header(header())),
    };
    parts.send(Ok(header)).await.expect("taken");
    let incoming = Arc::clone(&receiver.incoming);
    let stream = ReceiverStream::new(waiting);
    let first = tokio::spawn(async move { incoming.receive(LEADER, stream).await });
    let collected = receiver.collected(LEADER);
    let begun = move || collected.exists();
    let waiting = begun.clone();
    tokio::task::spawn_blocking(move || wait_until("the first one begins", waiting))
        .await
        .expect("it has begun");
    let directory = checkpoint(&[("CURRENT", b"x")]);
    let second = receiver.take(0xb, directory.path(), None).await;
    assert_eq!(second.failure().code(), Code::Unavailable);
    assert!(begun(), "the first one is not touched");
    drop(parts);
    let status = first.await.expect("ended").expect_err("it broke off");
    assert_eq!(status.message(), "the snapshot ended too early");
    let second = receiver.take(0xb, directory.path(), None).await;
    assert_eq!(second.files(), content(directory.path()));
}

#[tokio::test]
async fn what_arrives_must_be_what_was_announced() {
    let directory = checkpoint(&[("000007.sst", &[7; 1000])]);
    let all = parts(directory.path());
    let [_, Part::File(file), ..] = &all[..] else {
        panic!("a header and a file come first: {all:?}");
    };
    let (mut another, mut longer) = (file.clone(), file.clone());
    another.crc32c ^= 1;
    longer.bytes += 1;
    let end = Part::End(peer::SnapshotEnd { files: 2 });
    let wrong = [
        ("a checksum", 1, Some(Part::File(another))),
        ("a length", 1, Some(Part::File(longer))),
        ("more data", 2, Some(Part::Data(vec![7; 1001].into()))),
        ("no data", 2, None),
        ("another number of files", 3, Some(end)),
        ("no end", 3, None),
    ];
    for (what, at, part) in wrong {
        let receiver = Receiver::new();
        let mut parts = all.clone();
        parts.splice(at..=at, part);
        let chunks = parts
            .into_iter()
            .map(|part| Ok(peer::SnapshotChunk { part: Some(part) }));
        let stream = futures::stream::iter(chunks);
        let outcome = receiver.incoming.receive(LEADER, stream).await;
        let status = outcome.expect_err(what);
        assert_eq!(status.code(), Code::DataLoss, "{what}: {status}");
    }
}

#[tokio::test]
async fn names_that_are_paths_are_refused() {
    for name in ["", ".", "..", "../CURRENT", "a/b", "a\0"] {
        let receiver = Receiver::new();
        let file = peer::SnapshotFile {
            name: name.to_owned(),
            bytes: 0,
            crc32c: 0,
        };
        let parts = [Part::Header(header()), Part::File(file)];
        let chunks = parts.map(|part| Ok(peer::SnapshotChunk { part: Some(part) }));
        let stream = futures::stream::iter(chunks);
        let outcome = receiver.incoming.receive(LEADER, stream).await;
        let status = outcome.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{name:?}: {status}");
    }
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_thrown_away() {
    let receiver = Receiver::new();
    let state = State::new(1);
    assert!(!receiver.incoming.tidy(true), "there is nothing");
    broken_off(&receiver, LEADER, &state, MIDDLE).await;
    assert!(!receiver.incoming.tidy(false), "too early");
    assert!(receiver.collected(LEADER).exists());
    let impatient = incoming(&receiver.scratch, &receiver.free).keeping_for(Duration::ZERO);
    assert!(impatient.tidy(false), "nobody has come for long");
    assert!(!receiver.collected(LEADER).exists());
    assert!(!impatient.tidy(false), "there is nothing any more");
}
