//! One line of a history.

use super::{Call, FaultRecord, Head, InformerRecord, Intent, Observation, Outcome, WatchRecord};
use serde::{Deserialize, Serialize};

/// Nanoseconds of one monotonic clock since the start of the run.
pub type Nanos = u64;
/// A logical process: it has at most one operation in flight, and gets a new number after an unknown
/// outcome.
pub type Process = u32;
/// A member as the campaign numbers it, from one.
pub type Node = u8;
/// An operation; unique in the history.
pub type OpId = u64;
/// A watch; unique in the history.
pub type WatchId = u64;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// What the run is: first of all.
    Head(Box<Head>),
    /// A request is about to be sent, once.
    Invoke {
        /// When.
        at: Nanos,
        /// The operation.
        op: OpId,
        /// Who.
        process: Process,
        /// The member that is asked; nothing if the client chooses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Node>,
        /// What is asked for.
        call: Call,
        /// What the workload means by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<Intent>,
    },
    /// It has ended. An operation without this record has an unknown outcome.
    Complete {
        /// When.
        at: Nanos,
        /// The operation.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// Something about a watch.
    Watch {
        /// When.
        at: Nanos,
        /// What.
        watch: WatchRecord,
    },
    /// Something about a fault.
    Fault {
        /// When.
        at: Nanos,
        /// What.
        fault: FaultRecord,
    },
    /// Something about a member.
    Observe {
        /// When.
        at: Nanos,
        /// What.
        observation: Observation,
    },
    /// Something about a watch of the Kubernetes API.
    Informer {
        /// When.
        at: Nanos,
        /// What.
        informer: InformerRecord,
    },
    /// The run is over and everything was written down: last of all.
    End {
        /// When.
        at: Nanos,
        /// How many records came before this one.
        records: u64,
    },
}

impl Record {
    /// When it was written down; zero for the head.
    pub fn at(&self) -> Nanos {
        match self {
            Record::Head(_) => 0,
            Record::Invoke { at, .. }
            | Record::Complete { at, .. }
            | Record::Watch { at, .. }
            | Record::Fault { at, .. }
            | Record::Observe { at, .. }
            | Record::Informer { at, .. }
            | Record::End { at, .. } => *at,
        }
    }
}
