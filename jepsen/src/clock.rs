//! Clocks of members that jump: a small library, loaded before all others, that reads the offset from a file.
//!
//! It is compiled when a run wants it, by the compiler that links Rust programs, too. The library that is usual for
//! this waits for itself when the program's allocator asks for the time before it is ready, as ours does.

use keelson_kit::check::Check;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::disk::run;

/// Bytes of a number in the file.
const NUMBER: usize = size_of::<i64>();
/// The library's text.
const SOURCE: &str = include_str!("clock.c");
/// Tells the library its file.
const TOLD: &str = "KEELSON_JEPSEN_CLOCK";

/// Makes the library below a directory. Returns where it is.
///
/// # Errors
///
/// When there is no compiler, or it refuses.
pub fn library(directory: &Path) -> Check<PathBuf> {
    compiled(directory, "clock", SOURCE)
}

/// Makes a library of a text in C.
pub(crate) fn compiled(directory: &Path, name: &str, text: &str) -> Check<PathBuf> {
    let at = directory.join(name);
    let (source, library) = (at.with_extension("c"), at.with_extension("so"));
    fs::write(&source, text)?;
    let mut compiler = Command::new("cc");
    run(compiler
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&library, &source]))?;
    Ok(library)
}

/// Where a member's offset stands.
fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.clock"))
}

/// What stands before a program so that its wall clock listens to a file.
///
/// # Errors
///
/// When the file cannot be made.
pub fn prefix(library: &Path, directory: &Path, name: &str) -> Check<Vec<String>> {
    let file = file(directory, name);
    fs::write(&file, [0; 2 * NUMBER])?;
    Ok(vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("{TOLD}={}", file.display()),
    ])
}

/// Lets the wall clock of a member be off by so many seconds, if it was started so that it listens.
///
/// # Errors
///
/// When it was not.
pub fn set(directory: &Path, name: &str, seconds: i64) -> Check {
    // In place: the members look into it all the time.
    let file = OpenOptions::new().write(true).open(file(directory, name))?;
    Ok(file.write_all_at(&seconds.to_ne_bytes(), 0)?)
}

/// How often a member has asked for the time and was told one that is off.
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

    /// The year that a program sees.
    fn year(before: &[String]) -> String {
        let mut date = Command::new(&before[0]);
        let output = date.args(&before[1..]).args(["date", "+%Y"]).output();
        String::from_utf8_lossy(&output.unwrap().stdout)
            .trim()
            .to_owned()
    }

    #[test]
    fn a_program_sees_the_clock_that_it_is_told_and_again_the_right_one() {
        let scratch = tempfile::tempdir().unwrap();
        let made = library(scratch.path());
        let Ok(library) = made else {
            eprintln!("SKIPPED: clocks that jump: {made:?}");
            return;
        };
        let before = prefix(&library, scratch.path(), "m1").unwrap();
        let now = year(&before);
        assert_eq!(now, year(&["env".to_owned()]));
        set(scratch.path(), "m1", -400 * 86_400).unwrap();
        assert_ne!(now, year(&before));
        let seen = told(scratch.path(), "m1").unwrap();
        assert!(seen > 0, "nobody was told another time");
        set(scratch.path(), "m1", 0).unwrap();
        assert_eq!(now, year(&before));
        assert_eq!(told(scratch.path(), "m1").unwrap(), seen);
    }
}
