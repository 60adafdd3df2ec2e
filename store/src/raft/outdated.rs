//! Requests that a replication stream goes on with although the leader has given them up.
//!
//! After a failure openraft may take up what it was to send before, when meanwhile it was decided that the
//! member gets a snapshot instead; nothing keeps those entries from being purged then. Reading them would
//! end the whole member. So the log answers that there are none ([`super::log_store`]), which openraft sends
//! as a request without entries; and since it would do so for ever, the stream ends with an error at the
//! second one. Then it is decided anew what that member needs.

use super::types::{LogId, TypeConfig};
use futures::{Stream, StreamExt};
use openraft::raft::AppendEntriesRequest;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

type Append = AppendEntriesRequest<TypeConfig>;

/// Whether a stream of requests ended because they were outdated.
#[derive(Clone, Default)]
pub struct Outdated(Arc<AtomicBool>);

impl Outdated {
    /// It did.
    pub fn is_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same requests up to the first that has nothing to say: no entries, as the one before it, after the
    /// same log id, and nothing more is committed.
    pub fn cut<S>(&self, requests: S) -> impl Stream<Item = Append> + Send + Unpin + use<S>
    where
        S: Stream<Item = Append> + Send + Unpin,
    {
        let seen = Arc::clone(&self.0);
        let mut before: Option<(Option<LogId>, Option<LogId>)> = None;
        requests.take_while(move |request| {
            let empty = request.entries.is_empty();
            let now = empty.then_some((request.prev_log_id, request.leader_commit));
            let is_outdated = now.is_some() && now == before;
            before = now;
            if is_outdated {
                seen.store(true, Ordering::Relaxed);
            }
            ready(!is_outdated)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{Entry, Vote};
    use super::*;
    use openraft::EntryPayload;

    fn id(index: u64) -> Option<LogId> {
        let leader = openraft::vote::leader_id_adv::LeaderId {
            term: 1,
            node_id: 1,
        };
        Some(LogId::new(leader, index))
    }

    fn request(prev: u64, commit: u64, entries: u64) -> Append {
        let entry = |index| Entry {
            log_id: id(index).unwrap(),
            payload: EntryPayload::Blank,
        };
        Append {
            vote: Vote::new_committed(1, 1),
            prev_log_id: id(prev),
            leader_commit: id(commit),
            entries: (prev + 1..=prev + entries).map(entry).collect(),
        }
    }

    async fn left(requests: Vec<Append>) -> (usize, bool) {
        let outdated = Outdated::default();
        let left = outdated.cut(futures::stream::iter(requests)).count().await;
        (left, outdated.is_seen())
    }

    #[tokio::test]
    async fn a_stream_that_says_nothing_twice_ends() {
        let requests = vec![request(3, 9, 2), request(5, 9, 0), request(5, 9, 0)];
        assert_eq!(left(requests).await, (2, true));
    }

    #[tokio::test]
    async fn a_stream_that_tells_what_is_committed_goes_on() {
        let requests = vec![
            request(3, 3, 2),
            request(5, 4, 0),
            request(5, 5, 0),
            request(5, 5, 1),
            request(6, 5, 0),
        ];
        assert_eq!(left(requests).await, (5, false));
    }
}
