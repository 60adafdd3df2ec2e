//! Clocks of members that are wrong: a small library, loaded before all others, that reads from a file what they show.
//! The one on the wall may be off. The one that only rises may be too fast or too slow, or leap ahead; it never goes back,
//! so what it has gained or lost stays when the fault is over.
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
/// Numbers in the file: what the wall's clock is off, how often one that is off was told of each kind, and two courses.
const NUMBERS: usize = 3 + 2 * COURSE;
/// Numbers of a course.
const COURSE: usize = 3;
/// The rate of a clock that is right, in thousandths.
pub const RIGHT: i64 = 1000;
/// A course begins so much later than it is written down, so that nobody reads half of it.
const BEGINS_NS: i64 = 50_000_000;
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
    fs::write(&file, [0; NUMBERS * NUMBER])?;
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

/// What the clock that only rises does from a moment on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Course {
    /// Nanoseconds of the true clock.
    since_ns: i64,
    /// By how much it is ahead then.
    ahead_ns: i64,
    /// Of a thousandth of a second that passes, it shows so many millionths. None is no course.
    rate: i64,
}

impl Course {
    fn ahead_at(self, now_ns: i64) -> i64 {
        self.ahead_ns + (now_ns - self.since_ns) * (self.rate - RIGHT) / RIGHT
    }
}

/// Lets the clock of a member that only rises leap ahead by so much, and run at a rate in thousandths from then on, if
/// it was started so that it listens. Both begin within a tenth of a second. Not to be called again before.
///
/// # Errors
///
/// When it was not.
pub fn steer(directory: &Path, name: &str, leap_ns: i64, rate: i64) -> Check {
    let path = file(directory, name);
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let numbers = numbers(&file)?;
    let course = |i: usize| match numbers[3 + i * COURSE..][..COURSE] {
        [since_ns, ahead_ns, rate] if rate != 0 => Course {
            since_ns,
            ahead_ns,
            rate,
        },
        _ => Course {
            rate: RIGHT,
            ..Course::default()
        },
    };
    let latest = usize::from(course(1).since_ns > course(0).since_ns);
    let since_ns = true_now_ns() + BEGINS_NS;
    let ahead_ns = course(latest).ahead_at(since_ns) + leap_ns;
    let next = [since_ns, ahead_ns, rate].map(i64::to_ne_bytes);
    let place = 3 + (1 - latest) * COURSE;
    Ok(file.write_all_at(next.as_flattened(), (place * NUMBER) as u64)?)
}

/// The clock that only rises, as it is here.
fn true_now_ns() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one moment to where there is room for one. This clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

fn numbers(file: &File) -> Check<[i64; NUMBERS]> {
    let mut bytes = [0; NUMBERS * NUMBER];
    file.read_exact_at(&mut bytes, 0)?;
    let (numbers, _) = bytes.as_chunks::<NUMBER>();
    let mut all = [0; NUMBERS];
    for (number, bytes) in all.iter_mut().zip(numbers) {
        *number = i64::from_ne_bytes(*bytes);
    }
    Ok(all)
}

/// How often a member has asked for a time and was told one that is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The one of the wall.
    pub wall: i64,
    /// One that only rises.
    pub rising: i64,
}

