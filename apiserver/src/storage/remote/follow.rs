//! A watch over the network: one stream of its own for each.
//!
//! Nothing is read ahead of the reader but what fits into the connection's window, so a slow reader
//! makes the store wait, and the store keeps what it has to say in its own bounded way. A connection
//! that breaks ends the stream: whoever reads knows from where to go on, and whether it still can.

use super::super::kv::{Change, Changes, KvError, Stream, Watch};
use super::super::wire;
use super::endpoints::Connections;
use super::error::{Effect, error_of};
use futures::channel::mpsc;
use futures::{StreamExt, stream};
use keelson_proto::etcdserverpb::watch_client::WatchClient;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{WatchProgressRequest, WatchRequest, WatchResponse};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status, Streaming};

/// Requests that may wait to be sent: the first, and a question how far it is.
const REQUESTS: usize = 2;

/// Opens a watch at a member. Returns when the member has accepted it.
pub async fn open(
    member: &Connections,
    watch: &Watch,
) -> Result<Stream<Result<Changes, KvError>>, KvError> {
    let failed = |status: Status| error_of(&status, Effect::None);
    let (mut requests, receiver) = mpsc::channel(REQUESTS);
    let create = RequestUnion::CreateRequest(wire::watch_request(watch));
    ask(&mut requests, create);
    let mut request = Request::new(receiver);
    // A member that has lost the others ends the stream then, instead of being silent.
    request
        .metadata_mut()
        .insert("hasleader", AsciiMetadataValue::from_static("true"));
    let mut client = WatchClient::new(member.watches.clone()).max_decoding_message_size(usize::MAX);
    let mut responses = client.watch(request).await.map_err(failed)?.into_inner();
    let Some(first) = responses.message().await.map_err(failed)? else {
        return Err(ended());
    };
    if first.canceled {
        return Err(canceled_by(&first));
    }
    let following = Following {
        requests,
        responses,
        gathered: Gathered::default(),
        progress: watch.progress_every.map(|every| {
            let mut ticks = interval_at(Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }),
        over: false,
    };
    Ok(Box::pin(stream::unfold(
        following,
        |mut following| async move { Some((following.next().await?, following)) },
    )))
}

fn ask(requests: &mut mpsc::Sender<WatchRequest>, union: RequestUnion) {
    // Full: the same question waits to be sent already. Closed: the responses end, too, and say why.
    let _ = requests.try_send(WatchRequest {
        request_union: Some(union),
    });
}

fn ended() -> KvError {
    KvError::Unavailable("the store ended the stream of the watch".into())
}

fn canceled_by(response: &WatchResponse) -> KvError {
    let oldest = wire::count(response.compact_revision);
    wire::canceled(&response.cancel_reason, oldest)
}

struct Following {
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
    gathered: Gathered,
    progress: Option<Interval>,
    over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Result<Changes, KvError>> {
        if self.over {
            return None;
        }
        let outcome = loop {
            match self.message().await {
                Ok(message) => match self.gathered.take(message) {
                    Ok(None) => {}
                    Ok(Some(changes)) if self.is_wanted(&changes) => break Ok(changes),
                    Ok(Some(_)) => {}
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        self.over = outcome.is_err();
        Some(outcome)
    }

    /// The next message. Asks how far the stream is each time the interval has passed without one.
    async fn message(&mut self) -> Result<WatchResponse, KvError> {
        loop {
            let Some(progress) = &mut self.progress else {
                return answer(self.responses.next().await);
            };
            tokio::select! {
                biased;
                message = self.responses.next() => {
                    progress.reset();
                    return answer(message);
                }
                _ = progress.tick() => {
                    let question = RequestUnion::ProgressRequest(WatchProgressRequest {});
                    ask(&mut self.requests, question);
                }
            }
        }
    }

    /// Progress that nobody asked for is not passed on.
    fn is_wanted(&self, changes: &Changes) -> bool {
        self.progress.is_some() || !changes.changes.is_empty()
    }
}

fn answer(message: Option<Result<WatchResponse, Status>>) -> Result<WatchResponse, KvError> {
    match message {
        Some(Ok(message)) => Ok(message),
        Some(Err(status)) => Err(error_of(&status, Effect::None)),
        None => Err(ended()),
    }
}

/// Puts revisions together that came in pieces. Holds one revision at most, besides the message in hand.
#[derive(Default)]
struct Gathered {
    changes: Vec<Change>,
}

impl Gathered {
    /// Takes a message, and gives what is whole by now.
    fn take(&mut self, message: WatchResponse) -> Result<Option<Changes>, KvError> {
        if message.canceled {
            return Err(canceled_by(&message));
        }
        let changes = message.events.into_iter().filter_map(wire::change);
        self.changes.extend(changes);
        let Some(last) = self.changes.last().map(|change| change.now.mod_revision) else {
            let revision = wire::revision(message.header.as_ref());
            let is_progress = !message.created && !message.fragment && revision > 0;
            return Ok(is_progress.then_some(Changes {
                revision,
                changes: Vec::new(),
            }));
        };
        if !message.fragment {
            return Ok(Some(Changes {
                revision: last,
                changes: std::mem::take(&mut self.changes),
            }));
        }
        // More of the last revision may follow; all before it is whole.
        let begin = self
            .changes
            .partition_point(|change| change.now.mod_revision < last);
        let rest = self.changes.split_off(begin);
        let whole = std::mem::replace(&mut self.changes, rest);
        Ok(whole
            .last()
            .map(|change| change.now.mod_revision)
            .map(|revision| Changes {
                revision,
                changes: whole,
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::etcdserverpb::ResponseHeader;
    use keelson_proto::mvccpb::{Event, KeyValue};

    fn response(revisions: &[i64], fragment: bool) -> WatchResponse {
        let event = |revision: &i64| Event {
            kv: Some(KeyValue {
                key: "k".into(),
                mod_revision: *revision,
                ..KeyValue::default()
            }),
            ..Event::default()
        };
        WatchResponse {
            // A batch of history carries the present revision, however much more is to come.
            header: Some(ResponseHeader {
                revision: 100,
                ..ResponseHeader::default()
            }),
            events: revisions.iter().map(event).collect(),
            fragment,
            ..WatchResponse::default()
        }
    }

    /// What comes of some messages: the revision up to which it is, and those of the changes.
    fn gather(messages: Vec<WatchResponse>) -> Vec<(u64, Vec<u64>)> {
        let mut gathered = Gathered::default();
        messages
            .into_iter()
            .filter_map(|message| gathered.take(message).expect("not canceled"))
            .map(|changes| {
                let revisions = changes.changes.iter().map(|one| one.now.mod_revision);
                (changes.revision, revisions.collect())
            })
            .collect()
    }

    #[test]
    fn a_message_is_as_far_as_its_last_change() {
        assert_eq!(gather(vec![response(&[4, 5], false)]), [(5, vec![4, 5])]);
    }

    #[test]
    fn a_revision_in_pieces_comes_whole() {
        let pieces = vec![
            response(&[4], true),
            response(&[4, 4], true),
            response(&[4, 5], true),
            response(&[5], false),
        ];
        assert_eq!(gather(pieces), [(4, vec![4, 4, 4, 4]), (5, vec![5, 5])]);
    }

    #[test]
    fn the_last_piece_may_be_empty() {
        let pieces = vec![response(&[4], true), response(&[], false)];
        assert_eq!(gather(pieces), [(4, vec![4])]);
    }

    #[test]
    fn a_message_without_changes_is_progress_unless_it_says_that_the_watch_began() {
        assert_eq!(gather(vec![response(&[], false)]), [(100, vec![])]);
        let created = WatchResponse {
            created: true,
            ..response(&[], false)
        };
        assert!(gather(vec![created]).is_empty());
    }
}
