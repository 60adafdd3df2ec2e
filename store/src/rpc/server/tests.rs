use super::*;
use crate::limits::Limits;
use crate::metrics::FrontMetrics;
use crate::rpc::leash::Pace;
use crate::rpc::listen::{Dealer, bind};
use crate::rpc::tests::taker::{Taker, connect};
use crate::rpc::tests::wait_until;
use crate::rpc::{connection, range_stream};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest,
};
use keelson_proto::serving::kv_server::Kv;
use keelson_proto::serving::{DeleteRangeResponse, PutResponse, RangeResponse, TxnResponse};
use std::net::SocketAddr;
use tokio::sync::watch;

/// Takes every put and knows nothing else.
struct Sink;

type Answer<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl Kv for Sink {
    type RangeStreamStream = range_stream::Chunks;

    async fn put(&self, _: tonic::Request<PutRequest>) -> Answer<PutResponse> {
        Ok(tonic::Response::new(PutResponse::default()))
    }

    /// Knows two keys: one with a long answer, and one whose answer breaks off.
    async fn range(&self, request: tonic::Request<RangeRequest>) -> Answer<RangeResponse> {
        let long = RangeResponse {
            kvs: vec![vec![7; 64 * 1024].into(); 128],
            ..RangeResponse::default()
        };
        match &request.into_inner().key[..] {
            b"long" => Ok(long_answer::set_aside(long, Pace::of(&Limits::default()))),
            b"broken" => Ok(long_answer::tests::broken(1 << 20)),
            _ => Err(Error::Compacted.into()),
        }
    }

    /// Never ends by itself.
    async fn range_stream(
        &self,
        _: tonic::Request<RangeRequest>,
    ) -> Answer<Self::RangeStreamStream> {
        Ok(tonic::Response::new(Box::pin(futures::stream::pending())))
    }

    async fn delete_range(
        &self,
        _: tonic::Request<DeleteRangeRequest>,
    ) -> Answer<DeleteRangeResponse> {
        Err(Status::unimplemented(""))
    }

    async fn txn(&self, _: tonic::Request<TxnRequest>) -> Answer<TxnResponse> {
        Err(Status::unimplemented(""))
    }

    async fn compact(&self, _: tonic::Request<CompactionRequest>) -> Answer<CompactionResponse> {
        Err(Status::unimplemented(""))
    }
}

/// Services without a member behind them.
struct Stand {
    kv: KvServer<Sink>,
    counters: Arc<FrontMetrics>,
}

impl Serve for Stand {
    async fn answer<B>(&self, request: Request<B>, stop: &Stop) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError> + Send + 'static,
    {
        if !is_grpc(request.headers()) {
            return Response::new(Body::new(http_body_util::Full::from("plain")));
        }
        let id = MethodId::find(request.uri().path()).expect("a method");
        let call = Call::start(self.counters.clone(), id);
        let response = match self.kv.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        finish(call, id, response, || Box::pin(stopped(stop.clone())))
    }
}

