//! Disks that lie: a small library, loaded before all others, whose syncs report success and do nothing while a
//! file says so.
//!
//! What was written stays in the kernel's memory, so a process that is killed loses nothing by it: the power must
//! go. Programs that ask the kernel themselves, as Go's do, do not hear of it.

use crate::clock::compiled;
use keelson_kit::check::Check;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a number in the file.
const NUMBER: usize = size_of::<i64>();
/// The library's text.
const SOURCE: &str = include_str!("lie.c");
/// Tells the library its file.
const TOLD: &str = "KEELSON_JEPSEN_LIE";
/// Tells the loader what comes before all else.
const PRELOAD: &str = "LD_PRELOAD=";

/// Makes the library below a directory. Returns where it is.
///
/// # Errors
///
/// When there is no compiler, or it refuses.
pub fn library(directory: &Path) -> Check<PathBuf> {
    compiled(directory, "lie", SOURCE)
}

/// Where it stands whether a member's disk lies.
fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.lie"))
}

/// Adds to what stands before a program so that its disk lies when it is told to.
///
/// # Errors
///
/// When the file cannot be made.
pub fn load(library: &Path, directory: &Path, name: &str, before: &mut Vec<String>) -> Check {
    let file = file(directory, name);
    fs::write(&file, [0; 2 * NUMBER])?;
    // Another library may be there already, and only one of these words counts.
    match before.iter_mut().find(|word| word.starts_with(PRELOAD)) {
        Some(word) => *word += &format!(":{}", library.display()),
        None => before.extend(["env".to_owned(), format!("{PRELOAD}{}", library.display())]),
    }
    before.push(format!("{TOLD}={}", file.display()));
    Ok(())
}

/// From now on a member's disk lies, or tells the truth, if it was started so that it listens.
///
/// # Errors
///
/// When it was not.
pub fn set(directory: &Path, name: &str, lies: bool) -> Check {
    let file = OpenOptions::new().write(true).open(file(directory, name))?;
    Ok(file.write_all_at(&i64::from(lies).to_ne_bytes(), 0)?)
}

/// How many syncs of a member have been swallowed.
///
/// # Errors
///
/// When it was not started so that it listens.
pub fn told(directory: &Path, name: &str) -> Check<i64> {
    let mut number = [0; NUMBER];
    let file = File::open(file(directory, name))?;
    file.read_exact_at(&mut number, NUMBER as u64)?;
    Ok(i64::from_ne_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Has a program sync a file.
    fn sync(before: &[String], directory: &Path) {
        let mut program = Command::new(&before[0]);
        let file = directory.join("synced");
        fs::write(&file, "text").unwrap();
        let status = program.args(&before[1..]).arg("sync").arg(file).status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn a_disk_lies_when_it_is_told_to_and_only_then() {
        let scratch = tempfile::tempdir().unwrap();
        let made = library(scratch.path());
        let Ok(library) = made else {
            eprintln!("SKIPPED: disks that lie: {made:?}");
            return;
        };
        let mut before = Vec::new();
        load(&library, scratch.path(), "m1", &mut before).unwrap();
        let told = || told(scratch.path(), "m1").unwrap();
        sync(&before, scratch.path());
        assert_eq!(told(), 0);
        set(scratch.path(), "m1", true).unwrap();
        sync(&before, scratch.path());
        let swallowed = told();
        assert!(swallowed > 0, "nothing was swallowed");
        set(scratch.path(), "m1", false).unwrap();
        sync(&before, scratch.path());
        assert_eq!(told(), swallowed);
    }

    #[test]
    fn it_is_loaded_beside_another_library() {
        let scratch = tempfile::tempdir().unwrap();
        let mut before = vec!["env".to_owned(), "LD_PRELOAD=/clock.so".to_owned()];
        load(Path::new("/lie.so"), scratch.path(), "m1", &mut before).unwrap();
        assert_eq!(before[1], "LD_PRELOAD=/clock.so:/lie.so");
        assert_eq!(before.len(), 3);
    }
}
