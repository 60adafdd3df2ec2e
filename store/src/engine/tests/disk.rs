//! What only files can break.

use super::*;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn open(directory: &Path, must_exist: bool) -> Result<RocksEngine, EngineError> {
    let options = RocksOptions {
        must_exist,
        ..small_options()
    };
    RocksEngine::open(directory, GarbageSlot::default(), options)
}

fn refusal(result: Result<RocksEngine, EngineError>) -> EngineError {
    match result {
        Ok(_) => panic!("the database was opened"),
        Err(error) => error,
    }
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// 500 records of 1 KiB that do not compress, in a file.
fn filled(directory: &Path) {
    let engine = open(directory, false).unwrap();
    let mut batch = Batch::default();
    for revision in 0..500 {
        let mut value = vec![0u8; 1024];
        rand::Rng::fill(&mut rand::rng(), &mut value[..]);
        batch.put(Family::History, &history_key(revision, 0), &[&value]);
    }
    engine.write(&batch).unwrap();
    put(&engine, Family::Meta, b"applied", b"500");
    engine.flush().unwrap();
}

#[test]
fn a_new_directory_is_private() {
    let directory = TempDir::new().unwrap();
    let inner = directory.path().join("member/state");
    drop(open(&inner, false).unwrap());
    let mode = std::fs::metadata(&inner).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn nothing_where_a_database_must_be_is_damage() {
    let directory = TempDir::new().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("absent")] {
        let error = refusal(open(&path, true));
        assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
        let error = refusal(RocksEngine::open_read_only(&path, small_options()));
        assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
    }
    assert!(
        !directory.path().join("absent").exists(),
        "refusing changes nothing"
    );
}

#[test]
fn an_emptied_list_of_files_is_damage_where_a_database_must_be() {
    let directory = TempDir::new().unwrap();
    filled(directory.path());
    let current = std::fs::read_to_string(directory.path().join("CURRENT")).unwrap();
    std::fs::write(directory.path().join(current.trim()), b"").unwrap();
    let error = refusal(open(directory.path(), true));
    assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
}

#[test]
fn a_database_without_our_families_is_damage_where_ours_must_be() {
    let directory = TempDir::new().unwrap();
    drop(rocksdb::DB::open_default(directory.path()).unwrap());
    let error = refusal(open(directory.path(), true));
    assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
    // Such is what a crash during the first opening leaves: then it is completed.
    open(directory.path(), false).unwrap();
}

#[test]
fn a_second_open_is_told_that_the_directory_is_in_use() {
    let directory = TempDir::new().unwrap();
    let first = open(directory.path(), false).unwrap();
    let error = refusal(open(directory.path(), false));
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    put(&first, Family::Meta, b"still", b"works");
    drop(first);
    open(directory.path(), true).unwrap();
}

#[test]
fn a_reader_can_stand_beside_the_owner_and_cannot_write() {
    let directory = TempDir::new().unwrap();
    filled(directory.path());
    let owner = open(directory.path(), true).unwrap();
    let reader = RocksEngine::open_read_only(directory.path(), small_options()).unwrap();
    assert_eq!(revisions(&reader).len(), 500);
    let mut batch = Batch::default();
    batch.put(Family::Meta, b"applied", &[b"501"]);
    reader.write(&batch).unwrap_err();
    assert_eq!(get(&owner, Family::Meta, b"applied").unwrap(), "500");
}

#[test]
fn a_damaged_block_is_an_error_and_never_a_short_answer() {
    let directory = TempDir::new().unwrap();
    filled(directory.path());
    for path in files(directory.path(), "sst") {
        let mut content = std::fs::read(&path).unwrap();
        if content.len() < 100_000 {
            continue;
        }
        let middle = content.len() / 2;
        content[middle] ^= 0xff;
        std::fs::write(&path, content).unwrap();
    }
    let engine = open(directory.path(), true).unwrap();
    let mut seen = 0;
    let error = engine
        .scan(Family::History, b"", b"", &mut |_, _| {
            seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
    assert!(
        (100..400).contains(&seen),
        "the scan came as far as the damage: {seen}"
    );
    let mut damaged = 0;
    for revision in 0..500 {
        match engine.get_history(&[(revision, 0)]) {
            Ok(records) => assert_eq!(records[0].as_ref().unwrap().len(), 1024),
            Err(error) => {
                assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
                damaged += 1;
            }
        }
    }
    assert!(
        (1..20).contains(&damaged),
        "one block is damaged: {damaged} records"
    );
    let error = engine.reclaim(0, 1000).unwrap_err();
    assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
    assert_eq!(engine.health(), Err(error));
}

#[test]
fn a_flush_that_failed_is_reported_and_stays_reported() {
    let directory = TempDir::new().unwrap();
    let state = directory.path().join("state");
    let engine = open(&state, false).unwrap();
    put(&engine, Family::Meta, b"applied", b"1");
    assert_eq!(engine.health(), Ok(()));
    std::fs::remove_dir_all(&state).unwrap();
    engine.flush().unwrap_err();
    engine.health().unwrap_err();
    assert!(engine.load().background_errors > 0);
}

#[test]
fn a_cut_or_missing_file_is_damage() {
    for cut in [true, false] {
        let directory = TempDir::new().unwrap();
        filled(directory.path());
        let path = files(directory.path(), "sst").pop().unwrap();
        if cut {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(file.metadata().unwrap().len() - 50).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let error = refusal(open(directory.path(), true));
        assert!(matches!(error, EngineError::Damaged { .. }), "{error}");
    }
}

/// Names the directory that the child writes to.
const CHILD_DIRECTORY: &str = "KEELSON_ENGINE_TEST_DIRECTORY";

/// The child of the test below: writes into every family, in batches, until it is killed.
#[test]
#[ignore = "run as a child process by another test"]
fn child_writes_until_killed() {
    let directory = std::env::var(CHILD_DIRECTORY).unwrap();
    // Small, so that the engine flushes by itself now and then.
    let options = RocksOptions {
        write_buffer_bytes: 1 << 20,
        ..small_options()
    };
    let engine = RocksEngine::open(Path::new(&directory), GarbageSlot::default(), options).unwrap();
    for revision in 1i64.. {
        let mut batch = Batch::default();
        for family in Family::ALL {
            if family != Family::History {
                batch.put(family, b"revision", &[&revision.to_be_bytes()]);
            }
        }
        batch.put(Family::History, &history_key(revision, 0), &[&[7; 512]]);
        engine.write(&batch).unwrap();
        if revision % 1000 == 0 {
            println!("\nwritten {revision}");
        }
    }
}

#[test]
fn a_killed_process_loses_a_suffix_and_the_same_in_every_family() {
    let directory = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("engine::tests::disk::child_writes_until_killed")
        .env(CHILD_DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let written = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("written ")?.parse::<i64>().ok())
        .find(|&written| written >= 20_000)
        .expect("the child writes until it is killed");
    let error = refusal(open(directory.path(), false));
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();

    let engine = open(directory.path(), true).unwrap();
    let kept = get(&engine, Family::Meta, b"revision").expect("it flushed by itself");
    let kept = i64::from_be_bytes(kept[..].try_into().unwrap());
    for family in Family::ALL {
        if family != Family::History {
            let revision = get(&engine, family, b"revision").unwrap();
            assert_eq!(revision[..], kept.to_be_bytes(), "{}", family.name());
        }
    }
    assert_eq!(revisions(&engine), (1..=kept).collect::<Vec<_>>());
    assert!(
        kept > written / 2,
        "only the newest writes are lost: {kept} of {written}"
    );
}
