use super::*;
use crate::event::{Event, EventBatch, Previous};
use crate::watch::{Feed, Options, Source};
use bytes::Bytes;
use futures::StreamExt;
use keelson_proto::etcdserverpb::{WatchCancelRequest, WatchCreateRequest, WatchProgressRequest};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// Longer than anything here takes; reaching it means something never happened.
const DEADLINE: Duration = Duration::from_secs(60);

struct Empty;

impl Source for Empty {
    fn revision(&self) -> Revision {
        1
    }

    fn compacted(&self) -> Revision {
        -1
    }

    fn history(&self, _: Revision, _: Revision, _: usize) -> Result<EventBatch, Error> {
        unreachable!("these tests read no history")
    }

    fn previous(&self, _: &Event) -> Option<Bytes> {
        None
    }
}

struct Headers;

impl HeaderSource for Headers {
    fn header(&self, revision: Revision) -> ResponseHeader {
        ResponseHeader {
            cluster_id: 11,
            member_id: 22,
            revision,
            raft_term: 33,
        }
    }
}

struct OnlyPublic;

impl WatchAccess for OnlyPublic {
    fn check(&self, _: &MetadataMap, key: &[u8], _: &[u8]) -> Result<(), Error> {
        let denied = || Error::Other(7, "etcdserver: permission denied".to_owned());
        key.starts_with(b"public").then_some(()).ok_or_else(denied)
    }
}

type Requests = UnboundedReceiverStream<Result<WatchRequest, Status>>;

struct Bench {
    feed: Feed,
    service: WatchService,
    leader: watch::Sender<bool>,
}

struct Client {
    requests: mpsc::UnboundedSender<Result<WatchRequest, Status>>,
    responses: Responses<Requests>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(Options::default())
    }

    fn with(options: Options) -> Bench {
        let feed = Feed::new(Arc::new(Empty), options);
        let (leader, has_leader) = watch::channel(true);
        let leadership = Leadership {
            has_leader,
            election_timeout: Duration::from_millis(5),
        };
        let (headers, access) = (Arc::new(Headers), Arc::new(OnlyPublic));
        let service = WatchService::new(feed.subscribe(), headers, access, leadership);
        Bench {
            feed,
            service,
            leader,
        }
    }

    fn open(&self, metadata: MetadataMap) -> Result<Client, Error> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let receiver = UnboundedReceiverStream::new(receiver);
        Ok(Client {
            requests,
            responses: self.service.open(receiver, metadata)?,
        })
    }

    fn put(&self, revision: Revision, key: &'static str) {
        let event = Event {
            revision,
            sub: 0,
            key: Bytes::from_static(key.as_bytes()),
            deleted: false,
            record: Bytes::from_static(b"\x0a\x01k"),
            previous: Previous::None,
        };
        self.feed.publish(Arc::new(EventBatch {
            events: vec![event],
            revision,
        }));
    }
}

impl Client {
    fn send(&self, request: RequestUnion) {
        let request_union = Some(request);
        self.requests
            .send(Ok(WatchRequest { request_union }))
            .unwrap();
    }

    fn create(&self, key: &'static str) {
        self.send(RequestUnion::CreateRequest(WatchCreateRequest {
            key: Bytes::from_static(key.as_bytes()),
            ..WatchCreateRequest::default()
        }));
    }

    async fn next(&mut self) -> Result<WatchResponse, Status> {
        self.responses.next().await.expect("the stream goes on")
    }
}

fn hasleader() -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("hasleader", "true".parse().unwrap());
    metadata
}

fn in_runtime(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        tokio::time::timeout(DEADLINE, test)
            .await
            .expect("the test ends in time");
    });
}

#[test]
fn a_stream_creates_delivers_reports_and_cancels() {
    in_runtime(async {
        let bench = Bench::new();
        let mut client = bench.open(MetadataMap::new()).unwrap();
        client.create("public");
        let created = client.next().await.unwrap();
        assert!(created.created);
        assert_eq!(created.header, Some(Headers.header(1)));
        bench.put(2, "public");
        let event = client.next().await.unwrap();
        assert_eq!(
            (event.events.len(), event.header),
            (1, Some(Headers.header(2)))
        );
        client.send(RequestUnion::ProgressRequest(WatchProgressRequest {}));
        assert_eq!(client.next().await.unwrap().watch_id, -1);
        client.send(RequestUnion::CancelRequest(WatchCancelRequest {
            watch_id: 0,
        }));
        assert!(client.next().await.unwrap().canceled);
    });
}

#[test]
fn s55_a_denied_watch_is_refused_and_the_stream_stays() {
    in_runtime(async {
        let bench = Bench::new();
        let mut client = bench.open(MetadataMap::new()).unwrap();
        client.create("secret");
        let refused = client.next().await.unwrap();
        assert!(refused.created && refused.canceled);
        assert_eq!(refused.watch_id, -1);
        assert_eq!(
            refused.cancel_reason,
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied"
        );
        client.create("public");
        assert!(!client.next().await.unwrap().canceled);
    });
}

#[test]
fn s72_only_streams_that_require_a_leader_end_without_one() {
    in_runtime(async {
        let bench = Bench::new();
        let mut strict = bench.open(hasleader()).unwrap();
        let mut easy = bench.open(MetadataMap::new()).unwrap();
        for client in [&mut strict, &mut easy] {
            client.create("public");
            assert!(client.next().await.unwrap().created);
        }
        bench.leader.send(false).unwrap();
        let status = strict.next().await.unwrap_err();
        assert_eq!(status.message(), Error::NoLeader.text());
        assert_eq!(status.code(), Code::Unavailable);
        assert!(strict.responses.next().await.is_none());
        assert_eq!(bench.open(hasleader()).err(), Some(Error::NoLeader));
        bench.put(2, "public");
        assert_eq!(easy.next().await.unwrap().events.len(), 1);
        bench.leader.send(true).unwrap();
        assert!(bench.open(hasleader()).is_ok());
    });
}

#[test]
fn s74_a_client_that_gives_up_is_recorded_as_canceled() {
    in_runtime(async {
        let bench = Bench::new();
        let mut client = bench.open(MetadataMap::new()).unwrap();
        client
            .requests
            .send(Err(Status::cancelled("reset")))
            .unwrap();
        let status = client.next().await.unwrap_err();
        assert_eq!(status.code(), Code::Cancelled);
        assert_eq!(status.message(), Error::WatchCanceled.text());
    });
}

#[test]
fn a_client_that_has_said_everything_still_receives() {
    in_runtime(async {
        let bench = Bench::new();
        let client = bench.open(MetadataMap::new()).unwrap();
        client.create("public");
        let mut responses = client.responses;
        drop(client.requests);
        assert!(responses.next().await.unwrap().unwrap().created);
        bench.put(2, "public");
        assert_eq!(responses.next().await.unwrap().unwrap().events.len(), 1);
    });
}

#[test]
fn more_requests_than_replies_fit_are_all_answered_in_the_end() {
    in_runtime(async {
        let bench = Bench::with(Options {
            replies_max: 3,
            ..Options::default()
        });
        let mut client = bench.open(MetadataMap::new()).unwrap();
        for _ in 0..500 {
            client.create("public");
        }
        for id in 0..500 {
            assert_eq!(client.next().await.unwrap().watch_id, id);
        }
    });
}

#[test]
fn a_message_above_the_limit_ends_the_stream_as_exhausted() {
    let decoder = Status::out_of_range("Error, decoded message length too large");
    assert_eq!(end_of(&decoder).code(), Code::ResourceExhausted);
}
