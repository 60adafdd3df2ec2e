//! What a seed decides before anything runs.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// More entries than there will be.
const NEVER: u64 = 1 << 40;

/// One simulation, as its seed wants it. Times are simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Voters of the cluster in the beginning.
    pub members: usize,
    /// Hosts that are nobody's in the beginning: somebody adds them to the cluster, and removes others.
    /// With none of them the membership stays.
    pub spares: usize,
    /// Mean time between changes of the membership, in milliseconds.
    pub change_every_ms: u64,
    /// Clients that work at the same time.
    pub clients: usize,
    /// Clients that watch.
    pub watchers: usize,
    /// Clients use leases.
    pub leases: bool,
    /// Clients compact.
    pub compacts: bool,
    /// Keys that they share.
    pub keys: u64,
    /// Longest pause of a client between operations, in milliseconds.
    pub pause_ms: u64,
    /// How long things go wrong, in milliseconds.
    pub trouble_ms: u64,
    /// The leader's heartbeat, in milliseconds.
    pub heartbeat_ms: u64,
    /// The election timeout, in milliseconds.
    pub election_ms: u64,
    /// Longest way of a message, in milliseconds.
    pub latency_ms: u64,
    /// Longest ordinary half of a write to the log's disk, in milliseconds.
    pub disk_ms: u64,
    /// One in so many writes stalls; 0: none.
    pub stall_every: u32,
    /// Longest stall, in milliseconds.
    pub stall_ms: u64,
    /// Size of the log's segments, in bytes.
    pub segment_bytes: u64,
    /// Applied entries after which the state is flushed.
    pub flush_entries: u64,
    /// Entries of the log that stay when it is shortened.
    pub catchup_entries: u64,
    /// Mean time between crashes, in milliseconds; 0: none.
    pub crash_every_ms: u64,
    /// Mean time between cuts of the network, in milliseconds; 0: none.
    pub cut_every_ms: u64,
    /// Mean time between disks that fail, in milliseconds; 0: none.
    pub disk_fault_every_ms: u64,
    /// In the end only a quorum is healed, and must do without the others.
    pub only_quorum: bool,
    /// What is broken on purpose.
    pub planted: Option<Planted>,
}

/// A bug that a simulation must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Disks say that they have synced and have not.
    LyingDisks,
    /// A crash keeps the data of a batch and loses how far it came in the log.
    TornState,
    /// One member forgets a part of a batch.
    LostWrite,
    /// The state says that it is durable and is not; the log goes.
    LyingFlush,
}

impl Planted {
    /// All of them, by name.
    pub const ALL: [(&'static str, Planted); 4] = [
        ("lying-disks", Planted::LyingDisks),
        ("torn-state", Planted::TornState),
        ("lost-write", Planted::LostWrite),
        ("lying-flush", Planted::LyingFlush),
    ];

    /// The bug of this name.
    pub fn named(name: &str) -> Option<Planted> {
        let mut all = Planted::ALL.iter();
        all.find(|(known, _)| *known == name).map(|(_, bug)| *bug)
    }
}

impl Plan {
    /// What `seed` wants.
    pub fn of(seed: u64) -> Plan {
        let mut random = SmallRng::seed_from_u64(seed);
        let heartbeat_ms = random.random_range(20..=100);
        let some = |random: &mut SmallRng, often: f64, from: u64, to: u64| {
            let wanted = random.random_bool(often);
            let value = random.random_range(from..=to);
            if wanted { value } else { 0 }
        };
        let members = match random.random_range(0..20) {
            0 | 1 => 1,
            2..=11 => 3,
            12..=17 => 5,
            _ => 7,
        };
        let spares = match random.random_range(0..10) {
            0 | 1 if members <= 5 => 1,
            2 | 3 if members <= 5 => 2,
            _ => 0,
        };
        Plan {
            seed,
            members,
            spares,
            change_every_ms: random.random_range(500..=4_000),
            clients: random.random_range(1..=6),
            watchers: random.random_range(0..=2),
            leases: random.random_bool(0.6),
            compacts: random.random_bool(0.6),
            keys: random.random_range(1..=12),
            pause_ms: random.random_range(1..=60),
            trouble_ms: random.random_range(6_000..=16_000),
            heartbeat_ms,
            election_ms: heartbeat_ms * random.random_range(6..=12),
            latency_ms: random.random_range(1..=heartbeat_ms),
            disk_ms: random.random_range(1..=12),
            stall_every: some(&mut random, 0.5, 20, 400) as u32,
            stall_ms: random.random_range(50..=3_000),
            segment_bytes: 4096 * random.random_range(1..=16),
            flush_entries: random.random_range(1..=30),
            // Now and then the log is never shortened, so that somebody far behind gets all of it.
            catchup_entries: match random.random_range(0..8) {
                0 => NEVER,
                1..=4 => random.random_range(0..=5),
                _ => random.random_range(0..=40),
            },
            crash_every_ms: some(&mut random, 0.8, 400, 5_000),
            cut_every_ms: some(&mut random, 0.8, 400, 5_000),
            disk_fault_every_ms: some(&mut random, 0.4, 1_000, 8_000),
            only_quorum: random.random_bool(0.4) && spares == 0,
            planted: None,
        }
    }

    /// Hosts that members live on, now or later.
    pub fn hosts(&self) -> usize {
        self.members + self.spares
    }

    /// Votes that decide in the beginning.
    pub fn quorum(&self) -> usize {
        self.members / 2 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything_and_seeds_differ() {
        let plan = |seed| format!("{:?}", Plan::of(seed));
        assert_eq!(plan(7), plan(7));
        let sizes: std::collections::BTreeSet<_> =
            (0..200).map(|seed| Plan::of(seed).members).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1, 3, 5, 7]);
    }
}
