//! What a run was: enough to repeat it and to know what it must keep.

use serde::{Deserialize, Serialize};

/// The first record of every history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the format; [`Head::FORMAT`].
    pub format: u32,
    /// What decides everything that was chosen at random.
    pub seed: u64,
    /// The command that repeats the run.
    pub command: String,
    /// Names of workloads.
    pub workloads: Vec<String>,
    /// Names of fault generators.
    pub nemeses: Vec<String>,
    /// Members at the start.
    pub nodes: u8,
    /// The server: `keelson 0.1.0 (commit)`, `etcd 3.6.4`.
    pub target: String,
    /// Milliseconds since 1970 at the start of the run: only for people.
    pub started_unix_ms: u64,
    /// How long operations were to be made, in seconds.
    pub duration_s: u64,
    /// Revision of the store before the first operation; one in an empty store.
    pub first_revision: i64,
    /// Kinds of faults that must have been effective at least once for the run to count.
    pub required_faults: Vec<String>,
    /// The least number of operations that make the run worth a verdict.
    pub least_operations: u64,
    /// What must hold at every revision.
    pub invariants: Vec<Invariant>,
    /// Bounds of time.
    pub limits: Limits,
    /// Anything else that a reader wants to know.
    pub notes: Vec<(String, String)>,
    /// If the members serve the Kubernetes API: then others than clients write, too, and what the store went
    /// through is told by watches of everything, not by operations.
    #[serde(default)]
    pub kubernetes: bool,
}

impl Head {
    /// The version that this build writes. Older ones stay readable.
    pub const FORMAT: u32 = 1;

    /// A head with the defaults of the format.
    pub fn new(seed: u64, command: impl Into<String>) -> Head {
        Head {
            format: Head::FORMAT,
            seed,
            command: command.into(),
            first_revision: 1,
            ..Head::default()
        }
    }
}

/// Bounds of time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// By how much a lease may seem to end early because clocks of members run at other rates.
    pub lease_early_ns: u64,
    /// How long after its time a lease may linger while the cluster has a leader: failover, ticks.
    pub lease_late_ns: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lease_early_ns: 0,
            lease_late_ns: 10_000_000_000,
        }
    }
}

/// Something that holds at every revision at which its keys exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Invariant {
    /// Decimal values of all keys under a prefix add up to a constant, once there is one such key.
    Sum {
        /// The prefix.
        prefix: String,
        /// The constant.
        total: i64,
    },
    /// The decimal value of a key never goes down while the key exists, nor by its being made again.
    NeverDecreases {
        /// The key.
        key: String,
    },
    /// The decimal value of a key goes up by one with each change.
    CountsUp {
        /// The key.
        key: String,
    },
}
