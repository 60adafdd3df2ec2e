//! What clients do during a run. Each workload has keys of its own, so several may go on at one time.
//!
//! A workload is some actors; an actor is a [`Session`] and a loop. Values are unique in the whole run, so that
//! a read says which write it saw. Actors never judge what they see and never repeat a request.
//!
//! | name | what |
//! |---|---|
//! | `register` | reads, writes and compare-and-swap of ten hot keys and many cold ones (W1) |
//! | `txn` | transactions over several keys: all comparisons, nested, both branches (W2) |
//! | `set` | elements added to one value, and as keys of their own (W3) |
//! | `append` | transactions that append to lists (W4) |
//! | `bank` | transfers whose sum stays, read at old revisions, too (W5) |
//! | `list` | pages, limits, counts, sorting, serializable reads (W6) |
//! | `watch` | writers and watches of all kinds (W7) |
//! | `lease` | leases that are kept alive, revoked and left alone (W8) |
//! | `lock`, `unfenced` | a set beside the store, guarded by a lock; without a fence it must break (W9) |
//! | `election` | elections, proclamations, observers (W10) |
//! | `compact` | compactions, and reads and watches around them (W13) |
//! | `large` | values of up to a megabyte under few keys (W1) |
//! | `membership` | lists of members, and guests that are added, moved and removed (W11) |
//! | `objects` | objects of the Kubernetes API, written under conditions (W15) |
//! | `informers` | the same, with lists and watches of all kinds beside (W16) |
//! | `controllers` | wishes for control loops, and nodes without machines (W17) |

mod bank;
mod compact;
mod controllers;
mod election;
mod informers;
mod large;
mod lease;
mod list;
mod lock;
mod membership;
mod objects;
mod register;
mod set;
mod txn;
mod watch;

use crate::history::*;
use crate::kubernetes::Access;
use crate::recorder::Recorder;
use crate::session::Session;
use keelson_kit::check::Check;
pub use lock::Outside;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[allow(missing_docs)] // the table of the module says what they are
pub enum Workload {
    Register,
    Txn,
    Set,
    Append,
    Bank,
    List,
    Watch,
    Lease,
    Lock,
    Unfenced,
    Compact,
    Election,
    Membership,
    Large,
    Objects,
    Informers,
    Controllers,
}

impl Workload {
    /// All of them.
    pub const ALL: [Workload; 17] = [
        Workload::Register,
        Workload::Txn,
        Workload::Set,
        Workload::Append,
        Workload::Bank,
        Workload::List,
        Workload::Watch,
        Workload::Lease,
        Workload::Lock,
        Workload::Unfenced,
        Workload::Compact,
        Workload::Election,
        Workload::Membership,
        Workload::Large,
        Workload::Objects,
        Workload::Informers,
        Workload::Controllers,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Register => "register",
            Workload::Txn => "txn",
            Workload::Set => "set",
            Workload::Append => "append",
            Workload::Bank => "bank",
            Workload::List => "list",
            Workload::Watch => "watch",
            Workload::Lease => "lease",
            Workload::Lock => "lock",
            Workload::Unfenced => "unfenced",
            Workload::Compact => "compact",
            Workload::Election => "election",
            Workload::Membership => "membership",
            Workload::Large => "large",
            Workload::Objects => "objects",
            Workload::Informers => "informers",
            Workload::Controllers => "controllers",
        }
    }

    /// Its number in the plan.
    pub fn class(self) -> &'static str {
        match self {
            Workload::Register | Workload::Large => "W1",
            Workload::Txn => "W2",
            Workload::Set => "W3",
            Workload::Append => "W4",
            Workload::Bank => "W5",
            Workload::List => "W6",
            Workload::Watch => "W7",
            Workload::Lease => "W8",
            Workload::Lock | Workload::Unfenced => "W9",
            Workload::Compact => "W13",
            Workload::Election => "W10",
            Workload::Membership => "W11",
            Workload::Objects => "W15",
            Workload::Informers => "W16",
            Workload::Controllers => "W17",
        }
    }

    /// What must hold at every revision while it runs.
    pub fn invariants(self) -> Vec<Invariant> {
        match self {
            Workload::Bank => vec![bank::invariant()],
            _ => Vec::new(),
        }
    }

    /// If it is a load of the Kubernetes API, which members serve only then.
    pub fn is_kubernetes(self) -> bool {
        !self.namespaces().is_empty()
    }

    /// Where in the Kubernetes API it works.
    pub fn namespaces(self) -> &'static [&'static str] {
        match self {
            Workload::Objects => &[objects::NAMESPACE],
            Workload::Informers => &[informers::NAMESPACE],
            Workload::Controllers => &[controllers::NAMESPACE],
            _ => &[],
        }
    }

    /// How many nodes without machines it needs.
    pub fn nodes(self) -> u32 {
        match self {
            Workload::Controllers => controllers::NODES,
            _ => 0,
        }
    }

    /// If its clients ask for something many times a second.
    pub fn is_quick(self) -> bool {
        !matches!(
            self,
            Workload::Lock | Workload::Unfenced | Workload::Controllers
        )
    }

    /// Starts its actors.
    async fn start(self, stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
        match self {
            Workload::Register => register::start(stage, actors),
            Workload::Txn => txn::start(stage, actors),
            Workload::Set => set::start(stage, actors),
            Workload::Append => txn::start_append(stage, actors),
            Workload::Bank => bank::start(stage, actors).await,
            Workload::List => list::start(stage, actors),
            Workload::Watch => watch::start(stage, actors),
            Workload::Lease => lease::start(stage, actors),
            Workload::Lock => lock::start(stage, actors, true),
            Workload::Unfenced => lock::start(stage, actors, false),
            Workload::Compact => compact::start(stage, actors),
            Workload::Election => election::start(stage, actors),
            Workload::Membership => membership::start(stage, actors),
            Workload::Large => large::start(stage, actors),
            Workload::Objects => objects::start(stage, actors),
            Workload::Informers => informers::start(stage, actors),
            Workload::Controllers => controllers::start(stage, actors),
        }
    }

    /// Reads at the end, when everything was healed.
    pub async fn last_reads(self, stage: &Stage, session: &mut Session) {
        match self {
            Workload::Set => set::last_reads(session).await,
            Workload::Lock => lock::last_reads(session, &stage.outside, true).await,
            Workload::Unfenced => lock::last_reads(session, &stage.outside, false).await,
            Workload::Membership => membership::last_reads(session).await,
            Workload::Objects => objects::last_reads(stage).await,
            Workload::Informers => informers::last_reads(stage).await,
            Workload::Controllers => controllers::last_reads(stage).await,
            _ => {}
        }
    }
}

