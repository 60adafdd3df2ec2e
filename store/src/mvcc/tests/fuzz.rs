//! Keys, records and index dumps out of any bytes.

use super::*;
use crate::engine::{history_key, parse_history_key};
use crate::mvcc::dump::{self, Dumps};
use crate::mvcc::record::{Fields, peek_key, share, without_value};
use crate::mvcc::schema::DumpId;
use keelson_fuzz::memory::most_held;
use keelson_fuzz::{Choices, Form, Target};
use std::collections::BTreeMap;

/// Keys of the history: their order is that of revisions, and they come back.
fn history_keys(choices: &mut Choices<'_>) {
    let mut position = || {
        let revision = choices.number().max(0);
        (revision, choices.number() as u32)
    };
    let (one, other) = (position(), position());
    let (key, other_key) = (history_key(one.0, one.1), history_key(other.0, other.1));
    assert_eq!(
        one.cmp(&other),
        key.cmp(&other_key),
        "{one:?} and {other:?}"
    );
    assert_eq!(parse_history_key(&key), Some(one));
    let any = choices.bytes();
    if let Some((revision, sub)) = parse_history_key(any) {
        assert_eq!(history_key(revision, sub)[..], *any);
    }
}

/// A record says to us what it says to any protobuf decoder.
fn record(bytes: &[u8]) {
    let Some(fields) = Fields::parse(bytes) else {
        return;
    };
    let message = KeyValue::decode(bytes).expect("what parses here is a KeyValue");
    let ours = KeyValue {
        key: Bytes::copy_from_slice(fields.key),
        create_revision: fields.create_revision,
        mod_revision: fields.mod_revision,
        version: fields.version,
        value: Bytes::copy_from_slice(fields.value),
        lease: fields.lease,
    };
    assert_eq!(ours, message);
    let canonical = fields.encode();
    assert_eq!(canonical, message.encode_to_vec());
    assert_eq!(Fields::parse(&canonical), Some(fields));
    let key = peek_key(&canonical).unwrap_or_default();
    assert_eq!(share(&canonical, key), message.key);
    let stripped = without_value(&canonical).expect("it parses");
    let value = Bytes::new();
    assert_eq!(stripped, KeyValue { value, ..message }.encode_to_vec());
}

/// Keys of any bytes: the index has them in their order, and finds each.
fn index(choices: &mut Choices<'_>) {
    let store = new_store();
    let mut model = BTreeMap::new();
    let mut writer = store.writer();
    for number in 0..80 {
        if choices.is_over() {
            break;
        }
        let most = choices.below(12);
        let key: Vec<u8> = (0..=most).map(|_| choices.of(b"\0\0\x01ab\xff")).collect();
        match choices.once_in(5) {
            true => assert_eq!(writer.delete(&key), model.remove(&key).is_some()),
            false => {
                writer.put(&key.clone().into(), &vec![number].into(), 0);
                model.insert(key, vec![number]);
            }
        }
        writer.end_revision();
    }
    writer.commit().expect("the test engine does not fail");
    let all = decode(&store.range(&everything()).expect("readable").kvs);
    let all: Vec<_> = all
        .iter()
        .map(|kv| (kv.key.to_vec(), kv.value.to_vec()))
        .collect();
    let expected: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(all, expected);
    for (key, value) in &model {
        let request = RangeRequest {
            key: Bytes::copy_from_slice(key),
            ..RangeRequest::default()
        };
        let found = decode(&store.range(&request).expect("readable").kvs);
        assert_eq!(found.first().map(|kv| &kv.value[..]), Some(&value[..]));
    }
}

fn check_keys(input: &[u8]) {
    let mut choices = Choices::new(input);
    match choices.below(3) {
        0 => history_keys(&mut choices),
        1 => record(choices.rest()),
        _ => index(&mut choices),
    }
}

/// Keys and records.
#[test]
fn fuzz_keys() {
    let record = KeyValue {
        key: Bytes::from_static(b"key"),
        create_revision: 300,
        mod_revision: 70_000,
        version: 2,
        value: Bytes::from_static(b"value"),
        lease: -5,
    };
    let ramp: Vec<u8> = (0..=255).collect();
    let seeds = vec![
        [&[1], &record.encode_to_vec()[..]].concat(),
        [&[0], &ramp[..40]].concat(),
        [&[2], &ramp[..]].concat(),
        vec![2; 300],
    ];
    Target::new("keys", Form::Bytes)
        .length_max(600)
        .run(seeds, check_keys);
}

