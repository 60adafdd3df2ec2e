//! Puts batches into the log while this member leads.
//!
//! Batches of this member and of its followers meet here. While a few entries are on their way, the
//! next batches collect and become one entry: the busier the member, the larger the entries, without
//! a timer. One entry carries any number of commands; each still gets its own revision when applied.

use super::types::{LeaderId, Proposal, Raft, TypeConfig};
use crate::MemberId;
use crate::faults::failpoint;
use bytes::{BufMut, Bytes, BytesMut};
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Entries under way at once. More makes smaller entries; fewer leaves the disk idle.
const ENTRIES_UNDER_WAY: usize = 4;

/// An entry is closed when it has this many bytes. A single batch may be larger.
const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Batches that may wait. A member has a handful under way, so this is never reached in health.
const WAITING_MAX: usize = 1024;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log for good. The origin's own apply answers.
    Committed,
    /// It is not in the log, and never will be through this attempt.
    NotAppended,
    /// Nobody knows yet. What a leader did not get committed in its own term is settled once an
    /// entry of a later term is applied.
    Unknown,
    /// The queue is full. Not in the log.
    TooMany,
}

pub(super) struct Waiting {
    /// Encoded `keelsonlogpb.Batch`.
    pub(super) batch: Bytes,
    pub(super) term: u64,
    pub(super) done: oneshot::Sender<Outcome>,
}

/// The way into the log.
#[derive(Clone)]
pub struct Appender {
    queue: mpsc::Sender<Waiting>,
}

impl Appender {
    /// Starts the appender on the present runtime.
    pub fn start(raft: Raft, member_id: MemberId) -> Appender {
        let (queue, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(run(raft, member_id, receiver));
        Appender { queue }
    }

    /// An appender whose batches go to whoever plays the log.
    #[cfg(test)]
    pub(super) fn fake() -> (Appender, mpsc::Receiver<Waiting>) {
        let (queue, receiver) = mpsc::channel(WAITING_MAX);
        (Appender { queue }, receiver)
    }

    /// Queues an encoded `keelsonlogpb.Batch` to be appended by this member as leader of `term`, and
    /// in no other term.
    pub fn submit(&self, batch: Bytes, term: u64) -> impl Future<Output = Outcome> + use<> {
        let (done, receiver) = oneshot::channel();
        let queued = self.queue.try_send(Waiting { batch, term, done });
        async move {
            match queued {
                Ok(()) => receiver.await.unwrap_or(Outcome::Unknown),
                Err(mpsc::error::TrySendError::Full(_)) => Outcome::TooMany,
                Err(mpsc::error::TrySendError::Closed(_)) => Outcome::NotAppended,
            }
        }
    }
}

async fn run(raft: Raft, member_id: MemberId, mut queue: mpsc::Receiver<Waiting>) {
    let under_way = Arc::new(Semaphore::new(ENTRIES_UNDER_WAY));
    let mut first: Option<Waiting> = None;
    loop {
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else {
            return;
        };
        let start = match first.take() {
            Some(waiting) => waiting,
            None => match queue.recv().await {
                Some(waiting) => waiting,
                None => return,
            },
        };
        let term = start.term;
        let mut bytes = start.batch.len();
        let mut batches = vec![start];
        while bytes < ENTRY_BYTES_MAX {
            match queue.try_recv() {
                Ok(next) if next.term == term => {
                    bytes += next.batch.len();
                    batches.push(next);
                }
                Ok(other) => {
                    first = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let payload = join(&batches, bytes);
        let done: Vec<_> = batches.into_iter().map(|waiting| waiting.done).collect();
        let raft = raft.clone();
        tokio::spawn(async move {
            let outcome = append(&raft, payload, term, member_id).await;
            drop(permit);
            for sender in done {
                let _ = sender.send(outcome);
            }
        });
    }
}

/// An encoded `keelsonlogpb.Payload` of these batches: each is one length-delimited field 1.
fn join(batches: &[Waiting], bytes: usize) -> Bytes {
    let mut payload = BytesMut::with_capacity(bytes + 8 * batches.len());
    for waiting in batches {
        payload.put_u8(0x0a);
        prost::encoding::encode_varint(waiting.batch.len() as u64, &mut payload);
        payload.put_slice(&waiting.batch);
    }
    payload.freeze()
}

async fn append(raft: &Raft, payload: Bytes, term: u64, node_id: MemberId) -> Outcome {
    let (responder, completed) = ProgressResponder::<TypeConfig, _>::complete_only();
    failpoint!("propose-before-write");
    let write = raft
        .write(Proposal(payload))
        .responder(responder)
        .with_leader(LeaderId { term, node_id });
    if write.await.is_err() {
        // The core has stopped without looking at the message.
        return Outcome::NotAppended;
    }
    match completed.await {
        Ok(Ok(_)) => {
            failpoint!("propose-committed");
            Outcome::Committed
        }
        Ok(Err(ClientWriteError::ForwardToLeader(_))) => Outcome::NotAppended,
        Ok(Err(_)) | Err(_) => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::log;
    use prost::Message;

    #[test]
    fn joined_batches_decode_as_one_payload() {
        let batch = |origin| log::Batch {
            origin,
            incarnation: 7,
            requests: vec![1, 2],
            commands: vec![Bytes::from(vec![1; 300])],
        };
        let waiting: Vec<_> = [3, 4]
            .into_iter()
            .map(|origin| Waiting {
                batch: batch(origin).encode_to_vec().into(),
                term: 1,
                done: oneshot::channel().0,
            })
            .collect();
        let payload = log::Payload::decode(join(&waiting, 0)).expect("valid protobuf");
        assert_eq!(payload.batches, vec![batch(3), batch(4)]);
    }
}
