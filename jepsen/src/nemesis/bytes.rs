//! One byte of a data directory that is not what was written: which, and how it is right again.
//!
//! The last write of a log is left alone: gone bad, it cannot be told from one that a power cut tore, and neither
//! server promises that. So the log is watched while the member works, and a byte is taken from what was there before
//! the newest two changes: later writes show then that it had been durable.

use super::storage::newest_log;
use keelson_kit::check::{Check, some};
use keelson_kit::wait::wait_for;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A log under load changes within this time.
const CHANGE: Duration = Duration::from_secs(3);
/// What a disk reads and writes at once.
const BLOCK: u64 = 4096;
/// What a client wrote, in the log of a server whose lengths have no checksum: so many letters around the byte.
const LETTERS: usize = 8;

/// What members call damage.
const WORDS: [&str; 4] = ["damaged", "corrupt", "Corruption", "crc mismatch"];
/// What a member says of a dump that it does not believe, or that is not there.
const DUMP: &str = "index dump";

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Log,
    Table,
    Tables,
    Dump,
    Incoming,
}

impl Part {
    const ALL: [Part; 5] = [
        Part::Log,
        Part::Table,
        Part::Tables,
        Part::Dump,
        Part::Incoming,
    ];

    fn name(self) -> &'static str {
        match self {
            Part::Log => "the log",
            Part::Table => "a table of the state",
            Part::Tables => "the list of tables of the state",
            Part::Dump => "the dump of the index",
            Part::Incoming => "a snapshot that was on its way",
        }
    }

    fn holds(self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_incoming = text.contains("/state/incoming/");
        match self {
            // Chosen otherwise.
            Part::Log => false,
            Part::Table => name.ends_with(".sst") && !is_incoming,
            Part::Tables => name.starts_with("MANIFEST-") && !is_incoming,
            Part::Dump => text.contains("/index/"),
            Part::Incoming => is_incoming,
        }
    }
}

