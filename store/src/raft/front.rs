//! The fronts: runtimes that own client connections, and what waits there.
//!
//! A request that entered the log is answered by this member's own apply. Waking a task from another
//! thread costs about as much as the rest of a request, so apply never wakes requests: it puts all
//! replies of a run into the front's mailbox and wakes one *dispatcher* in that runtime, which hands
//! them out by cheap wakes of its own thread. Reads that wait for a read index work the same way.

use crate::Error;
use crate::faults::{Plant, failpoint, planted};
use crate::reply::Reply;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Notify, oneshot};

/// Request ids carry their front in the upper bits.
const FRONT_SHIFT: u32 = 48;

type Answer = Result<Reply, Error>;

/// Request ids are consecutive numbers: they need no hashing.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, id: u64) {
        // Spread the low bits upwards: the table looks at the upper seven.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type IdMap<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// One front's waiting requests.
pub struct Front {
    number: usize,
    next_request: AtomicU64,
    /// Requests that were proposed and not yet answered. Apply removes an entry in the same moment
    /// in which it has the answer, so "still pending" means "not applied here".
    pending: Mutex<IdMap<oneshot::Sender<Answer>>>,
    mailbox: Mutex<Vec<(oneshot::Sender<Answer>, Answer)>>,
    reads: Mutex<Reads>,
    reads_waiting: AtomicUsize,
    wake: Notify,
}

#[derive(Default)]
struct Reads {
    /// Came after the present round began; they go with the next.
    next: Vec<oneshot::Sender<()>>,
    /// Belong to the round under way.
    round: Vec<oneshot::Sender<()>>,
    round_under_way: bool,
    /// The index the finished rounds must see applied, oldest first.
    ready_at: Vec<(u64, Vec<oneshot::Sender<()>>)>,
}

/// A registered request. Dropping it gives the request up: its answer, if one comes, goes nowhere.
pub struct Registered<'a> {
    front: &'a Front,
    /// The id that travels with the command.
    pub id: u64,
    /// Resolves with the answer.
    pub answer: oneshot::Receiver<Answer>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.front.pending.lock().remove(&self.id);
    }
}

impl Front {
    fn new(number: usize) -> Front {
        Front {
            number,
            next_request: AtomicU64::new(1),
            pending: Mutex::default(),
            mailbox: Mutex::default(),
            reads: Mutex::default(),
            reads_waiting: AtomicUsize::new(0),
            wake: Notify::new(),
        }
    }

    /// Makes a request known before it is proposed.
    pub fn register(&self) -> Registered<'_> {
        let counter = self.next_request.fetch_add(1, Ordering::Relaxed);
        let id = ((self.number as u64) << FRONT_SHIFT) | counter;
        let (sender, answer) = oneshot::channel();
        self.pending.lock().insert(id, sender);
        Registered {
            front: self,
            id,
            answer,
        }
    }

    /// Joins the next round of read-index requests. The flag says that the caller must start it.
    pub fn join_read(&self) -> (oneshot::Receiver<()>, bool) {
        let (sender, receiver) = oneshot::channel();
        let mut reads = self.reads.lock();
        if planted(Plant::ReadJoinsAskedRound) && reads.round_under_way {
            reads.round.push(sender);
            return (receiver, false);
        }
        reads.next.push(sender);
        let start = !reads.round_under_way;
        if start {
            reads.begin_round();
        }
        (receiver, start)
    }

    /// The round's answer: every read of it may proceed once `index` is applied. Returns whether
    /// another round has begun and must be sent.
    pub fn finish_round(&self, index: u64) -> bool {
        let again = {
            let mut reads = self.reads.lock();
            let round = std::mem::take(&mut reads.round);
            reads.ready_at.push((index, round));
            self.reads_waiting
                .store(reads.ready_at.len(), Ordering::SeqCst);
            reads.round_under_way = false;
            if reads.next.is_empty() {
                false
            } else {
                reads.begin_round();
                true
            }
        };
        self.wake.notify_one();
        again
    }

    /// Hands out answers and finished reads for as long as the member runs. One per front, in the
    /// front's own runtime.
    pub async fn dispatch(&self, applied: &AtomicU64, stopped: &AtomicBool) {
        let mut answers = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            std::mem::swap(&mut answers, &mut *self.mailbox.lock());
            for (sender, answer) in answers.drain(..) {
                // The requester may have gone; then nobody wants to know.
                let _ = sender.send(answer);
            }
            self.release_reads(applied);
            self.wake.notified().await;
        }
    }

    fn release_reads(&self, applied: &AtomicU64) {
        if self.reads_waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut released = Vec::new();
        {
            let mut reads = self.reads.lock();
            let applied = applied.load(Ordering::SeqCst);
            let mut index = 0;
            while index < reads.ready_at.len() {
                if reads.ready_at[index].0 <= applied || planted(Plant::ReadBeforeApplied) {
                    released.append(&mut reads.ready_at.swap_remove(index).1);
                } else {
                    failpoint!("read-waits");
                    index += 1;
                }
            }
            self.reads_waiting
                .store(reads.ready_at.len(), Ordering::SeqCst);
        }
        for sender in released {
            let _ = sender.send(());
        }
    }
}