/// What all actors share.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Where they write.
    pub recorder: Recorder,
    /// All places of members.
    pub endpoints: Vec<String>,
    /// How many of them, from the first, have members when a run begins.
    pub founders: usize,
    /// Decides what they do.
    pub seed: u64,
    /// Operations in a second, of one actor, at most.
    pub rate: u32,
    /// Sets beside the store.
    pub outside: Arc<Outside>,
    /// When writers end.
    pub over: Receiver<bool>,
    /// When watches end: at this revision, once it is known.
    pub last_revision: Receiver<i64>,
    /// The Kubernetes API, if members serve it.
    pub kubernetes: Option<Access>,
}

/// One actor's own things.
struct Actor {
    session: Session,
    random: StdRng,
    stage: Stage,
}

impl Stage {
    /// An actor that asks always the same member (counted from zero), or any.
    fn actor(&self, number: usize, pinned: Option<usize>) -> Check<Actor> {
        let node = pinned.map(|i| (i % self.endpoints.len()) as Node + 1);
        let session = Session::new(&self.recorder, &self.endpoints, node)?;
        let seed = self.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Actor {
            session,
            random: StdRng::seed_from_u64(seed),
            stage: self.clone(),
        })
    }

    /// The usual cast: one actor for each member and two that ask any.
    fn cast(&self, offset: usize) -> Check<Vec<Actor>> {
        let size = self.endpoints.len();
        let pinned = (0..size).map(Some).chain([None, None]);
        pinned
            .enumerate()
            .map(|(i, node)| self.actor(offset + i, node))
            .collect()
    }
}

impl Actor {
    /// Whether to go on, after a pause that keeps the rate.
    async fn goes_on(&mut self) -> bool {
        let pause_us = 1_000_000 / u64::from(self.stage.rate.max(1));
        let pause = Duration::from_micros(self.random.random_range(0..pause_us * 2));
        tokio::time::sleep(pause).await;
        !self.is_over()
    }

    /// Whether writers are to end.
    fn is_over(&self) -> bool {
        *self.stage.over.borrow()
    }

    /// A value that nobody else writes.
    fn unique(&self) -> Blob {
        Blob::from(format!(
            "{}.{}",
            self.session.process(),
            self.stage.recorder.number()
        ))
    }

    /// True in this share of cases, of a hundred.
    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }
}

/// Runs all workloads on a thread and a runtime of their own; it ends when they do.
///
/// # Errors
///
/// When one cannot be started.
pub async fn run(workloads: &[Workload], stage: &Stage) -> Check {
    let mut actors = JoinSet::new();
    for workload in workloads {
        workload.start(stage, &mut actors).await?;
    }
    while let Some(ended) = actors.join_next().await {
        ended??;
    }
    Ok(())
}

/// A key of a workload.
fn key(prefix: &str, number: u32) -> Blob {
    Blob::from(format!("{prefix}{number:03}"))
}
