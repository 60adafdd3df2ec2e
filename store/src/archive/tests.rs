mod fuzz;

use super::*;
use crate::engine::memory::MemoryEngine;
use crate::engine::rocks::{RocksEngine, RocksOptions};
use crate::engine::{Batch, Engine, Family, GarbageSlot, history_key};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use std::sync::Arc;
use tempfile::TempDir;

fn header() -> Header {
    Header {
        cluster_id: u64::MAX,
        member_id: 0x1234,
        revision: 700,
        compacted: -1,
        applied_term: 3,
        applied_index: 900,
        created_by: "0.1.0".to_owned(),
    }
}

/// About 5 MiB: several blocks, and one record longer than a block.
fn fill(engine: &dyn Engine) {
    for start in (0..700).step_by(50) {
        let mut batch = Batch::default();
        for revision in start..start + 50 {
            let value = vec![revision as u8; 5000 + revision as usize];
            batch.put(Family::History, &history_key(revision, 0), &[&value]);
        }
        engine.write(&batch).unwrap();
    }
    let mut batch = Batch::default();
    batch.put(Family::History, &history_key(350, 1), &[&vec![7; 2 << 20]]);
    batch.put(Family::Meta, b"", &[b"an empty key"]);
    batch.put(Family::Lease, &(-5i64).to_be_bytes(), &[]);
    batch.put(Family::Auth, b"root", &[b"secret"]);
    engine.write(&batch).unwrap();
}

fn small(engine: &dyn Engine) {
    let mut batch = Batch::default();
    batch.put(Family::History, &history_key(2, 0), &[b"value"]);
    batch.put(Family::Meta, b"revision", &[b"2"]);
    engine.write(&batch).unwrap();
}

fn content(engine: &dyn Engine) -> Vec<(Family, Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    for family in Family::ALL {
        engine
            .scan(family, b"", b"", &mut |key, value| {
                records.push((family, key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    records
}

fn memory(fill: fn(&dyn Engine)) -> Arc<dyn Engine> {
    let engine = MemoryEngine::new(GarbageSlot::default());
    fill(&engine);
    Arc::new(engine)
}

fn archive(engine: Arc<dyn Engine>) -> Vec<u8> {
    Writer::new(engine, header())
        .flat_map(Result::unwrap)
        .collect()
}

fn read(bytes: &[u8]) -> Result<Totals, ArchiveError> {
    Reader::new(bytes, "test")?.read(&mut |_, _, _| Ok(()), &mut |_| {})
}

fn round_trip(source: Arc<dyn Engine>, target: &dyn Engine) {
    let bytes = archive(source.clone());
    let reader = Reader::new(&bytes[..], "test").unwrap();
    assert_eq!(reader.header(), &header());
    let mut seen = Vec::new();
    let totals = reader
        .restore(target, &mut |progress| seen.push(progress.done))
        .unwrap();
    assert_eq!(totals.records, 704);
    assert_eq!(content(target), content(&*source));
    assert!(seen.is_sorted() && seen.len() > 3, "{seen:?}");
    assert_eq!(seen.last(), Some(&(bytes.len() as u64)));
}

#[test]
fn a_state_in_memory_comes_back_as_it_was() {
    let target = MemoryEngine::new(GarbageSlot::default());
    round_trip(memory(fill), &target);
    assert_eq!(target.unflushed(), 0, "what was restored is durable");
}

#[test]
fn a_checkpoint_on_disk_comes_back_while_writes_go_on() {
    let directory = TempDir::new().unwrap();
    let open = |name: &str| {
        let path = directory.path().join(name);
        RocksEngine::open(&path, GarbageSlot::default(), RocksOptions::default()).unwrap()
    };
    let live = open("live");
    fill(&live);
    let checkpoint = directory.path().join("checkpoint");
    live.checkpoint(&checkpoint).unwrap();
    small(&live);
    let frozen = RocksEngine::open_read_only(&checkpoint, RocksOptions::default()).unwrap();
    round_trip(Arc::new(frozen), &open("restored"));
}

#[test]
fn equal_states_have_equal_hashes_whatever_holds_them() {
    let directory = TempDir::new().unwrap();
    let rocks = RocksEngine::open(
        directory.path(),
        GarbageSlot::default(),
        RocksOptions::default(),
    );
    let rocks = rocks.unwrap();
    fill(&rocks);
    let on_disk = read(&archive(Arc::new(rocks))).unwrap();
    assert_eq!(on_disk, read(&archive(memory(fill))).unwrap());
    assert_ne!(on_disk.hash, read(&archive(memory(small))).unwrap().hash);
}

#[test]
fn the_stream_has_the_shape_that_etcds_clients_check() {
    for fill in [fill, small, |_: &dyn Engine| {}] {
        let mut writer = Writer::new(memory(fill), header());
        let mut chunks = Vec::new();
        while let Some(chunk) = writer.next() {
            chunks.push(chunk.unwrap());
            assert!(writer.progress().done <= writer.progress().total);
        }
        let total: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        assert_eq!(total % 512, 32);
        assert_eq!(
            writer.progress(),
            Progress {
                done: total as u64,
                total: total as u64
            }
        );
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
        let (digest, body) = chunks.split_last().unwrap();
        assert_eq!(digest[..], Sha256::digest(body.concat())[..]);
    }
}

#[test]
fn status_tells_what_is_in_a_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    let bytes = archive(memory(small));
    std::fs::write(&path, &bytes).unwrap();
    let status = status(&path, &mut |_| {}).unwrap();
    assert_eq!((status.revision, status.total_keys), (700, 2));
    assert_eq!(status.total_size, bytes.len() as u64);
    assert_eq!(status.hash, read(&bytes).unwrap().hash);
    assert_eq!(status.header, header());
}

#[test]
fn every_flipped_byte_is_noticed() {
    let mut bytes = archive(memory(small));
    read(&bytes).unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 0x10;
        let error = read(&bytes).unwrap_err();
        match (at, &error) {
            (0..8, ArchiveError::NotAnArchive { .. }) => {}
            (8.., ArchiveError::Damaged { offset, .. }) => {
                assert!(*offset as usize <= at, "byte {at}: {error}");
            }
            _ => panic!("byte {at}: {error}"),
        }
        bytes[at] ^= 0x10;
    }
}

#[test]
fn a_flipped_byte_is_noticed_in_large_files_too() {
    let mut bytes = archive(memory(fill));
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        bytes[at] ^= 0x01;
        read(&bytes).unwrap_err();
        bytes[at] ^= 0x01;
    }
    read(&bytes).unwrap();
}

#[test]
fn every_shorter_file_is_damaged() {
    let bytes = archive(memory(small));
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Damaged { .. }),
            "{length} bytes: {error}"
        );
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(
        read(&longer).unwrap_err(),
        ArchiveError::Damaged { .. }
    ));
}