/// A byte that is not what was written.
#[derive(Debug)]
pub(super) struct Damage {
    part: Part,
    file: PathBuf,
    offset: u64,
    /// What was around it, block by block.
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Damage {
    fn of(part: Part, file: PathBuf, offset: u64, random: &mut StdRng) -> Check<Damage> {
        let mut before = vec![0; BLOCK as usize];
        let source = fs::File::open(&file)?;
        let count = source.read_at(&mut before, offset / BLOCK * BLOCK)?;
        before.truncate(count);
        let mut after = before.clone();
        let byte = some("a byte", after.get_mut((offset % BLOCK) as usize))?;
        *byte ^= random.random_range(1..=u8::MAX);
        Ok(Damage {
            part,
            file,
            offset,
            before,
            after,
        })
    }

    fn write(&self, block: &[u8]) -> Check {
        let file = OpenOptions::new().write(true).open(&self.file)?;
        file.write_all_at(block, self.offset / BLOCK * BLOCK)?;
        Ok(file.sync_all()?)
    }

    pub(super) fn inflict(&self) -> Check {
        self.write(&self.after)
    }

    /// The disk answers right again, unless somebody has written there since. Returns whether it does.
    pub(super) fn undo(&self) -> Check<bool> {
        let mut now = vec![0; self.after.len()];
        let read = fs::File::open(&self.file)
            .and_then(|file| file.read_exact_at(&mut now, self.offset / BLOCK * BLOCK));
        let is_ours = read.is_ok() && now == self.after;
        if is_ours {
            self.write(&self.before)?;
        }
        Ok(is_ours)
    }

    pub(super) fn words(&self) -> String {
        let at = (self.offset % BLOCK) as usize;
        format!(
            "{}: byte {} of {} was {:02x} and is {:02x}",
            self.part.name(),
            self.offset,
            self.file.display(),
            self.before.get(at).copied().unwrap_or_default(),
            self.after.get(at).copied().unwrap_or_default()
        )
    }

    /// Whether a line of a member's log speaks of it.
    pub(super) fn is_told_by(&self, line: &str) -> bool {
        let is_damage = WORDS.iter().any(|word| line.contains(word));
        is_damage && (self.part == Part::Dump || !line.contains(DUMP))
    }

    /// What a message that helps an operator names: the file, or the database that it belongs to.
    pub(super) fn names(&self, is_etcds: bool) -> Vec<String> {
        let mut names = vec![self.file.display().to_string()];
        let directory = self.file.parent().map(|path| path.display().to_string());
        names.extend(directory.filter(|_| self.part != Part::Log));
        if is_etcds {
            names.push("crc mismatch".to_owned());
        }
        names
    }
}

/// Whether a data directory is laid out as etcd's is.
pub(super) fn is_etcds(data: &Path) -> bool {
    data.join("member").is_dir()
}

/// A log, and up to where it had been written before the newest two changes.
pub(super) async fn settled(data: &Path) -> Option<(PathBuf, u64)> {
    let log = newest_log(data)?;
    let mut before = fs::read(&log).ok()?;
    let mut first = None;
    for _ in 0..2 {
        let (log, old) = (&log, &before);
        let changed = wait_for("the log changes", CHANGE, || async move {
            let now = fs::read(log).ok()?;
            Some((differs(old, &now)?, now))
        });
        let (at, now) = changed.await.ok()?;
        first.get_or_insert(at);
        before = now;
    }
    Some((log, first? as u64))
}

/// The first place where two files differ.
fn differs(one: &[u8], other: &[u8]) -> Option<usize> {
    let mut blocks = one.chunks(BLOCK as usize).zip(other.chunks(BLOCK as usize));
    let at = blocks.clone().position(|(one, other)| one != other)?;
    let (one, other) = blocks.nth(at)?;
    let inside = one.iter().zip(other).position(|(one, other)| one != other);
    Some(at * BLOCK as usize + inside?)
}

/// A byte of the log that was durable for long.
fn place_in_log(log: &Path, end: u64, is_etcds: bool, random: &mut StdRng) -> Option<u64> {
    let offset = random.random_range(0..end.max(1));
    if !is_etcds {
        return Some(offset);
    }
    // etcd takes a length that points beyond the end of the log for the end, and cuts there.
    let bytes = fs::read(log).ok()?;
    let text_from = |from: u64| {
        let part = bytes.get(from as usize..end as usize)?;
        let is_text = |part: &[u8]| part.iter().all(u8::is_ascii_graphic);
        let at = part.windows(LETTERS).position(is_text)?;
        Some(from + (at + LETTERS / 2) as u64)
    };
    text_from(offset).or_else(|| text_from(0))
}

/// All files below a directory, in the order of their names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                Ok(metadata) if metadata.len() > 0 => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// What is to be damaged: one of the parts that are there, of which each is as likely.
pub(super) fn choose(
    data: &Path,
    log: Option<(PathBuf, u64)>,
    random: &mut StdRng,
) -> Check<Option<Damage>> {
    let is_etcds = is_etcds(data);
    let mut parts = match is_etcds {
        // Its pages have no checksums: it may serve what it finds there.
        true => vec![Part::Log],
        false => Part::ALL.to_vec(),
    };
    parts.shuffle(random);
    let all = files(data);
    for part in parts {
        let place = match (part, &log) {
            (Part::Log, Some((log, end))) => {
                place_in_log(log, *end, is_etcds, random).map(|offset| (log.clone(), offset))
            }
            _ => {
                let those: Vec<_> = all.iter().filter(|path| part.holds(path)).collect();
                those.choose(random).copied().and_then(|path| {
                    let length = fs::metadata(path).ok()?.len();
                    Some((path.clone(), random.random_range(0..length)))
                })
            }
        };
        if let Some((file, offset)) = place {
            return Damage::of(part, file, offset, random).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        let old = vec![7_u8; 10_000];
        assert_eq!(differs(&old, &old), None);
        for at in [0, 4095, 4096, 9_999] {
            let mut new = old.clone();
            new[at] = 8;
            assert_eq!(differs(&old, &new), Some(at));
        }
    }

    #[test]
    fn a_byte_is_flipped_and_right_again_unless_somebody_wrote_there() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        let content: Vec<u8> = (0..10_000).map(|i| i as u8).collect();
        fs::write(&file, &content).unwrap();
        let mut random = StdRng::seed_from_u64(1);
        let damage = Damage::of(Part::Table, file.clone(), 9_000, &mut random).unwrap();
        damage.inflict().unwrap();
        let damaged = fs::read(&file).unwrap();
        assert_eq!(differs(&content, &damaged), Some(9_000));
        assert_eq!(damaged[9_001..], content[9_001..]);
        assert!(damage.undo().unwrap());
        assert_eq!(fs::read(&file).unwrap(), content);
        damage.inflict().unwrap();
        let mut later = damaged;
        later[9_005] ^= 1;
        fs::write(&file, &later).unwrap();
        assert!(!damage.undo().unwrap());
        assert_eq!(fs::read(&file).unwrap(), later);
        fs::remove_file(&file).unwrap();
        assert!(!damage.undo().unwrap());
    }

    #[test]
    fn etcds_log_is_damaged_only_in_what_clients_wrote() {
        let scratch = tempfile::tempdir().unwrap();
        let log = scratch.path().join("0.wal");
        let mut content = vec![0xff_u8; 4_000];
        content[2_000..2_040].copy_from_slice(&[b'k'; 40]);
        fs::write(&log, &content).unwrap();
        for seed in 0..50 {
            let mut random = StdRng::seed_from_u64(seed);
            let at = place_in_log(&log, 4_000, true, &mut random);
            assert!(at.is_some_and(|at| (2_000..2_040).contains(&at)), "{at:?}");
            let anywhere = place_in_log(&log, 300, false, &mut random);
            assert!(anywhere.is_some_and(|at| at < 300));
        }
    }

    #[test]
    fn parts_are_told_by_their_names() {
        let part = |path: &str| {
            Part::ALL
                .into_iter()
                .find(|part| part.holds(Path::new(path)))
        };
        assert_eq!(part("/d/state/00000001/db/000012.sst"), Some(Part::Table));
        assert_eq!(
            part("/d/state/00000001/db/MANIFEST-000005"),
            Some(Part::Tables)
        );
        assert_eq!(part("/d/state/00000001/index/7"), Some(Part::Dump));
        assert_eq!(part("/d/state/incoming/000012.sst"), Some(Part::Incoming));
        assert_eq!(part("/d/met.json"), None);
    }
}