/// A served port, and what is needed to look at it and end it.
struct Running {
    address: SocketAddr,
    counters: Arc<FrontMetrics>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

fn start() -> Running {
    let limits = Arc::new(Limits {
        max_request_bytes: 1024,
        ..Limits::default()
    });
    let counters = Arc::new(FrontMetrics::default());
    let stand = Stand {
        kv: KvServer::new(Sink).max_decoding_message_size(limits.max_message_bytes()),
        counters: counters.clone(),
    };
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = watch::channel(false);
    let (dealer, mut mailboxes) = Dealer::new(1, 100);
    tokio::spawn(dealer.accept(listener, stopped.clone()));
    let mailbox = mailboxes.remove(0);
    let (stand, connections) = (Arc::new(stand), counters.clone());
    let serving = connection::serve(stand, connections, limits, mailbox, stopped);
    Running {
        address,
        counters,
        stop,
        serving: tokio::spawn(serving),
    }
}

impl Running {
    async fn client(&self) -> KvClient<tonic::transport::Channel> {
        let client = KvClient::connect(format!("http://{}", self.address)).await;
        client.expect("it serves")
    }
}

fn put_of(bytes: usize) -> PutRequest {
    PutRequest {
        key: "a".into(),
        value: vec![0; bytes].into(),
        ..PutRequest::default()
    }
}

fn id(path: &str) -> MethodId {
    MethodId::find(path).expect("a method")
}

#[tokio::test]
async fn a_message_beyond_the_limit_of_grpc_is_resource_exhausted() {
    let running = start();
    let mut client = running.client().await;
    let limit = 1024 + 512 * 1024;
    let status = client.put(put_of(limit)).await.expect_err("too large");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let text = status.message();
    assert!(
        text.starts_with("grpc: received message larger than max ("),
        "{text}"
    );
    assert!(text.ends_with(&format!(" vs. {limit})")), "{text}");
    let counted = |code| {
        running
            .counters
            .handled_count(id("/etcdserverpb.KV/Put"), code)
    };
    assert_eq!(counted(Code::ResourceExhausted), 1);
    assert_eq!(counted(Code::OutOfRange), 0);
    client.put(put_of(limit - 100)).await.expect("fits");
    assert_eq!(counted(Code::Ok), 1);
}

#[tokio::test]
async fn an_error_of_the_store_keeps_its_code_and_text() {
    let running = start();
    let outcome = running.client().await.range(RangeRequest::default()).await;
    let status = outcome.expect_err("compacted");
    assert_eq!(Error::from_status(&status), Error::Compacted);
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn stopping_ends_open_streams_with_the_reason_and_then_the_front() {
    let running = start();
    let mut client = running.client().await;
    let answer = client.range_stream(RangeRequest::default()).await;
    let mut stream = answer.expect("opened").into_inner();
    running.stop.send(true).expect("serving");
    let status = stream.message().await.expect_err("stopped");
    assert_eq!(Error::from_status(&status), Error::Stopped);
    running.serving.await.expect("no panic");
    let streams = id("/etcdserverpb.KV/RangeStream");
    assert_eq!(
        running.counters.handled_count(streams, Code::Unavailable),
        1
    );
}

const RANGE: &str = "/etcdserverpb.KV/Range";

impl Running {
    /// How many ranges ended so.
    fn ranges(&self, code: Code) -> u64 {
        self.counters.handled_count(id(RANGE), code)
    }

    /// Asks for this key and takes the first of the answer.
    async fn begin_range(&self, key: &'static str) -> Taker {
        let request = RangeRequest {
            key: key.into(),
            ..RangeRequest::default()
        };
        let channel = connect(self.address).await;
        let mut taker = Taker::call(&channel, RANGE, &request).await;
        assert!(taker.take().await, "it begins");
        taker
    }
}

#[tokio::test]
async fn a_long_answer_counts_when_it_is_over() {
    let running = start();
    let mut taker = running.begin_range("long").await;
    assert_eq!(running.ranges(Code::Ok), 0, "most of it is to come");
    assert_eq!(taker.end().await.code(), Code::Ok);
    assert_eq!(running.ranges(Code::Ok), 1);
}

#[tokio::test]
async fn a_long_answer_that_breaks_off_tells_the_reason_and_counts_as_that() {
    let running = start();
    let status = running.begin_range("broken").await.end().await;
    assert_eq!(Error::from_status(&status), Error::Stopped);
    assert_eq!(running.ranges(Code::Unavailable), 1);
    assert_eq!(running.ranges(Code::Ok), 0);
    // A client that decodes messages hears the same.
    let request = RangeRequest {
        key: "broken".into(),
        ..RangeRequest::default()
    };
    let outcome = running.client().await.range(request).await;
    let status = outcome.expect_err("half an answer");
    assert_eq!(Error::from_status(&status), Error::Stopped);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_long_answer_counts_as_canceled() {
    let running = start();
    drop(running.begin_range("long").await);
    wait_until("the member has heard of it", || async {
        running.ranges(Code::Cancelled) == 1
    })
    .await;
    assert_eq!(running.ranges(Code::Ok), 0);
}

#[tokio::test]
async fn http_1_is_answered_on_the_same_port() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let running = start();
    let mut socket = tokio::net::TcpStream::connect(running.address)
        .await
        .expect("it serves");
    let request = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("plain"), "{answer}");
}

#[test]
fn learners_and_leaderless_members_refuse_what_they_must() {
    let put = id("/etcdserverpb.KV/Put");
    let status = id("/etcdserverpb.Maintenance/Status");
    let learner = Progress {
        is_learner: true,
        leader: Some(1),
        ..Progress::default()
    };
    assert_eq!(
        admit(put, false, &learner),
        Err(Error::NotSupportedForLearner)
    );
    assert_eq!(admit(status, false, &learner), Ok(()));
    let cut_off = Progress::default();
    assert_eq!(admit(put, true, &cut_off), Err(Error::NoLeader));
    assert_eq!(admit(put, false, &cut_off), Ok(()));
}

#[test]
fn a_client_version_that_is_not_text_is_refused() {
    let outcome = |version: &[u8]| {
        let mut headers = HeaderMap::new();
        let version = ::http::HeaderValue::from_bytes(version).expect("a value");
        headers.insert("client-api-version", version);
        check_metadata(&headers)
    };
    assert_eq!(outcome(b"3.7.0"), Ok(()));
    assert_eq!(outcome(b"\xff"), Err(Error::InvalidClientApiVersion));
    assert_eq!(check_metadata(&HeaderMap::new()), Ok(()));
}

#[test]
fn what_is_not_served_is_unimplemented() {
    let text = |path| {
        let response = unknown(path);
        let status = Status::from_header_map(response.headers()).expect("a status");
        assert_eq!(status.code(), Code::Unimplemented);
        status.message().to_owned()
    };
    let method = "unknown method Nothing for service etcdserverpb.KV";
    assert_eq!(text("/etcdserverpb.KV/Nothing"), method);
    assert_eq!(text("/a.Service/Nothing"), "unknown service a.Service");
}

#[test]
fn grpc_is_known_by_its_content_type() {
    let with = |kind: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().expect("a value"));
        is_grpc(&headers)
    };
    assert!(with("application/grpc"));
    assert!(with("application/grpc+proto"));
    assert!(!with("application/json"));
    assert!(!is_grpc(&HeaderMap::new()));
}