#[test]
fn a_lost_block_is_noticed_although_every_frame_is_sound() {
    let mut bytes = archive(memory(small));
    // The frame of the records stands behind preamble and header.
    let frame_end = |start: usize| {
        let length = u32::from_le_bytes(bytes[start + 4..start + 8].try_into().unwrap());
        start + 16 + length as usize
    };
    let start = frame_end(16);
    let end = frame_end(start);
    assert_eq!(bytes[start], b'B');
    bytes.drain(start..end);
    let error = read(&bytes).unwrap_err();
    assert!(
        error.to_string().contains("the records are not those"),
        "{error}"
    );
}

#[test]
fn other_files_and_newer_versions_are_named() {
    let error = read(&[0; 4096]).unwrap_err();
    assert_eq!(
        error,
        ArchiveError::NotAnArchive {
            place: "test".to_owned()
        }
    );
    let mut bytes = archive(memory(small));
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    let error = read(&bytes).unwrap_err();
    assert_eq!(
        error,
        ArchiveError::Newer {
            place: "test".to_owned(),
            version: 2
        }
    );
}

#[test]
fn a_damaged_checkpoint_ends_the_stream_with_an_error() {
    let directory = TempDir::new().unwrap();
    let options = RocksOptions::default();
    let engine = RocksEngine::open(directory.path(), GarbageSlot::default(), options).unwrap();
    fill(&engine);
    engine.flush().unwrap();
    drop(engine);
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut content = std::fs::read(&path).unwrap();
        let middle = content.len() / 2;
        if path.extension().is_some_and(|extension| extension == "sst") && middle > 1 << 20 {
            content[middle] ^= 0xff;
            std::fs::write(&path, content).unwrap();
        }
    }
    let engine = RocksEngine::open_read_only(directory.path(), RocksOptions::default()).unwrap();
    let mut chunks = Writer::new(Arc::new(engine), header()).skip_while(Result::is_ok);
    assert!(chunks.next().unwrap().is_err());
    assert!(chunks.next().is_none());
}
