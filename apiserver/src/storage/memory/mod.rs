//! A store in memory, for tests: a [`Kv`] that keeps every promise of the trait and does on request what
//! a real store does on a bad day.
//!
//! It is correct before it is fast, and nothing of it survives its last handle. A server that is meant
//! to keep anything never stands on it. What happens by itself elsewhere happens here by hand: leases
//! end by [`MemoryKv::expire`], leadership moves by [`MemoryKv::set_leadership`], calls fail by
//! [`MemoryKv::fail_next`], watches break by [`MemoryKv::break_watches`].
//!
//! | file | what |
//! |---|---|
//! | `history` | keys with their versions, leases, what changed when |
//! | `follow` | watches |
//!
//! What may enter: requests of the trait. What never happens here: a clock that changes state.

mod follow;
mod history;
#[cfg(test)]
mod tests;

use super::kv::{At, Changes, Committed, Future, Kv, KvError, Range, Ranged, Stream, Txn, Watch};
use follow::{Watcher, follow};
use history::History;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pieces of a watch that wait for its reader, unless [`MemoryKv::with_buffer`] says otherwise.
const BUFFER: usize = 1024;

/// The store in memory. Clones are handles of the same store. Its watches and waits want a tokio runtime
/// with its clock enabled.
#[derive(Clone)]
pub struct MemoryKv {
    shared: Arc<Shared>,
    buffer: usize,
}

struct Shared {
    state: Mutex<State>,
    /// The newest revision, for those who wait for one.
    revision: tokio::sync::watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    history: History,
    watchers: Vec<Watcher>,
    leadership: u64,
    faults: HashMap<Call, VecDeque<Fault>>,
    calls: HashMap<Call, u64>,
}

/// A method of [`Kv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Kv::range`].
    Range,
    /// [`Kv::txn`].
    Txn,
    /// [`Kv::watch`].
    Watch,
    /// [`Kv::grant`].
    Grant,
    /// [`Kv::compact`].
    Compact,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this error, and nothing has happened.
    Before(KvError),
    /// With this error, after it took effect.
    After(KvError),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed with the lock held is told by its own panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for MemoryKv {
    fn default() -> MemoryKv {
        MemoryKv::with_buffer(BUFFER)
    }
}

impl MemoryKv {
    /// An empty store, of revision 1.
    pub fn new() -> MemoryKv {
        MemoryKv::default()
    }

    /// An empty store whose watches end when so many pieces wait for their reader. At least 1.
    pub fn with_buffer(pieces: usize) -> MemoryKv {
        MemoryKv {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                revision: tokio::sync::watch::Sender::new(1),
            }),
            buffer: pieces.max(1),
        }
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        lock(&self.shared.state).history.revision()
    }

    /// The next such call that has no fault yet fails like this. Faults of one method are used up in the
    /// order in which they were given.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        let mut state = lock(&self.shared.state);
        state.faults.entry(call).or_default().push_back(fault);
    }

    /// How often a method was called, failures included.
    pub fn calls(&self, call: Call) -> u64 {
        let state = lock(&self.shared.state);
        state.calls.get(&call).copied().unwrap_or(0)
    }

    /// Ends every watch with this error, after what it was sent before.
    pub fn break_watches(&self, why: KvError) {
        for watcher in lock(&self.shared.state).watchers.drain(..) {
            watcher.end(why.clone());
        }
    }

    /// How many watches have a reader.
    pub fn watches(&self) -> usize {
        let state = lock(&self.shared.state);
        state.watchers.iter().filter(|one| one.is_alive()).count()
    }

    /// Ends a lease, and deletes its keys in one revision. False if there is no such lease.
    pub fn expire(&self, lease: i64) -> bool {
        let mut state = lock(&self.shared.state);
        let expired = state.history.expire(lease);
        self.publish(&mut state, expired.clone().flatten());
        expired.is_some()
    }

    /// The number that a fence must be; 0, as at first: this store knows no leadership.
    pub fn set_leadership(&self, number: u64) {
        lock(&self.shared.state).leadership = number;
    }

    /// Counts a call, and carries it out with the fault that is next.
    fn call<T>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut State) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let mut state = lock(&self.shared.state);
        *state.calls.entry(call).or_default() += 1;
        match state.faults.get_mut(&call).and_then(VecDeque::pop_front) {
            None => effect(&mut state),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::After(error)) => effect(&mut state).and(Err(error)),
        }
    }

    fn publish(&self, state: &mut State, changes: Option<Arc<Changes>>) {
        if let Some(changes) = changes {
            state.watchers.retain(|one| one.tell(&changes));
            self.shared.revision.send_replace(changes.revision);
        }
    }

    async fn read(&self, range: Range) -> Result<Ranged, KvError> {
        // Counted and failed before the wait: a store that is away does not wait.
        self.call(Call::Range, |_| range.check())?;
        if let At::NotBefore(revision, wait) = range.at
            && self.revision() < revision
        {
            let mut newest = self.shared.revision.subscribe();
            let reached = newest.wait_for(|newest| *newest >= revision);
            if tokio::time::timeout(wait, reached).await.is_err() {
                return Err(KvError::TooNew {
                    current: self.revision(),
                });
            }
        }
        let state = lock(&self.shared.state);
        let at = match range.at {
            At::Exactly(revision) => revision,
            At::Latest | At::Any | At::NotBefore(..) => state.history.revision(),
        };
        state.history.readable(at)?;
        Ok(state.history.range(&range, at))
    }

    fn commit(&self, state: &mut State, txn: &Txn) -> Result<Committed, KvError> {
        match (txn.fence, state.leadership) {
            (0, _) => {}
            (_, 0) => return Err(KvError::Invalid("this store knows no leadership".into())),
            (fence, leadership) if fence != leadership => return Err(KvError::Fenced),
            _ => {}
        }
        let (committed, changes) = state.history.txn(txn)?;
        self.publish(state, changes);
        Ok(committed)
    }

    fn follow(
        &self,
        state: &mut State,
        mut watch: Watch,
    ) -> Result<Stream<Result<Changes, KvError>>, KvError> {
        watch.check()?;
        watch.from = watch.from.max(1);
        state.history.followable(watch.from)?;
        let backlog = state
            .history
            .since(&watch.key, watch.end.as_ref(), watch.from);
        let (watcher, stream) = follow(&self.shared, watch, backlog, self.buffer);
        state.watchers.retain(Watcher::is_alive);
        state.watchers.push(watcher);
        Ok(stream)
    }
}

impl Kv for MemoryKv {
    fn range(&self, range: Range) -> Future<'_, Result<Ranged, KvError>> {
        Box::pin(self.read(range))
    }

    fn txn(&self, txn: Txn) -> Future<'_, Result<Committed, KvError>> {
        Box::pin(async move { self.call(Call::Txn, |state| self.commit(state, &txn)) })
    }

    fn watch(&self, watch: Watch) -> Future<'_, Result<Stream<Result<Changes, KvError>>, KvError>> {
        Box::pin(async move { self.call(Call::Watch, |state| self.follow(state, watch)) })
    }

    fn grant(&self, _ttl_s: i64) -> Future<'_, Result<i64, KvError>> {
        Box::pin(async move { self.call(Call::Grant, |state| Ok(state.history.grant())) })
    }

    fn compact(&self, revision: u64) -> Future<'_, Result<(), KvError>> {
        Box::pin(async move { self.call(Call::Compact, |state| state.history.compact(revision)) })
    }
}
