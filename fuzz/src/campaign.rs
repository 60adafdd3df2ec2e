//! The long run: what reaches something new is kept and changed further.

use crate::corpus::{self, Named};
use crate::coverage;
use crate::mutate::mutate;
use crate::target::Target;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longer than any check should take, in seconds. An input that takes longer is a finding.
const CHECK_S: u64 = 20;
/// Inputs that are kept between runs, at most.
const POOL_MAX: usize = 4000;
/// What the kept inputs of `KEELSON_FUZZ_KEEP` may come to together, in bytes.
const KEEP_BYTES: usize = 18_000;

type Check<'a> = &'a dyn Fn(&[u8]);

/// An input that reached something that none before it did.
struct Kept {
    bytes: Vec<u8>,
    reached: Vec<u32>,
}

struct Campaign<'a> {
    target: &'a Target,
    check: Check<'a>,
    pool: Vec<Kept>,
    seen: HashSet<u32>,
    runs: u64,
    /// Inputs of earlier runs, and what runs right now: it is still there if the process dies of it.
    place: PathBuf,
    running: File,
    ticks: Arc<AtomicU64>,
}

/// Tries inputs for so long. Returns if nothing was found.
pub fn run(target: &Target, inputs: Vec<Named>, check: Check<'_>, time: Duration) {
    let place = place(target.name);
    let mut campaign = Campaign::new(target, check, place).expect("the cache can be written to");
    let seed = match std::env::var("KEELSON_FUZZ_SEED").map(|text| text.parse()) {
        Ok(Ok(seed)) => seed,
        _ => rand::rng().random(),
    };
    let guided = if coverage::is_there() {
        "guided"
    } else {
        "not guided"
    };
    eprintln!("fuzz: {}, seed {seed}, {guided} by coverage", target.name);
    let mut old = corpus::read(&campaign.place);
    old.sort_by_key(|input| input.bytes.len());
    for input in inputs.iter().chain(&old) {
        let is_kept = campaign.try_one(&input.bytes);
        // Without counters nobody knows what is worth keeping: then it is what there was.
        if !is_kept && !coverage::is_there() {
            campaign.keep_one(&input.bytes, Vec::new());
        }
    }
    campaign.forget(&old);
    campaign.search(SmallRng::seed_from_u64(seed), time);
    if let Some(Ok(most)) = std::env::var("KEELSON_FUZZ_KEEP")
        .ok()
        .map(|text| text.parse())
    {
        campaign.keep(most);
    }
    let _ = fs::remove_file(campaign.place.join(".running"));
}

