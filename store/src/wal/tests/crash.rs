//! Power cuts at every point. After each one the log must be exactly what some prefix of the
//! operations made of it, and that prefix must contain everything that was acknowledged.

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the log should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    state: Checkpoint,
    entries: Vec<Entry>,
}

impl Model {
    fn of(wal: &Wal, recovered: &Recovered) -> Model {
        let Recovered {
            vote,
            committed,
            purged,
            last,
            ..
        } = *recovered;
        Model {
            state: Checkpoint {
                vote,
                committed,
                purged,
                last,
            },
            entries: all(wal),
        }
    }

    fn append(&mut self, entry: &Entry) {
        self.entries.push(entry.clone());
        self.state.last = Some(entry.log_id);
    }

    fn truncate_after(&mut self, after: LogId) {
        self.entries
            .retain(|entry| entry.log_id.index <= after.index);
        self.state.last = Some(after);
    }

    fn purge(&mut self, upto: LogId) {
        self.entries.retain(|entry| entry.log_id.index > upto.index);
        self.state.purged = Some(upto);
        self.state.last = self.state.last.max(Some(upto));
    }
}

/// One life of a log: what it did, state by state, and how far that was acknowledged.
struct Life {
    random: SmallRng,
    history: Vec<Model>,
    acknowledged: Arc<AtomicUsize>,
    term: u64,
}

impl Life {
    fn now(&self) -> Model {
        self.history
            .last()
            .expect("a life starts with a state")
            .clone()
    }

    fn done(&self) -> (Done, Outcome) {
        let (sender, outcome) = mpsc::channel();
        let (state, acknowledged) = (self.history.len() - 1, self.acknowledged.clone());
        let done = move |outcome: io::Result<()>| {
            if outcome.is_ok() {
                acknowledged.fetch_max(state, Ordering::SeqCst);
            }
            let _ = sender.send(outcome);
        };
        (Box::new(done), outcome)
    }

    /// Waits for the outcome now and then; an older watermark hangs up, which is as good.
    fn wait_sometimes(&mut self, outcome: &Outcome) {
        if self.random.random_bool(0.6) {
            let waited = outcome.recv_timeout(DEADLINE);
            assert!(
                !matches!(waited, Err(mpsc::RecvTimeoutError::Timeout)),
                "never completed"
            );
        }
    }

    fn step(&mut self, wal: &Wal) {
        let mut model = self.now();
        let (first, next) = (model.state.first(), model.state.next());
        match self.random.random_range(0..20) {
            0..12 => {
                let count = self.random.random_range(0..6);
                let length = self.random.random_range(0..400);
                let batch = entries(self.term, next..next + count, length);
                for entry in &batch {
                    model.append(entry);
                    self.history.push(model.clone());
                }
                let (done, outcome) = self.done();
                wal.append(batch, done);
                self.wait_sometimes(&outcome);
            }
            12..14 => {
                self.term += 1;
                model.state.vote = Some(vote(self.term));
                self.history.push(model);
                let (done, outcome) = self.done();
                wal.save_vote(vote(self.term), done);
                self.wait_sometimes(&outcome);
            }
            14..16 => {
                model.state.committed = model.state.last;
                self.history.push(model.clone());
                let _ = wal.save_committed(model.state.last);
            }
            16..18 if next > first + 1 => {
                let at = self.random.random_range(first..next - 1);
                let after = model.entries[(at - first) as usize].log_id;
                model.truncate_after(after);
                self.history.push(model);
                self.term += 1;
                let _ = wal.truncate_after(Some(after));
            }
            18 if next > first => {
                let at = self.random.random_range(first..next);
                let upto = model.entries[(at - first) as usize].log_id;
                model.purge(upto);
                self.history.push(model);
                let _ = wal.purge(upto);
            }
            19 if self.random.random_bool(0.1) => {
                let upto = id(self.term, next + 10);
                model.purge(upto);
                self.history.push(model);
                let _ = wal.purge(upto);
            }
            _ => std::thread::yield_now(),
        }
    }
}

fn crashing_options(random: &mut SmallRng) -> Options {
    let idle = [
        Duration::ZERO,
        Duration::from_micros(200),
        Duration::from_secs(3600),
    ];
    Options {
        write_bytes: random.random_range(100..3000),
        tail_bytes: random.random_range(0..3000),
        spare_segments: random.random_range(1..3),
        idle: idle[random.random_range(0..3)],
        ..options()
    }
}

/// Opens the log, cutting the power during the first attempts.
fn open_after(disk: &FaultyDisk, random: &mut SmallRng) -> (Wal, Recovered) {
    for _ in 0..random.random_range(0..3) {
        disk.crash_after(random.random_range(0..12));
        let attempt = open(disk, crashing_options(random));
        drop(attempt);
        disk.crash();
    }
    open(disk, crashing_options(random)).expect("a power cut never makes a log unreadable")
}

