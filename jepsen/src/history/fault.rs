//! Faults: what was done to the cluster, and whether it worked.

use super::Node;
use serde::{Deserialize, Serialize};

/// One step in the life of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Unique in the history; its steps share it.
    pub fault: u64,
    /// Its kind: a stable short name such as `kill` or `partition-leader`.
    pub kind: String,
    /// Its number in the matrix of faults, such as `F1`.
    pub class: String,
    /// The members that it hits.
    pub nodes: Vec<Node>,
    /// The step.
    pub phase: FaultPhase,
}

/// What happened. A fault counts as covered only if it became effective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultPhase {
    /// It is about to be injected.
    Start {
        /// Parameters in words.
        detail: String,
    },
    /// It was seen to work.
    Effective {
        /// What was seen. Nothing seen is not effective.
        evidence: String,
    },
    /// It was taken away.
    End {
        /// In words.
        detail: String,
    },
    /// This host or this cluster cannot have it.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Injecting it or taking it away did not work.
    Failed {
        /// How.
        error: String,
    },
}
