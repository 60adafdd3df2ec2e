//! Clients: each asks one thing at a time, of a member that it chooses, and never asks again.

use crate::ask::Hand;
use crate::asked::{Asked, Operation, Told};
use crate::plan::Plan;
use crate::watches::Watched;
use parking_lot::Mutex;
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Leases that clients share at a time.
const LEASES: usize = 4;

/// What clients share with those who watch them.
#[derive(Default)]
pub struct Desk {
    /// What was asked and told.
    pub history: Mutex<Vec<Operation>>,
    /// What watches told.
    pub watched: Mutex<Vec<Watched>>,
    /// Writes that were acknowledged.
    pub written: AtomicU64,
    /// The revision up to which the history is written down elsewhere.
    pub chronicled: AtomicI64,
    /// There is no more trouble.
    pub healed: AtomicBool,
    /// Nobody changes the membership any more.
    pub settled: AtomicBool,
    /// Clients that have not come to their end.
    pub at_work: AtomicU64,
    /// Nobody is to ask any more.
    pub closed: AtomicBool,
    /// If set, only members below this number are asked.
    pub members: AtomicU64,
    /// Leases that were granted last.
    leases: Mutex<Vec<i64>>,
}

/// One client.
pub struct Client {
    /// Its number.
    pub number: u64,
    /// What the seed wants.
    pub plan: Plan,
    /// Where it writes down what it sees.
    pub desk: Arc<Desk>,
}

/// Simulated time.
pub fn now_ms() -> u64 {
    turmoil::sim_elapsed().map_or(0, |time| time.as_millis() as u64)
}

impl Client {
    /// Asks until the desk is closed.
    pub async fn work(self) -> turmoil::Result {
        let mut hand = Hand::new(self.plan.seed ^ ((self.number + 1) << 40));
        while !self.desk.closed.load(Ordering::SeqCst) {
            let pause_ms = hand.random.random_range(0..=self.plan.pause_ms);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            let open = self.desk.members.load(Ordering::SeqCst) as usize;
            let member = hand.random.random_range(0..open.max(1));
            let asked = self.choose(&mut hand);
            let asked_ms = now_ms();
            let told = hand.ask(member, &asked).await;
            if told == Told::Unknown {
                hand.forget(member);
            }
            if let (Asked::Grant(id, _), Told::Lease(1..)) = (&asked, &told) {
                let mut leases = self.desk.leases.lock();
                leases.push(*id);
                let old = leases.len().saturating_sub(LEASES);
                leases.drain(..old);
            }
            // An answer that nobody has is only kept where something may have changed.
            if told == Told::Unknown && asked.reads() {
                continue;
            }
            if matches!(told, Told::Done(_, true)) {
                self.desk.written.fetch_add(1, Ordering::SeqCst);
            }
            self.desk.history.lock().push(Operation {
                asked_ms,
                told_ms: now_ms(),
                asked,
                told,
            });
        }
        self.desk.at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn choose(&self, hand: &mut Hand) -> Asked {
        hand.asked += 1;
        let key = format!("k{}", hand.random.random_range(0..self.plan.keys));
        let value = format!("c{}-{}", self.number, hand.asked);
        let chronicled = self.desk.chronicled.load(Ordering::SeqCst);
        match hand.random.random_range(0..40) {
            0..=1 if self.plan.leases => {
                let id = ((self.number as i64 + 1) << 32) + hand.asked as i64;
                Asked::Grant(id, hand.random.random_range(1..=4))
            }
            2..=6 if self.plan.leases => self.choose_leased(hand, key, value),
            7 if self.plan.compacts && chronicled > 1 => {
                Asked::Compact(hand.random.random_range(1..=chronicled))
            }
            8 | 9 if chronicled > 1 => Asked::Past(key, hand.random.random_range(1..=chronicled)),
            10..=13 => Asked::Delete(key),
            14..=20 => {
                let expected = hand.seen.get(&key).copied().unwrap_or(0);
                Asked::Swap(key, expected, value)
            }
            21..=26 => Asked::Read(key),
            27..=29 => Asked::ReadAny(key),
            _ => Asked::Put(key, value),
        }
    }

    fn choose_leased(&self, hand: &mut Hand, key: String, value: String) -> Asked {
        let lease = {
            let leases = self.desk.leases.lock();
            match leases.len() {
                0 => return Asked::Put(key, value),
                known => leases[hand.random.random_range(0..known)],
            }
        };
        match hand.random.random_range(0..6) {
            0..=2 => Asked::Lend(key, value, lease),
            3 | 4 => Asked::Renew(lease),
            _ => Asked::Revoke(lease),
        }
    }
}
