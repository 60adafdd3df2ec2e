//! The promises of [`Kv`], each as a statement that is asked of a store.
//!
//! Every implementation has to keep all of them, so there is one suite: the store in memory, a real etcd,
//! a Keelson over the network and the member in the same process run it, each in its own tests. It ships
//! with the crate because those tests live in several crates. A statement that does not hold is a value,
//! not a panic, so that all of them are heard.
//!
//! | file | what |
//! |---|---|
//! | `space` | a part of a store, and how statements use it |
//! | `reading` | ranges, revisions, history |
//! | `writing` | transactions, leases, refusals |
//! | `watching` | watches |
//!
//! What may enter: the trait. What never happens here: a statement that knows which store it is asked of,
//! a wait without a deadline.

mod reading;
mod space;
mod watching;
mod writing;

use super::kv::{Future, Kv, KvError};
use space::Space;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longest time that a statement may take.
const STATEMENT: Duration = Duration::from_secs(120);

/// Why a statement does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<KvError> for Broken {
    fn from(error: KvError) -> Broken {
        Broken(format!("the store answered {error:?}"))
    }
}

/// Whether a statement holds.
pub type Outcome = Result<(), Broken>;

type Statement = for<'a> fn(&'a Space) -> Future<'a, Outcome>;

/// One row per statement: its name, and the function.
macro_rules! statements {
    ($($room:ident :: $name:ident,)*) => {
        &[$((stringify!($name), |space| Box::pin($room::$name(space)))),*]
    };
}

const STATEMENTS: &[(&str, Statement)] = statements![
    reading::keys_come_in_order_and_end_before_the_end,
    reading::a_limit_cuts_and_the_count_does_not,
    reading::an_older_state_can_be_read,
    reading::a_state_to_come_is_waited_for_and_not_for_ever,
    reading::what_cannot_be_read_is_refused,
    writing::a_guard_on_nothing_creates_once,
    writing::a_guard_on_a_revision_updates_what_was_read,
    writing::a_refusal_tells_what_is_there,
    writing::a_transaction_has_one_revision,
    writing::a_deletion_of_nothing_is_no_change,
    writing::a_key_that_comes_back_begins_anew,
    writing::of_two_that_create_one_succeeds,
    writing::bad_transactions_are_refused,
    writing::large_values_are_refused,
    writing::a_fence_of_nobody_keeps_a_write_out,
    writing::a_lease_ends_with_its_keys,
    watching::changes_come_once_in_order_with_what_was_before,
    watching::other_keys_are_not_followed,
    watching::a_watch_of_the_future_begins_there,
    watching::large_revisions_come_whole,
    watching::progress_is_told_only_if_asked_for,
    watching::an_empty_range_cannot_be_followed,
    reading::compacted_history_is_gone,
    watching::a_compacted_start_is_refused,
];

/// Asks every statement of a store to which nobody else writes, and says which hold. `prefix` is where
/// the suite may write; `expire` makes a lease end where that does not happen by itself.
pub async fn run(
    kv: Arc<dyn Kv>,
    prefix: &str,
    expire: Arc<dyn Fn(i64) + Send + Sync>,
) -> Vec<(&'static str, Outcome)> {
    let mut outcomes = Vec::new();
    for (name, statement) in STATEMENTS {
        let space = Space {
            kv: kv.clone(),
            prefix: format!("{prefix}/{name}/"),
            expire: expire.clone(),
        };
        let outcome = tokio::time::timeout(STATEMENT, statement(&space)).await;
        let late = || Err(Broken(format!("no outcome within {STATEMENT:?}")));
        outcomes.push((*name, outcome.unwrap_or_else(|_| late())));
    }
    outcomes
}

/// The statements that do not hold, one per line; empty if all do.
pub fn failures(outcomes: &[(&'static str, Outcome)]) -> String {
    let line = |(name, outcome): &(&str, Outcome)| {
        let broken = outcome.as_ref().err()?;
        Some(format!("{name}: {broken}\n"))
    };
    outcomes.iter().filter_map(line).collect()
}

/// Says what is wrong unless the condition holds.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(Broken(what())),
    }
}

/// Says what is wrong unless both are the same.
fn same<T: fmt::Debug + PartialEq>(what: &str, got: T, wanted: T) -> Outcome {
    ensure(got == wanted, || {
        format!("{what} is {got:?} and should be {wanted:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryKv;

    #[tokio::test]
    async fn the_store_in_memory_keeps_all_promises() {
        let kv = MemoryKv::new();
        let expiring = kv.clone();
        let expire = Arc::new(move |lease| assert!(expiring.expire(lease)));
        let outcomes = run(Arc::new(kv), "/contract", expire).await;
        assert_eq!(outcomes.len(), STATEMENTS.len());
        assert_eq!(failures(&outcomes), "");
    }

    #[tokio::test]
    async fn a_store_that_fails_is_found() {
        use crate::storage::{Call, Fault};
        let kv = MemoryKv::new();
        for _ in 0..10_000 {
            let error = KvError::Unavailable("gone".into());
            kv.fail_next(Call::Range, Fault::Before(error));
        }
        let expiring = kv.clone();
        let expire = Arc::new(move |lease| assert!(expiring.expire(lease)));
        let outcomes = run(Arc::new(kv), "/contract", expire).await;
        let broken = outcomes.iter().filter(|(_, outcome)| outcome.is_err());
        assert!(broken.count() > STATEMENTS.len() / 2);
    }
}
