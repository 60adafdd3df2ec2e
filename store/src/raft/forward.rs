//! Batches on their way to the leader, when that is another member.
//!
//! One stream to the present leader, opened when first needed. Answers name the batch they are for.

use super::appender::Outcome;
use super::connection::{Caller, Connection};
use super::members::Directory;
use super::proposer::Leadership;
use crate::faults::failpoint;
use bytes::Bytes;
use futures::StreamExt;
use keelson_proto::peer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Batches that may wait for the stream; the proposer has fewer than that under way.
const STREAM_QUEUE_MAX: usize = 64;

/// The way to whoever leads.
pub struct Forwarder {
    caller: Caller,
    directory: Directory,
    stream: tokio::sync::Mutex<Option<(Leadership, Arc<Stream>)>>,
}

type Outcomes = Mutex<HashMap<u64, oneshot::Sender<Outcome>>>;

struct Stream {
    requests: mpsc::Sender<peer::ForwardRequest>,
    outcomes: Arc<Outcomes>,
    broken: Arc<AtomicBool>,
    sequence: std::sync::atomic::AtomicU64,
}

impl Forwarder {
    /// A forwarder that finds members' addresses in `directory`.
    pub fn new(caller: Caller, directory: Directory) -> Forwarder {
        Forwarder {
            caller,
            directory,
            stream: tokio::sync::Mutex::new(None),
        }
    }

    /// Sends an encoded `keelsonlogpb.Batch` to `leader`, for exactly its term.
    pub async fn send(&self, leader: Leadership, batch: Bytes) -> Outcome {
        let Some(stream) = self.stream_to(leader).await else {
            return Outcome::NotAppended;
        };
        let sequence = stream.sequence.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        stream.outcomes.lock().insert(sequence, sender);
        // The reader empties the table after it has set the flag, so whoever sees it unset here
        // after inserting is found by the reader.
        if stream.broken.load(Ordering::SeqCst) {
            stream.outcomes.lock().remove(&sequence);
            return Outcome::NotAppended;
        }
        let request = peer::ForwardRequest {
            sequence,
            batch,
            term: leader.term,
        };
        failpoint!("forward-before-send");
        if stream.requests.send(request).await.is_err() {
            stream.outcomes.lock().remove(&sequence);
            return Outcome::NotAppended;
        }
        receiver.await.unwrap_or(Outcome::Unknown)
    }

    async fn stream_to(&self, leader: Leadership) -> Option<Arc<Stream>> {
        let mut present = self.stream.lock().await;
        if let Some((to, stream)) = &*present
            && *to == leader
            && !stream.broken.load(Ordering::SeqCst)
        {
            return Some(Arc::clone(stream));
        }
        let node = self.directory.node(leader.member_id)?;
        let connection = Connection::new(self.caller.clone(), leader.member_id, &node);
        // Up to here nothing has been sent.
        let mut client = connection.client().await.ok()?;
        let (requests, receiver) = mpsc::channel(STREAM_QUEUE_MAX);
        let stream = Arc::new(Stream {
            requests,
            outcomes: Arc::default(),
            broken: Arc::default(),
            sequence: std::sync::atomic::AtomicU64::new(1),
        });
        let outcomes = Arc::clone(&stream.outcomes);
        let broken = Arc::clone(&stream.broken);
        tokio::spawn(async move {
            let request = connection.request(ReceiverStream::new(receiver));
            if let Ok(answers) = client.forward(request).await {
                let mut answers = answers.into_inner();
                while let Some(Ok(answer)) = answers.next().await {
                    if let Some(sender) = outcomes.lock().remove(&answer.sequence) {
                        let _ = sender.send(outcome(answer.outcome()));
                    }
                }
            }
            broken.store(true, Ordering::SeqCst);
            // Dropping a sender says "unknown".
            outcomes.lock().clear();
        });
        *present = Some((leader, Arc::clone(&stream)));
        Some(stream)
    }
}

fn outcome(answer: peer::forward_response::Outcome) -> Outcome {
    match answer {
        peer::forward_response::Outcome::Committed => Outcome::Committed,
        peer::forward_response::Outcome::NotAppended => Outcome::NotAppended,
        peer::forward_response::Outcome::Unknown => Outcome::Unknown,
        peer::forward_response::Outcome::TooMany => Outcome::TooMany,
    }
}
