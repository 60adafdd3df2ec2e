//! The machine: runs of entries in, one engine batch each, outcomes out.

use super::command::Executor;
use super::{Entry, LogId, Payload, State, schema};
use crate::engine::{Batch, EngineError};
use crate::event::EventBatch;
use crate::faults::{Plant, failpoint, planted};
use crate::lease::{self, Place};
use crate::mvcc::{Store, Writer};
use crate::reply::Reply;
use crate::{Error, MemberId, Revision, broken};
use bytes::Bytes;
use keelson_proto::log;
use prost::Message;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Whose requests are answered here: the member, and this life of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The member.
    pub member: MemberId,
    /// Chosen at random when the process started.
    pub incarnation: u64,
}

/// How far the state has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last entry applied; `None` before the first.
    pub applied: Option<LogId>,
    /// The last membership applied: its entry, and the encoded `keelsonpeerpb.Membership`.
    pub membership: Option<(Option<LogId>, Bytes)>,
}

/// What a run brought about.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Request id and answer, in the order of the log, of the requests that this member took.
    pub replies: Vec<(u64, Result<Reply, Error>)>,
    /// What changed, for watchers. To be published before the replies are given out.
    pub events: EventBatch,
    /// What happened to leases, in order. To be told to the leader's clock before the replies are
    /// given out.
    pub lease_changes: Vec<lease::Change>,
    /// The newest compaction in the run: there is something to sweep.
    pub compacted: Option<Revision>,
}

/// The replicated state machine. Owned by the apply thread.
pub struct Machine {
    store: Arc<Store>,
    state: Arc<State>,
    identity: Origin,
    position: Position,
}

impl Machine {
    /// Loads the state that lies in the store's engine.
    ///
    /// Takes no limits on purpose: what one member's configuration decided here, another's would
    /// decide differently.
    ///
    /// # Errors
    /// What the engine says, and [`EngineError::Damaged`] if a key hangs on a lease that does not
    /// exist.
    pub fn open(store: Arc<Store>, identity: Origin) -> Result<Machine, EngineError> {
        let engine = store.engine();
        let state = State::load(&**engine)?;
        let position = schema::position(&**engine)?;
        attach_keys(&store, &state)?;
        Ok(Machine {
            store,
            state: Arc::new(state),
            identity,
            position,
        })
    }

    /// Applies a run of entries as one engine batch. Entries that are applied already are skipped.
    ///
    /// Stops the member if an entry is missing, does not decode, or cannot be written.
    pub fn apply(&mut self, run: &[Entry]) -> Outcome {
        let mut outcome = Outcome::default();
        let run = self.unapplied(run);
        let Some(last) = run.last() else {
            outcome.events.revision = self.store.revision();
            return outcome;
        };
        let mut writer = self.store.writer();
        let mut membership = None;
        for entry in run {
            match &entry.payload {
                Payload::Blank => {}
                Payload::Membership(encoded) => membership = Some((entry.log_id, encoded)),
                Payload::Commands(encoded) => {
                    let payload = log::Payload::decode(encoded.clone()).unwrap_or_else(|error| {
                        broken!("log entry {} does not decode: {error}", entry.log_id.index)
                    });
                    let mut place = Place {
                        index: entry.log_id.index,
                        command: 0,
                    };
                    for batch in &payload.batches {
                        let log_id = entry.log_id;
                        self.apply_batch(&mut writer, log_id, &mut place, batch, &mut outcome);
                    }
                }
            }
        }
        self.position.applied = Some(last.log_id);
        if planted(Plant::AppliedApart) {
            let mut alone = Batch::default();
            schema::put_applied(&mut alone, last.log_id);
            let _ = self.store.engine().write(&alone);
        }
        schema::put_applied(writer.batch(), last.log_id);
        if let Some((log_id, encoded)) = membership {
            schema::put_membership(writer.batch(), log_id, encoded);
            failpoint!("membership-before-write");
            // A copy: the slice would keep everything that arrived with it.
            let encoded = Bytes::copy_from_slice(encoded);
            self.state.set_membership(encoded.clone());
            self.position.membership = Some((Some(log_id), encoded));
        }
        outcome.events = writer.commit().unwrap_or_else(|error| {
            if planted(Plant::ApplyErrorIgnored) {
                return EventBatch::default();
            }
            broken!(
                "entries up to {} were not written: {error}",
                last.log_id.index
            )
        });
        outcome
    }

    /// How far the state has come.
    pub fn position(&self) -> Position {
        self.position.clone()
    }

    /// Leases, alarms and member attributes, readable from any thread.
    pub fn state(&self) -> Arc<State> {
        self.state.clone()
    }

    /// The part of `run` behind the applied entries.
    fn unapplied<'a>(&self, run: &'a [Entry]) -> &'a [Entry] {
        let Some(applied) = self.position.applied else {
            return run;
        };
        let skipped = run.partition_point(|entry| entry.log_id.index <= applied.index);
        if planted(Plant::LastAppliedTwice) && skipped > 0 {
            return &run[skipped - 1..];
        }
        let mut expected = applied.index;
        for entry in &run[skipped..] {
            expected += 1;
            if entry.log_id.index != expected {
                let found = entry.log_id.index;
                broken!("log entry {expected} is missing: entry {found} came in its place");
            }
        }
        &run[skipped..]
    }

    /// Applies the commands of a batch, the first of which is at `place`, and moves that on.
    fn apply_batch(
        &self,
        writer: &mut Writer<'_>,
        log_id: LogId,
        place: &mut Place,
        batch: &log::Batch,
        outcome: &mut Outcome,
    ) {
        let Origin {
            member,
            incarnation,
        } = self.identity;
        let wanted = batch.origin == member && batch.incarnation == incarnation;
        if batch.requests.len() != batch.commands.len() {
            broken!(
                "a batch in log entry {} has {} commands and {} request ids",
                log_id.index,
                batch.commands.len(),
                batch.requests.len()
            );
        }
        for (&request, encoded) in batch.requests.iter().zip(&batch.commands) {
            let command = log::Command::decode(encoded.clone()).unwrap_or_else(|error| {
                broken!(
                    "a command in log entry {} does not decode: {error}",
                    log_id.index
                )
            });
            let mut executor = Executor {
                writer,
                state: &self.state,
                place: *place,
                lease_changes: &mut outcome.lease_changes,
                compacted: &mut outcome.compacted,
                wanted,
            };
            let reply = executor.execute(log_id, command);
            place.command += 1;
            if wanted {
                outcome.replies.push((request, reply));
            }
        }
    }
}

/// Attaches keys to leases as the records say.
fn attach_keys(store: &Store, state: &State) -> Result<(), EngineError> {
    const EVERYTHING: &[u8] = b"\0";
    let mut orphan = None;
    store
        .writer()
        .visit(EVERYTHING, EVERYTHING, &mut |key, meta| {
            if meta.lease != 0 && !state.leases().attach(meta.lease, key) {
                orphan = Some((Bytes::copy_from_slice(key), meta.lease));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
    match orphan {
        None => Ok(()),
        Some((key, id)) => Err(schema::damaged(
            "lease",
            format!("the key {key:?} is attached to lease {id:x}, which does not exist"),
        )),
    }
}
