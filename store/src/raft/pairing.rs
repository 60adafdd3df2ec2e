//! An answer of a follower counts for its own request, and for no later one.
//!
//! openraft notes for each request of a replication stream when it was handed out, and takes an answer that matches
//! the log up to some entry for an answer to *all* requests that end there or before. A request without entries,
//! which tells what is committed, ends where the one before it ended. So the answer to the first of the two is
//! taken for one to the second, and the moment at which the second was handed out for a moment at which the follower
//! still followed. That is wrong, and it is what ReadIndex rests on: a leader that was paused finds old answers in
//! its sockets when it goes on, hands out a request, takes the old answer for one to it, and reads what another
//! leader has replaced long ago.
//!
//! Here answers are passed on only if no request is on its way that they would be taken for. Its own answer follows,
//! in order, and says the same. While openraft looks at an answer it gets no request out of its hands.

use super::types::{LogId, RpcError, TypeConfig};
use crate::faults::{Plant, planted};
use futures::Stream;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

type Append = AppendEntriesRequest<TypeConfig>;
type Answer = Result<StreamAppendResult<TypeConfig>, RpcError>;

/// One stream of requests and the one of their answers.
#[derive(Clone, Default)]
pub struct Pairing(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Where the requests end that are not answered, oldest first.
    open: VecDeque<Option<LogId>>,
    /// openraft has an answer, and has not asked for the next one.
    is_in_hand: bool,
    /// Who wanted to hand out a request meanwhile.
    waiting: Option<Waker>,
}

impl Pairing {
    /// The same requests, noted.
    pub fn requests<S>(&self, inner: S) -> Requests<S> {
        let pairing = self.clone();
        Requests { pairing, inner }
    }

    /// The answers that are passed on.
    pub fn answers<S>(&self, inner: S) -> Answers<S> {
        let pairing = self.clone();
        Answers { pairing, inner }
    }

    /// The answer before is dealt with.
    fn release(&self) {
        let mut state = self.0.lock();
        state.is_in_hand = false;
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }

    /// Whether an answer is passed on.
    fn hand_over(&self, answer: &Answer) -> bool {
        let mut state = self.0.lock();
        state.open.pop_front();
        if let Ok(Ok(matched)) = answer
            && !planted(Plant::AnswerCountsForLater)
            && state.open.iter().any(|end| end <= matched)
        {
            return false;
        }
        state.is_in_hand = true;
        true
    }
}

/// See [`Pairing::requests`].
pub struct Requests<S> {
    pairing: Pairing,
    inner: S,
}

impl<S: Stream<Item = Append> + Unpin> Stream for Requests<S> {
    type Item = Append;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Append>> {
        let pairing = self.pairing.clone();
        // Held while openraft hands out a request, so that it is noted here as soon as there.
        let mut state = pairing.0.lock();
        if state.is_in_hand {
            state.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let request = ready!(Pin::new(&mut self.inner).poll_next(context));
        if let Some(request) = &request {
            let last = request.entries.last().map(|entry| entry.log_id);
            state.open.push_back(last.or(request.prev_log_id));
        }
        Poll::Ready(request)
    }
}

/// See [`Pairing::answers`].
pub struct Answers<S> {
    pairing: Pairing,
    inner: S,
}

impl<S: Stream<Item = Answer> + Unpin> Stream for Answers<S> {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        self.pairing.release();
        loop {
            let answer = ready!(Pin::new(&mut self.inner).poll_next(context));
            match answer {
                Some(answer) if !self.pairing.hand_over(&answer) => {}
                answer => return Poll::Ready(answer),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{Entry, Vote};
    use super::*;
    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use futures::{FutureExt, StreamExt};
    use openraft::EntryPayload;

    fn id(index: u64) -> Option<LogId> {
        let leader = openraft::vote::leader_id_adv::LeaderId {
            term: 1,
            node_id: 1,
        };
        Some(LogId::new(leader, index))
    }

    fn request(prev: u64, entries: u64) -> Append {
        let entry = |index| Entry {
            log_id: id(index).unwrap(),
            payload: EntryPayload::Blank,
        };
        Append {
            vote: Vote::new_committed(1, 1),
            prev_log_id: id(prev),
            leader_commit: id(prev),
            entries: (prev + 1..=prev + entries).map(entry).collect(),
        }
    }

    type Ends = (
        UnboundedSender<Append>,
        Box<dyn Stream<Item = Append> + Unpin>,
        UnboundedSender<Answer>,
        Box<dyn Stream<Item = Answer> + Unpin>,
    );

    fn paired() -> Ends {
        let pairing = Pairing::default();
        let (ask, asked) = unbounded();
        let (answer, answered) = unbounded();
        let requests = pairing.requests(asked);
        let answers = pairing.answers(answered);
        (ask, Box::new(requests), answer, Box::new(answers))
    }

    fn matched(answer: Option<Option<Answer>>) -> Option<u64> {
        match answer {
            Some(Some(Ok(Ok(matched)))) => matched.map(|id| id.index),
            _ => None,
        }
    }

    #[test]
    fn an_answer_does_not_count_for_a_later_request_that_ends_where_its_own_does() {
        let (ask, mut requests, answer, mut answers) = paired();
        for one in [request(3, 2), request(5, 0)] {
            ask.unbounded_send(one).unwrap();
            assert!(requests.next().now_or_never().is_some());
        }
        answer.unbounded_send(Ok(Ok(id(5)))).unwrap();
        assert!(answers.next().now_or_never().is_none(), "it waits");
        answer.unbounded_send(Ok(Ok(id(5)))).unwrap();
        assert_eq!(matched(answers.next().now_or_never()), Some(5));
    }

    #[test]
    fn an_answer_does_not_wait_for_requests_that_end_later() {
        let (ask, mut requests, answer, mut answers) = paired();
        for one in [request(3, 2), request(5, 1), request(6, 0)] {
            ask.unbounded_send(one).unwrap();
            assert!(requests.next().now_or_never().is_some());
        }
        answer.unbounded_send(Ok(Ok(id(5)))).unwrap();
        assert_eq!(matched(answers.next().now_or_never()), Some(5));
    }

    #[test]
    fn no_request_is_handed_out_while_an_answer_is_looked_at() {
        let (ask, mut requests, answer, mut answers) = paired();
        ask.unbounded_send(request(3, 2)).unwrap();
        assert!(requests.next().now_or_never().is_some());
        answer.unbounded_send(Ok(Ok(id(5)))).unwrap();
        assert_eq!(matched(answers.next().now_or_never()), Some(5));
        ask.unbounded_send(request(5, 0)).unwrap();
        assert!(requests.next().now_or_never().is_none(), "not yet");
        assert!(answers.next().now_or_never().is_none(), "none is there");
        assert!(requests.next().now_or_never().is_some(), "now");
    }

    #[test]
    fn a_refusal_is_passed_on_whatever_is_on_its_way() {
        let (ask, mut requests, answer, mut answers) = paired();
        for one in [request(3, 0), request(3, 0)] {
            ask.unbounded_send(one).unwrap();
            assert!(requests.next().now_or_never().is_some());
        }
        let refusal = openraft::raft::StreamAppendError::HigherVote(Vote::new(2, 2));
        answer.unbounded_send(Ok(Err(refusal))).unwrap();
        let passed = answers.next().now_or_never();
        assert!(matches!(passed, Some(Some(Ok(Err(_))))));
    }
}
