//! Followers that are played, so that a test decides what the leader, a real one, hears from them.

use super::super::test_member::{eventually, options};
use super::*;
use futures::StreamExt;
use keelson_proto::etcdserverpb::{self as etcd, PutRequest};
use keelson_proto::log::{Command, command::Operation};
use keelson_proto::peer::{
    self, AppendRequest, AppendResponse, append_response::Matched, append_response::Outcome,
    peer_server::Peer, peer_server::PeerServer,
};
use parking_lot::Mutex;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

type Answers<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Status>> + Send>>;

/// Of the leader. Without an answer for so long its lease is over.
pub(super) const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// However many there were.
const ALL: usize = usize::MAX;

/// A follower that grants every vote, and answers the leader as long as it may.
#[derive(Clone, Default)]
pub(super) struct Follower(Arc<Mutex<Played>>);

#[derive(Default)]
struct Played {
    /// How many requests of streams of before the pause are answered after it.
    answered: watch::Sender<usize>,
    is_paused: bool,
    /// A stream has brought entries, and later others.
    flows: bool,
    /// Requests on such streams since, and whether one had entries.
    asked: usize,
    has_entry: bool,
    /// How many of them there were when the test began what it is about: a read, a list, a change.
    before: usize,
    /// The leader was removed from the group, as this follower knows.
    knows_removal: bool,
    /// Streams that have begun since. Nobody answers on them until everything is answered again.
    since: usize,
}

impl Follower {
    /// From now on nothing is answered but what [`Follower::answer`] allows.
    pub(super) fn pause(&self) {
        self.0.lock().is_paused = true;
    }

    /// Everything is answered again.
    pub(super) fn go_on(&self) {
        let mut played = self.0.lock();
        played.is_paused = false;
        played.answered.send_replace(ALL);
    }

    /// From now on it refuses the leader as one that was removed. Streams that are there stay.
    pub(super) fn know_removal(&self) {
        self.0.lock().knows_removal = true;
    }

    /// What it has been asked for by now is from before what the test is about.
    pub(super) fn mark(&self) {
        let mut played = self.0.lock();
        played.before = played.asked;
    }

    /// Everything from before the mark is answered, and nothing after that.
    pub(super) fn answer(&self) {
        let played = self.0.lock();
        played.answered.send_replace(played.before);
    }

    /// Whether it was asked for something after the mark.
    pub(super) fn is_asked_again(&self) -> bool {
        let played = self.0.lock();
        played.asked > played.before
    }

    /// A stream begins. Returns whether that is after the pause began.
    fn begin(&self) -> bool {
        let mut played = self.0.lock();
        played.since += usize::from(played.is_paused);
        played.is_paused
    }

    /// The number of a request, if it comes after the pause began; on a stream that did so, too, one that is never
    /// reached.
    fn number(&self, request: &AppendRequest, is_late: bool) -> Option<usize> {
        let mut played = self.0.lock();
        if !played.is_paused {
            return None;
        }
        played.has_entry |= !request.entries.is_empty();
        if is_late {
            return Some(ALL);
        }
        played.asked += 1;
        Some(played.asked)
    }

    fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("set");
        let address = listener.local_addr().expect("bound");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(PeerServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        format!("http://{address}")
    }

    async fn matched(self, number: Option<usize>, request: AppendRequest) -> AppendResponse {
        if let Some(number) = number {
            let mut answered = self.0.lock().answered.subscribe();
            let _ = answered.wait_for(|answered| *answered >= number).await;
        }
        let last = request.entries.last().and_then(|entry| entry.log_id);
        let log_id = last.or(request.prev_log_id);
        AppendResponse {
            outcome: Some(Outcome::Matched(Matched { log_id })),
        }
    }
}

fn unasked<T>() -> Result<Response<T>, Status> {
    Err(Status::unavailable("nobody plays that"))
}

#[tonic::async_trait]
impl Peer for Follower {
    type AppendStream = Answers<AppendResponse>;
    type ForwardStream = Answers<peer::ForwardResponse>;
    type KeepAliveStream = Answers<etcd::LeaseKeepAliveResponse>;