impl Reads {
    fn begin_round(&mut self) {
        self.round_under_way = true;
        self.round = std::mem::take(&mut self.next);
    }
}

/// All fronts of a member.
pub struct Fronts {
    fronts: Vec<Arc<Front>>,
}

impl Fronts {
    /// `count` fronts, numbered from zero.
    pub fn new(count: usize) -> Fronts {
        Fronts {
            fronts: (0..count)
                .map(|number| Arc::new(Front::new(number)))
                .collect(),
        }
    }

    /// One front.
    pub fn get(&self, number: usize) -> &Arc<Front> {
        &self.fronts[number % self.fronts.len()]
    }

    fn of_request(&self, id: u64) -> Option<&Arc<Front>> {
        self.fronts.get((id >> FRONT_SHIFT) as usize)
    }

    /// Whether the request still waits: not answered, not applied here, not given up.
    pub fn is_pending(&self, id: u64) -> bool {
        self.of_request(id)
            .is_some_and(|front| front.pending.lock().contains_key(&id))
    }

    /// Takes the replies of one applied run, wakes each concerned front once, and lets reads go
    /// that waited for what has now been applied (the caller has published it).
    pub fn deliver(&self, replies: Vec<(u64, Answer)>) {
        let mut concerned = vec![false; self.fronts.len()];
        let mut replies = replies.into_iter().peekable();
        // Replies come in batches of one front; take the locks once for each stretch.
        while let Some((id, _)) = replies.peek() {
            let number = (id >> FRONT_SHIFT) as usize;
            let Some(front) = self.fronts.get(number) else {
                replies.next();
                continue;
            };
            concerned[number] = true;
            let mut pending = front.pending.lock();
            let mut mailbox = front.mailbox.lock();
            while let Some((id, answer)) =
                replies.next_if(|(id, _)| (*id >> FRONT_SHIFT) as usize == number)
            {
                if let Some(sender) = pending.remove(&id) {
                    mailbox.push((sender, answer));
                }
            }
        }
        for (front, concerned) in self.fronts.iter().zip(concerned) {
            if concerned || front.reads_waiting.load(Ordering::SeqCst) > 0 {
                front.wake.notify_one();
            }
        }
    }

    /// Answers one request from outside apply.
    pub fn answer(&self, id: u64, answer: Answer) {
        self.deliver(vec![(id, answer)]);
    }

    /// Answers everything that waits. For when nobody can know any more what became of it.
    pub fn answer_all(&self, error: &Error) {
        for front in &self.fronts {
            let waiting = std::mem::take(&mut *front.pending.lock());
            front.mailbox.lock().extend(
                waiting
                    .into_values()
                    .map(|sender| (sender, Err(error.clone()))),
            );
            front.wake.notify_one();
        }
    }

    /// Wakes every dispatcher, to make it look whether it should stop.
    pub fn wake_all(&self) {
        for front in &self.fronts {
            front.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applied_request_is_no_longer_pending_when_its_answer_is_in_the_mailbox() {
        let fronts = Fronts::new(2);
        let front = fronts.get(1);
        let request = front.register();
        assert!(fronts.is_pending(request.id));
        fronts.deliver(vec![(request.id, Ok(Reply::Done(7)))]);
        assert!(!fronts.is_pending(request.id));
        assert_eq!(front.mailbox.lock().len(), 1);
    }

    #[test]
    fn a_request_given_up_is_not_pending_and_its_answer_goes_nowhere() {
        let fronts = Fronts::new(1);
        let id = fronts.get(0).register().id;
        assert!(!fronts.is_pending(id));
        fronts.answer(id, Ok(Reply::Done(1)));
        assert!(fronts.get(0).mailbox.lock().is_empty());
    }

    #[test]
    fn a_read_that_comes_during_a_round_waits_for_the_next_one() {
        let fronts = Fronts::new(1);
        let front = fronts.get(0);
        let applied = AtomicU64::new(10);
        let (mut first, starts) = front.join_read();
        assert!(starts);
        let (mut second, starts) = front.join_read();
        assert!(!starts);
        assert!(front.finish_round(10), "a second round has begun");
        front.release_reads(&applied);
        assert!(first.try_recv().is_ok());
        assert!(second.try_recv().is_err());
        assert!(!front.finish_round(11));
        front.release_reads(&applied);
        assert!(second.try_recv().is_err(), "index 11 is not applied");
        applied.store(11, Ordering::SeqCst);
        front.release_reads(&applied);
        assert!(second.try_recv().is_ok());
    }
}