/// A number of more than 64 bits is no number, to us as to others.
#[test]
fn a_number_that_does_not_fit_is_refused() {
    let most = [&[0x20][..], &[0xff; 9], &[1]].concat();
    assert_eq!(Fields::parse(&most).map(|fields| fields.version), Some(-1));
    let more = [&[0x20][..], &[0xff; 9], &[2]].concat();
    assert_eq!(Fields::parse(&more), None);
    assert!(KeyValue::decode(&more[..]).is_err());
}

/// A dump whose blocks have the checksums that they should have: two bytes of length before each block.
fn assemble(mut rest: &[u8]) -> (Vec<u8>, u32) {
    let (mut file, mut checksum) = (b"KLSIDX01".to_vec(), 0);
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(more.len());
        let (block, more) = more.split_at(length);
        rest = more;
        let sum = crc32c::crc32c(block).to_be_bytes();
        checksum = crc32c::crc32c_append(checksum, &sum);
        file.extend_from_slice(&(length as u32).to_be_bytes());
        file.extend_from_slice(&sum);
        file.extend_from_slice(block);
    }
    (file, checksum)
}

fn check_dump(directory: &Path, input: &[u8]) {
    let Some((head, rest)) = input.split_first_chunk::<9>() else {
        return;
    };
    let revision = i64::from_le_bytes(std::array::from_fn(|at| head[1 + at]));
    let (file, checksum) = match head[0] & 1 {
        0 => (rest.to_vec(), 0x1234_5678),
        _ => assemble(rest),
    };
    let id = DumpId { revision, checksum };
    let path = Dumps::path(directory, id);
    std::fs::write(&path, &file).expect("a file in the scratch directory");
    let mut entries = 0;
    let (found, held) = most_held(|| {
        let visit = &mut |entry: crate::mvcc::index::Entry| {
            entries += 1;
            // As a start does with it.
            let _ = (entry.at(revision), entry.newest().stored_bytes());
        };
        dump::read(directory, id, visit)
    });
    std::fs::remove_file(&path).expect("it was written");
    assert!(
        held < 100_000 + 64 * file.len(),
        "{held} bytes for {}",
        file.len()
    );
    if let Some((footer, bytes)) = found {
        assert_eq!((footer.revision, footer.entries), (revision, entries));
        assert!(bytes <= file.len() as u64);
    }
}

fn dump_seeds(directory: &Path) -> Vec<Vec<u8>> {
    let store = open(&TestEngine::new(), 1 << 20, Some(directory));
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")] {
        put(&store, key, value);
    }
    delete(&store, "b");
    compact(&store, 3).expect("compacted");
    store
        .dump()
        .expect("the scratch directory can be written to");
    let revision = store.revision().to_le_bytes();
    let files = std::fs::read_dir(directory).expect("the scratch directory");
    let path = files.flatten().next().expect("a dump").path();
    let file = std::fs::read(path).expect("it is there");
    let mut sealed = [&[1], &revision[..]].concat();
    let mut rest = &file[8..];
    while let Some((head, more)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes(std::array::from_fn(|at| head[at])) as usize;
        sealed.extend_from_slice(&(length as u16).to_le_bytes());
        sealed.extend_from_slice(&more[..length]);
        rest = &more[length..];
    }
    vec![sealed, [&[0], &revision[..], &file[..]].concat()]
}

/// A record of two gigabytes was never written, so a dump that speaks of one is none.
#[test]
fn a_dump_with_an_impossible_record_is_not_loaded() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    // Key "a"; version 1, created at 2, no lease; at 2, first of it; 2^31 bytes long, no tombstone; none before.
    let entry = [2, b'a', 1, 2, 0, 2, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0];
    let input = [&[1][..], &2i64.to_le_bytes(), &[13, 0], &entry].concat();
    check_dump(directory.path(), &input);
}

/// Dumps of the index.
#[test]
fn fuzz_dump() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let seeds = dump_seeds(directory.path());
    let check = |input: &[u8]| check_dump(directory.path(), input);
    Target::new("dump", Form::Bytes)
        .length_max(1024)
        .run(seeds, check);
}