    async fn append(
        &self,
        request: Request<Streaming<AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        if self.0.lock().knows_removal {
            return Err(crate::Error::MemberNotFound.into());
        }
        let is_late = self.begin();
        let follower = self.clone();
        let requests = request.into_inner();
        // As the real one: requests are taken one after the other, ahead of their answers.
        let mut with_entries = 0;
        let answers = requests.map(move |request| {
            if request
                .as_ref()
                .is_ok_and(|request| !request.entries.is_empty())
            {
                with_entries += 1;
                follower.0.lock().flows |= with_entries > 1;
            }
            let follower = follower.clone();
            let number = request
                .as_ref()
                .ok()
                .and_then(|request| follower.number(request, is_late));
            tokio::spawn(async move { Ok(follower.matched(number, request?).await) })
        });
        let answers = answers.buffered(64).map(|done| done.expect("no panic"));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        Ok(Response::new(peer::VoteResponse {
            vote: request.into_inner().vote,
            granted: true,
            last_log_id: None,
        }))
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        self.vote(request).await
    }

    async fn identify(
        &self,
        _request: Request<peer::IdentifyRequest>,
    ) -> Result<Response<peer::IdentifyResponse>, Status> {
        Ok(Response::new(peer::IdentifyResponse::default()))
    }

    async fn transfer_leader(
        &self,
        _request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        unasked()
    }

    async fn prepare_snapshot(
        &self,
        _request: Request<peer::PrepareSnapshotRequest>,
    ) -> Result<Response<peer::PrepareSnapshotResponse>, Status> {
        unasked()
    }

    async fn snapshot(
        &self,
        _request: Request<Streaming<peer::SnapshotChunk>>,
    ) -> Result<Response<peer::SnapshotResponse>, Status> {
        unasked()
    }

    async fn forward(
        &self,
        _request: Request<Streaming<peer::ForwardRequest>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        unasked()
    }

    async fn read_index(
        &self,
        _request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        unasked()
    }

    async fn keep_alive(
        &self,
        _request: Request<Streaming<etcd::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        unasked()
    }

    async fn time_to_live(
        &self,
        _request: Request<etcd::LeaseTimeToLiveRequest>,
    ) -> Result<Response<etcd::LeaseTimeToLiveResponse>, Status> {
        unasked()
    }

    async fn change_members(
        &self,
        _request: Request<peer::ChangeMembersRequest>,
    ) -> Result<Response<peer::ChangeMembersResponse>, Status> {
        unasked()
    }

    async fn move_leader(
        &self,
        _request: Request<peer::MoveLeaderRequest>,
    ) -> Result<Response<peer::MoveLeaderResponse>, Status> {
        unasked()
    }
}

/// A leader and its two followers.
pub(super) struct Trio {
    pub(super) node: Node,
    pub(super) quick: Follower,
    pub(super) slow: Follower,
    _directory: tempfile::TempDir,
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

impl Trio {
    /// Inside a runtime. The followers have answered everything so far.
    pub(super) fn start() -> Trio {
        let (quick, slow) = (Follower::default(), Follower::default());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let members = [
            ("a", format!("http://{address}")),
            ("b", quick.listen()),
            ("c", slow.listen()),
        ];
        let directory = tempfile::tempdir().expect("a scratch directory");
        let mut options = options("a", &directory.path().join("a"), &members);
        options.peer_listeners = vec![listener];
        options.election_timeout = ELECTION_TIMEOUT;
        // Nobody plays members that have said who they are.
        options.strict_reconfiguration = false;
        let node = Node::start(options).expect("a founder starts");
        eventually("it leads", || node.handle().leads());
        eventually("entries flow to both", || {
            put(&node, "before").join().expect("no panic");
            quick.0.lock().flows && slow.0.lock().flows
        });
        Trio {
            node,
            quick,
            slow,
            _directory: directory,
        }
    }

    pub(super) fn both(&self) -> [&Follower; 2] {
        [&self.quick, &self.slow]
    }

    pub(super) fn pause(&self) {
        self.both().iter().for_each(|one| one.pause());
    }

    /// Waits until the followers have been sent an entry since the pause.
    pub(super) fn entry_is_sent(&self) {
        eventually("both have the entry", || {
            self.both().iter().all(|one| one.0.lock().has_entry)
        });
    }

    /// Waits for heartbeats, which have streams of their own that nobody answers.
    pub(super) fn heartbeats(&self) {
        let since = || self.both().map(|one| one.0.lock().since);
        let before = since();
        eventually("heartbeats go out", || {
            let now = since();
            now[0] > before[0] + 2 && now[1] > before[1] + 2
        });
    }
}

pub(super) fn put(node: &Node, key: &str) -> std::thread::JoinHandle<()> {
    let (handle, key) = (node.handle().clone(), key.to_owned());
    std::thread::spawn(move || {
        let put = PutRequest {
            key: key.into(),
            ..PutRequest::default()
        };
        // What becomes of the one that nobody answers is not asked here.
        let _ = handle.propose_and_wait(Command {
            operation: Some(Operation::Put(put)),
            fence_term: 0,
        });
    })
}