fn lives(seed: u64, lives: usize) -> usize {
    let disk = FaultyDisk::new(seed);
    let mut random = SmallRng::seed_from_u64(seed);
    let mut history = vec![Model::default()];
    let mut acknowledged = 0;
    let mut lost = 0;
    for life in 0..=lives {
        let (wal, recovered) = open_after(&disk, &mut random);
        let found = Model::of(&wal, &recovered);
        let at = history.iter().rposition(|model| *model == found);
        let at =
            at.unwrap_or_else(|| panic!("seed {seed}, life {life}: no prefix gives {found:?}"));
        assert!(
            at >= acknowledged,
            "seed {seed}, life {life}: state {at} of {acknowledged} acknowledged"
        );
        lost += history.len() - 1 - at;
        for entry in &found.entries {
            assert_eq!(wal.log_id_at(entry.log_id.index), Some(entry.log_id));
        }
        let term = 1 + 1000 * (life as u64 + 1);
        let mut this = Life {
            random: SmallRng::seed_from_u64(seed << 8 | life as u64),
            history: vec![found],
            acknowledged: Arc::default(),
            term,
        };
        disk.crash_after(random.random_range(0..120));
        for _ in 0..random.random_range(0..150) {
            this.step(&wal);
            if disk.is_down() {
                break;
            }
        }
        disk.crash();
        drop(wal);
        acknowledged = this.acknowledged.load(Ordering::SeqCst);
        history = this.history;
    }
    lost
}

#[test]
fn after_power_cuts_the_log_is_a_prefix_with_everything_acknowledged() {
    let lost: usize = (0..150).map(|seed| lives(seed, 6)).sum();
    assert!(
        lost > 0,
        "the power cuts lost nothing at all: the test does not test"
    );
}

/// Threads of a process that has lost its power go on in a test. If they reached the disk, one could make the next
/// segment there whose predecessor was lost in the cut.
#[test]
fn who_was_there_before_a_power_cut_does_nothing_to_the_disk_any_more() {
    let disk = FaultyDisk::new(1);
    let before = disk.mounted();
    let (directory, path) = (Path::new(PATH), Path::new(PATH).join("a"));
    before.create(&path).expect("there is power");
    before.sync_directory(directory).expect("there is power");
    disk.crash();
    let other = Path::new(PATH).join("b");
    assert!(before.create(&other).is_err());
    assert!(before.rename(&path, &other).is_err());
    assert!(before.remove(&path).is_err());
    assert!(before.sync_directory(directory).is_err());
    assert!(before.open(&path).is_err() && before.list(directory).is_err());
    let after = disk
        .mounted()
        .list(directory)
        .expect("there is power again");
    assert_eq!(after, ["a"]);
}

#[test]
fn a_power_cut_at_every_operation_of_one_workload_is_survived() {
    let mut cut = 0;
    loop {
        let disk = FaultyDisk::new(cut);
        disk.crash_after(cut);
        let mut acknowledged = None;
        let mut finished = false;
        if let Ok((wal, _)) = open(&disk, options()) {
            let mut steps = (0..30).map(|step| {
                let mut done = outcome(&append(&wal, entries(1, step * 4..step * 4 + 4, 90)));
                if step % 5 == 4 {
                    done = done.and(wal.purge(id(1, step * 4 - 10)));
                    done = done.and(outcome(&save_vote(&wal, vote(step))));
                }
                done.map(|()| acknowledged = Some(step)).is_ok()
            });
            finished = steps.all(|fine| fine);
        }
        disk.crash();
        let (wal, recovered) = opened(&disk);
        let next = recovered.last.map_or(0, |last| last.index + 1);
        if let Some(step) = acknowledged {
            assert!(next >= step * 4 + 4, "cut {cut}: entry {next} is gone");
            let voted = (step / 5 * 5).checked_sub(1).filter(|_| step >= 4);
            let term = recovered.vote.map(|vote| vote.term);
            assert!(
                term >= if step % 5 == 4 { Some(step) } else { voted },
                "cut {cut}: a vote is gone"
            );
        }
        let first = recovered.purged.map_or(0, |purged| purged.index + 1);
        assert_eq!(all(&wal), entries(1, first..next, 90), "cut {cut}");
        cut += 1;
        if finished {
            break;
        }
    }
    assert!(cut > 60, "the workload has more operations than {cut}");
}

#[test]
fn a_durable_vote_has_everything_before_it_durable() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = opened(&disk);
    drop(append(&wal, entries(1, 0..10, 100)));
    outcome(&save_vote(&wal, vote(7))).expect("durable");
    disk.crash();
    drop(wal);
    let (wal, recovered) = opened(&disk);
    assert_eq!(recovered.vote, Some(vote(7)));
    assert_eq!(all(&wal), entries(1, 0..10, 100));
}