/// Where the inputs of earlier runs lie.
fn place(name: &str) -> PathBuf {
    let cache = std::env::var_os("KEELSON_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    cache.join("fuzz").join(name)
}

impl<'a> Campaign<'a> {
    fn new(target: &'a Target, check: Check<'a>, place: PathBuf) -> io::Result<Campaign<'a>> {
        fs::create_dir_all(&place)?;
        let running = File::create(place.join(".running"))?;
        let ticks = Arc::new(AtomicU64::new(0));
        watch(target.name, ticks.clone());
        Ok(Campaign {
            target,
            check,
            pool: Vec::new(),
            seen: HashSet::new(),
            runs: 0,
            place,
            running,
            ticks,
        })
    }

    fn search(&mut self, mut random: SmallRng, time: Duration) {
        let (start, mut told) = (Instant::now(), Duration::ZERO);
        while start.elapsed() < time {
            let made = {
                let count = self.pool.len();
                // Newer inputs are where something is still to be found.
                let newer = count - random.random_range(1..=count.min(50));
                let any = random.random_range(0..count);
                let one = if random.random_bool(0.5) { newer } else { any };
                let other = random.random_range(0..count);
                let (one, other) = (&self.pool[one].bytes, &self.pool[other].bytes);
                let most = self.target.length_max;
                mutate(self.target.form, one, other, most, &mut random)
            };
            if self.try_one(&made) && self.pool.len() < POOL_MAX {
                // A cache that cannot be written to costs the next run its start, and nothing else.
                let _ = corpus::write(&self.place, "", &made);
            }
            if start.elapsed() > told + Duration::from_secs(10) {
                told = start.elapsed();
                self.tell(told);
            }
        }
        self.tell(start.elapsed());
    }

    fn tell(&self, after: Duration) {
        let edges: HashSet<u32> = self.seen.iter().copied().map(coverage::edge).collect();
        eprintln!(
            "fuzz: {} {} s: {} inputs, {} edges, {} kept",
            self.target.name,
            after.as_secs(),
            self.runs,
            edges.len(),
            self.pool.len()
        );
    }

    /// Runs the check. Whether the input reached something new.
    fn try_one(&mut self, bytes: &[u8]) -> bool {
        self.runs += 1;
        self.ticks.store(self.runs, Ordering::Relaxed);
        // Best effort: only for an input that ends the process.
        let _ = self.running.set_len(bytes.len() as u64);
        let _ = self.running.write_all_at(bytes, 0);
        coverage::reset();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.check)(bytes)));
        if outcome.is_err() {
            self.fail(bytes);
        }
        let reached = coverage::reached();
        let before = self.seen.len();
        self.seen.extend(&reached);
        let is_new = self.seen.len() > before || self.pool.is_empty();
        if is_new {
            self.keep_one(bytes, reached);
        }
        is_new
    }

    fn keep_one(&mut self, bytes: &[u8], reached: Vec<u32>) {
        let bytes = bytes.to_vec();
        self.pool.push(Kept { bytes, reached });
    }

    /// Writes the input down, made smaller, and ends the run.
    fn fail(&self, bytes: &[u8]) {
        let directory = corpus::directory(self.target.name);
        let first = corpus::write(&directory, "crash-", bytes);
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let smaller = self.smaller(bytes.to_vec());
        panic::set_hook(hook);
        let path = corpus::write(&directory, "crash-", &smaller);
        if let (Ok(first), Ok(path)) = (&first, &path)
            && first != path
        {
            let _ = fs::remove_file(first);
        }
        eprintln!("fuzz: the input, made smaller, is in {path:?}");
        // Once more, for its words.
        (self.check)(&smaller);
        panic!(
            "target {} fails now and then: {smaller:02x?}",
            self.target.name
        );
    }

    /// The input without whatever is not needed to fail.
    fn smaller(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let start = Instant::now();
        let mut size = bytes.len().div_ceil(2);
        while size > 0 && start.elapsed() < Duration::from_secs(20) {
            let mut at = 0;
            while at < bytes.len() {
                let mut fewer = bytes.clone();
                fewer.drain(at..bytes.len().min(at + size));
                let still = catch_unwind(AssertUnwindSafe(|| (self.check)(&fewer))).is_err();
                match still {
                    true => bytes = fewer,
                    false => at += size,
                }
            }
            size /= 2;
        }
        bytes
    }

    /// Removes those of the earlier runs' inputs that reach nothing that others do not.
    fn forget(&self, old: &[Named]) {
        let kept: HashSet<&[u8]> = self.pool.iter().map(|kept| &kept.bytes[..]).collect();
        for input in old.iter().filter(|input| !kept.contains(&input.bytes[..])) {
            let _ = fs::remove_file(self.place.join(&input.name));
        }
    }

    /// Makes the checked-in corpus anew: so many short inputs that reach the most. Found crashes stay.
    fn keep(&self, most: usize) {
        let directory = corpus::directory(self.target.name);
        for old in corpus::read(&directory) {
            if !old.name.starts_with("crash-") {
                let _ = fs::remove_file(directory.join(old.name));
            }
        }
        let edges = |kept: &Kept| -> HashSet<u32> {
            kept.reached.iter().copied().map(coverage::edge).collect()
        };
        let mut left: Vec<_> = self.pool.iter().map(|kept| (kept, edges(kept))).collect();
        let (mut covered, mut bytes) = (HashSet::new(), 0);
        for _ in 0..most {
            // More for the same bytes is better; a byte more or less does not matter.
            let worth = |kept: &Kept, edges: &HashSet<u32>| {
                edges.difference(&covered).count() * 1000 / (kept.bytes.len() + 60)
            };
            left.retain(|(kept, _)| bytes + kept.bytes.len() <= KEEP_BYTES);
            let best = (0..left.len()).max_by_key(|at| worth(left[*at].0, &left[*at].1));
            let Some(best) = best.filter(|at| worth(left[*at].0, &left[*at].1) > 0) else {
                break;
            };
            let (kept, edges) = left.swap_remove(best);
            covered.extend(edges);
            bytes += kept.bytes.len();
            if let Err(error) = corpus::write(&directory, "", &kept.bytes) {
                eprintln!("fuzz: {error}");
            }
        }
        eprintln!("fuzz: {bytes} bytes kept in {}", directory.display());
    }
}

/// Ends the process if one check takes too long; the script that started it saves the input.
fn watch(name: &'static str, ticks: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        let (mut last, mut same) = (0, 0);
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = ticks.load(Ordering::Relaxed);
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same > CHECK_S {
                eprintln!("fuzz: an input of {name} takes longer than {CHECK_S} s");
                std::process::abort();
            }
        }
    });
}