/// How often a member has asked for the time and was told one that is off.
///
/// # Errors
///
/// When it was not started so that it listens.
pub fn told(directory: &Path, name: &str) -> Check<Told> {
    let numbers = numbers(&File::open(file(directory, name))?)?;
    Ok(Told {
        wall: numbers[1],
        rising: numbers[2],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::tools::skip;
    use std::time::Duration;

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
        assert!(seen.wall > 0, "nobody was told another time");
        assert_eq!(seen.rising, 0);
        set(scratch.path(), "m1", 0).unwrap();
        assert_eq!(now, year(&before));
        assert_eq!(told(scratch.path(), "m1").unwrap(), seen);
    }

    /// What a program sees of the clock that only rises when it waits for nothing for 800 ms of it: the time before, how
    /// much passed, and how much passed by the clock of the wall, in milliseconds.
    fn seen(before: &[String]) -> [u64; 3] {
        let waits = "import select\nfrom time import monotonic, time\nwall, begin = time(), monotonic()\n\
                     select.epoll().poll(0.8)\nwhole, true = monotonic() - begin, time() - wall\n\
                     print(int(begin * 1000), int(whole * 1000), int(true * 1000))";
        let mut python = Command::new(&before[0]);
        let output = python
            .args(&before[1..])
            .args(["python3", "-c", waits])
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let numbers: Vec<_> = text.split_whitespace().map(|one| one.parse()).collect();
        let numbers: Result<Vec<_>, _> = numbers.into_iter().collect();
        numbers.unwrap().try_into().unwrap()
    }

    #[test]
    fn a_clock_that_only_rises_runs_as_fast_as_it_is_told_and_is_waited_by() {
        let scratch = tempfile::tempdir().unwrap();
        let has_python = Command::new("python3").arg("--version").output().is_ok();
        let library = match library(scratch.path()) {
            Ok(library) if has_python => library,
            _ => {
                skip("clocks of another rate", "no C compiler, or no Python");
                return;
            }
        };
        let before = prefix(&library, scratch.path(), "m1").unwrap();
        let turn = |leap_ns, rate| {
            steer(scratch.path(), "m1", leap_ns, rate).unwrap();
            std::thread::sleep(Duration::from_nanos(2 * BEGINS_NS as u64));
        };

        turn(0, 2000);
        let [_, whole, true_whole] = seen(&before);
        assert!(whole >= 800, "{whole}");
        assert!(
            whole.abs_diff(2 * true_whole) <= 20,
            "{whole} of {true_whole}"
        );

        let earlier_ms = true_now_ns() as u64 / 1_000_000;
        turn(3_600_000_000_000, 1000);
        let [leapt, whole, true_whole] = seen(&before);
        assert!(
            leapt >= earlier_ms + 3_600_000,
            "{leapt} after {earlier_ms}"
        );
        assert!(whole >= 800, "{whole}");
        assert!(whole.abs_diff(true_whole) <= 20, "{whole} of {true_whole}");

        turn(0, 500);
        let [later, whole, true_whole] = seen(&before);
        assert!(later >= leapt, "it went from {leapt} back to {later}");
        // It has waited longer than it was told to, by a clock that is right.
        assert!(whole >= 800, "{whole}");
        assert!(
            true_whole.abs_diff(2 * whole) <= 20,
            "{whole} of {true_whole}"
        );
        assert!(told(scratch.path(), "m1").unwrap().rising > 0);
    }

    #[test]
    fn a_course_goes_on_from_where_the_one_before_was() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(file(scratch.path(), "m1"), [0; NUMBERS * NUMBER]).unwrap();
        let ahead_ns = |at_ns: i64| {
            let open = File::open(file(scratch.path(), "m1")).unwrap();
            let numbers = numbers(&open).unwrap();
            let courses = numbers[3..].chunks(COURSE);
            let latest = courses.max_by_key(|one| one[0]).unwrap();
            let course = Course {
                since_ns: latest[0],
                ahead_ns: latest[1],
                rate: latest[2],
            };
            course.ahead_at(at_ns)
        };
        let now_ns = true_now_ns();
        steer(scratch.path(), "m1", 0, 2000).unwrap();
        let hour_ns = 3_600_000_000_000;
        let gained_ns = ahead_ns(now_ns + hour_ns);
        assert!(gained_ns > hour_ns - 10 * BEGINS_NS && gained_ns < hour_ns);
        steer(scratch.path(), "m1", 7_000_000_000, 500).unwrap();
        let lost_ns = ahead_ns(now_ns + hour_ns);
        // The leap, less half of the hour, and the little that it had gained.
        assert!((lost_ns - 7_000_000_000 + hour_ns / 2).abs() < 10 * BEGINS_NS);
        steer(scratch.path(), "m1", 0, 1000).unwrap();
        let (one, other) = (ahead_ns(now_ns), ahead_ns(now_ns + hour_ns));
        assert_eq!(one, other);
        assert!(one > 6_000_000_000, "{one}");
    }
}
