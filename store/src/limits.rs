//! How much of everything this member takes, with etcd's names and defaults.
//!
//! Every queue, message and table that a client can fill has its bound here, so that an operator
//! finds them in one place. Names follow etcd's flags; what etcd has no flag for says so.

use std::time::Duration;

/// What gRPC itself lets through above [`Limits::max_request_bytes`]: room for the frame around a
/// request, so that a request that is slightly too large gets the clear answer.
pub const GRPC_OVERHEAD_BYTES: usize = 512 * 1024;

/// The quota that `quota_backend_bytes: 0` stands for.
pub const DEFAULT_QUOTA_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The bounds of one member. Members of one cluster should be given the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest command, encoded, that is proposed (`--max-request-bytes`).
    pub max_request_bytes: usize,
    /// Most operations in one list of a transaction (`--max-txn-ops`).
    pub max_txn_ops: usize,
    /// Logical size of the store at which writes stop (`--quota-backend-bytes`). Zero stands for
    /// [`DEFAULT_QUOTA_BYTES`], a negative number for no quota. See [`Limits::quota_bytes`].
    pub quota_backend_bytes: i64,
    /// Most learners at a time (`--max-learners`).
    pub max_learners: usize,
    /// Concurrent calls on one connection (`--max-concurrent-streams`).
    pub max_concurrent_streams: u32,
    /// Silence on a connection after which the member pings (`--grpc-keepalive-interval`).
    pub grpc_keepalive_interval: Duration,
    /// Time the answer to such a ping may take (`--grpc-keepalive-timeout`).
    pub grpc_keepalive_timeout: Duration,
    /// Shortest time to live of a lease in seconds; shorter ones are raised to it. etcd derives it
    /// from the election timeout and gets 2 by default.
    pub min_lease_ttl_s: i64,
    /// Entries that may be committed and not yet applied before writes are refused. Fixed in etcd.
    pub max_apply_lag: u64,
    /// The same bound for giving up leases, which frees resources. Fixed in etcd.
    pub max_apply_lag_revoke: u64,
    /// Client connections at a time. More wait in the system's queue. No flag in etcd.
    pub max_connections: usize,
    /// Time that running requests get to finish when the member stops. No flag in etcd.
    pub shutdown_grace: Duration,
    /// Time in which a client must take something of a long answer, or lose it. No flag in etcd.
    pub answer_patience: Duration,
    /// Bytes per second of a long answer that a client must take on average once
    /// [`Limits::answer_patience`] is over, or lose it. No flag in etcd.
    pub answer_bytes_per_s_min: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_request_bytes: 1536 * 1024,
            max_txn_ops: 128,
            quota_backend_bytes: 0,
            max_learners: 1,
            max_concurrent_streams: u32::MAX,
            grpc_keepalive_interval: Duration::from_secs(2 * 60 * 60),
            grpc_keepalive_timeout: Duration::from_secs(20),
            min_lease_ttl_s: 2,
            max_apply_lag: 5000,
            max_apply_lag_revoke: 10_000,
            max_connections: 65_536,
            shutdown_grace: Duration::from_millis(1000),
            answer_patience: Duration::from_secs(60),
            answer_bytes_per_s_min: 64 * 1024,
        }
    }
}

impl Limits {
    /// The quota in bytes; `None` if there is none.
    pub fn quota_bytes(&self) -> Option<u64> {
        match self.quota_backend_bytes {
            0 => Some(DEFAULT_QUOTA_BYTES),
            bytes => u64::try_from(bytes).ok(),
        }
    }

    /// Largest message that gRPC decodes at all; beyond it the client gets `ResourceExhausted`.
    pub fn max_message_bytes(&self) -> usize {
        self.max_request_bytes.saturating_add(GRPC_OVERHEAD_BYTES)
    }

    /// Whether a write of `cost` bytes must be refused at this size of the store. What costs
    /// nothing (deletions) is always let through.
    pub fn is_over_quota(&self, size_bytes: u64, cost: u64) -> bool {
        let over = |quota| size_bytes.saturating_add(cost) >= quota;
        cost > 0 && self.quota_bytes().is_some_and(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_etcd() {
        let limits = Limits::default();
        assert_eq!(limits.max_request_bytes, 1_572_864);
        assert_eq!(limits.max_message_bytes(), 1_572_864 + 524_288);
        assert_eq!(limits.quota_bytes(), Some(2 << 30));
    }

    #[test]
    fn quota_refuses_from_the_exact_byte_and_never_what_is_free() {
        let limits = Limits {
            quota_backend_bytes: 1000,
            ..Limits::default()
        };
        assert!(!limits.is_over_quota(900, 99));
        assert!(limits.is_over_quota(900, 100));
        assert!(!limits.is_over_quota(5000, 0));
    }

    #[test]
    fn negative_quota_switches_it_off() {
        let limits = Limits {
            quota_backend_bytes: -1,
            ..Limits::default()
        };
        assert_eq!(limits.quota_bytes(), None);
        assert!(!limits.is_over_quota(u64::MAX - 1, u64::MAX));
    }
}
