//! W9: a set beside the store, changed only by whoever holds a lock of the store.
//!
//! A lock with a lease ends when its holder stalls, and the holder does not know. So the set must refuse whoever
//! comes with an older number than it has seen (a fence). The unfenced kind is a control: it must lose elements,
//! or the suite is blind.

use super::{Actor, Stage};
use crate::history::*;
use crate::session::Session;
use keelson_kit::check::Check;
use parking_lot::Mutex;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Seconds that a lock outlives a silent holder.
const TTL: i64 = 2;
/// Between two attempts to get the lock.
const AGAIN: Duration = Duration::from_millis(60);

/// The sets: the fenced and the other one.
#[derive(Debug, Default)]
pub struct Outside([Mutex<Set>; 2]);

#[derive(Debug, Default)]
struct Set {
    elements: Vec<u64>,
    greatest: i64,
}

impl Set {
    /// Whether somebody with this number may go on.
    fn admits(&mut self, fence: Option<i64>) -> bool {
        let number = fence.unwrap_or(i64::MAX);
        if fence.is_some() {
            self.greatest = self.greatest.max(number);
        }
        number >= self.greatest
    }
}

fn name(fenced: bool) -> String {
    (if fenced { "fenced" } else { "unfenced" }).to_owned()
}

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>, fenced: bool) -> Check {
    for actor in stage.cast(if fenced { 900 } else { 950 })? {
        actors.spawn(act(actor, fenced));
    }
    Ok(())
}

async fn act(mut actor: Actor, fenced: bool) -> Check {
    while actor.goes_on().await {
        if turn(&mut actor, fenced).await.is_none() {
            sleep(AGAIN).await;
        }
    }
    Ok(())
}

/// Takes the lock, adds one element, gives it back.
async fn turn(actor: &mut Actor, fenced: bool) -> Option<()> {
    let lock = format!("w9/{}", name(fenced));
    let key = KeyRange::one(lock.as_str());
    let id = 9_000_000 + actor.stage.recorder.number() as i64;
    let grant = Call::Lease(LeaseCall::Grant { id, ttl: TTL });
    let Outcome::Ok(_) = actor.session.call(grant).await else {
        return None;
    };
    let acquire = TxnCall {
        compare: vec![created(&key, 0)],
        success: vec![KvCall::Put(PutCall {
            key: key.key.clone(),
            value: actor.unique(),
            lease: id,
            ..PutCall::default()
        })],
        failure: Vec::new(),
    };
    let intent = Intent::Acquire { lock: lock.clone() };
    let taken = actor.session.txn(acquire, Some(intent)).await;
    let Some((
        header,
        TxnReply {
            succeeded: true, ..
        },
    )) = taken
    else {
        let revoke = Call::Lease(LeaseCall::Revoke { id });
        actor.session.call(revoke).await;
        return None;
    };
    let stall = match actor.chance(15) {
        // As a process that is stopped, or collects garbage.
        true => {
            Duration::from_millis(TTL.unsigned_abs() * 1000 + actor.random.random_range(500..3000))
        }
        false => Duration::from_millis(actor.random.random_range(5..40)),
    };
    add(actor, fenced, fenced.then_some(header.revision), stall).await;
    let release = TxnCall {
        compare: vec![created(&key, header.revision)],
        success: vec![KvCall::Delete(DeleteCall {
            range: key,
            prev_kv: false,
        })],
        failure: Vec::new(),
    };
    let intent = Intent::Release { lock };
    actor.session.txn(release, Some(intent)).await.map(drop)
}

fn created(key: &KeyRange, revision: i64) -> Comparison {
    Comparison {
        range: key.clone(),
        operator: Operator::Equal,
        target: Target::Create(revision),
    }
}

/// Reads the set, waits, writes it back.
async fn add(actor: &mut Actor, fenced: bool, fence: Option<i64>, wait: Duration) {
    let element = actor.stage.recorder.number();
    let outside = Arc::clone(&actor.stage.outside);
    let call = OutsideCall::Add {
        set: name(fenced),
        element,
        fence,
    };
    let added = async {
        let set = &outside.0[usize::from(!fenced)];
        let mut copy = {
            let mut set = set.lock();
            if !set.admits(fence) {
                return (false, Vec::new());
            }
            set.elements.clone()
        };
        sleep(wait).await;
        let mut set = set.lock();
        if !set.admits(fence) {
            return (false, Vec::new());
        }
        copy.push(element);
        set.elements = copy;
        (true, Vec::new())
    };
    actor.session.outside(call, added).await;
}

/// The whole set.
pub async fn last_reads(session: &mut Session, outside: &Outside, fenced: bool) {
    let elements = outside.0[usize::from(!fenced)].lock().elements.clone();
    let call = OutsideCall::Read { set: name(fenced) };
    session.outside(call, async { (true, elements) }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fenced_set_refuses_whoever_comes_late() {
        let mut set = Set::default();
        assert!(set.admits(Some(5)));
        assert!(set.admits(Some(7)));
        assert!(!set.admits(Some(5)));
        assert!(set.admits(Some(7)));
    }

    #[test]
    fn a_set_without_fences_takes_everybody() {
        let mut set = Set::default();
        assert!(set.admits(None) && set.admits(None));
    }
}
