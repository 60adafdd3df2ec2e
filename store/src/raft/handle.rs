//! The running member as the rest of the process sees it.

use super::applier::{Checkpoint, Current, Job, Jobs};
use super::connection::{Caller, Connection};
use super::front::{Front, Fronts};
use super::group::Group;
use super::keeper::LeaseKeeper;
use super::members::Members;
use super::proposer::{Leadership, Queue};
use super::read_index::Rounds;
use crate::reply::Reply;
use crate::wal::Wal;
use crate::{Error, LeaseId, MemberId, apply, mvcc};
use futures::StreamExt;
use keelson_proto::{etcdserverpb, log};
use parking_lot::Mutex;
use prost::Message;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

mod changes;

/// Renewals that may wait for the leader, per member.
const RENEWALS_WAITING_MAX: usize = 16 * 1024;

/// Wait before the leader is looked for again.
const RETRY: Duration = Duration::from_millis(20);

/// A cheap clone of the way into a running member. One per front runtime (see [`Handle::for_front`]).
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
    front: Arc<Front>,
    front_number: usize,
}

/// What does not change while a member runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: MemberId,
    /// Its human name.
    pub name: String,
}

/// How this member sees the group right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The present term.
    pub term: u64,
    /// The leader, if one is known.
    pub leader: Option<MemberId>,
    /// Last index in this member's log.
    pub last_index: u64,
    /// Last index known to be committed.
    pub committed_index: u64,
    /// Last index applied to this member's state.
    pub applied_index: u64,
    /// Last applied index that a crash cannot take back.
    pub durable_index: u64,
    /// This member does not vote.
    pub is_learner: bool,
}

/// What a handle is made of. Built by `Node`.
pub(super) struct Inner {
    pub identity: Identity,
    pub caller: Caller,
    pub fronts: Arc<Fronts>,
    pub group: Arc<Group>,
    pub members: Arc<Members>,
    pub keeper: Arc<LeaseKeeper>,
    pub current: Arc<Current>,
    pub jobs: Jobs,
    pub wal: Wal,
    pub queue: Queue,
    pub rounds: Rounds,
    pub renewals: mpsc::Sender<Renewal>,
    pub request_timeout: Duration,
    pub election_timeout: Duration,
    pub stopping: AtomicBool,
    pub leader_connection: Mutex<Option<(MemberId, Arc<Connection>)>>,
    pub runtime: tokio::runtime::Handle,
}

/// A renewal on its way to the leader.
pub(super) struct Renewal {
    id: LeaseId,
    answer: oneshot::Sender<Result<i64, Error>>,
}

pub(super) fn renewals() -> (mpsc::Sender<Renewal>, mpsc::Receiver<Renewal>) {
    mpsc::channel(RENEWALS_WAITING_MAX)
}

impl Handle {
    pub(super) fn new(inner: Arc<Inner>, front_number: usize) -> Handle {
        Handle {
            front: Arc::clone(inner.fronts.get(front_number)),
            inner,
            front_number,
        }
    }

    /// The same member for another front runtime: replies are delivered in that runtime.
    pub fn for_front(&self, front: usize) -> Handle {
        Handle::new(Arc::clone(&self.inner), front)
    }

    /// Hands out answers in the present runtime for as long as the member runs. Spawn once for each
    /// front, in its own runtime.
    pub fn dispatch(&self) -> impl Future<Output = ()> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        let front = Arc::clone(&self.front);
        async move {
            let applied = inner.jobs.progress().applied_index();
            front.dispatch(applied, &inner.stopping).await;
        }
    }

    /// The member stops: what takes long should end, and nothing begin.
    pub fn is_stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The state that serves now. Ask again for each request: a snapshot may replace it.
    pub fn store(&self) -> Arc<mvcc::Store> {
        self.inner.current.store()
    }

    /// Leases, alarms and attributes. Ask again for each request.
    pub fn state(&self) -> Arc<apply::State> {
        self.inner.current.state()
    }

    /// Where the group stands, as this member knows it. Never waits.
    pub fn progress(&self) -> Progress {
        let view = self.inner.group.glance();
        let progress = self.inner.jobs.progress();
        // In this order: both rise, and nobody shall see more applied than committed.
        let applied_index = progress.applied_index().load(Ordering::SeqCst);
        Progress {
            term: view.term,
            leader: view.leader,
            last_index: self.inner.wal.last().map_or(0, |id| id.index),
            committed_index: progress.committed_index(),
            applied_index,
            durable_index: progress.durable().index(),
            is_learner: view.is_learner,
        }
    }

    /// The present term, cheaply.
    pub fn term(&self) -> u64 {
        self.inner.group.glance().term
    }

    /// Follows who leads in which term. One that has ended may be shown a moment too long: act under a fence.
    pub fn watch_leadership(&self) -> watch::Receiver<Option<Leadership>> {
        self.inner.group.leadership()
    }

    /// True while this member knows a leader.
    pub fn watch_has_leader(&self) -> watch::Receiver<bool> {
        self.inner.group.has_leader()
    }

    /// Gets `command` into the log and waits until *this member* has applied it.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]: certainly not applied. [`Error::Timeout`] and its relatives:
    /// unknown. Everything else: what applying it answered.
    pub async fn propose(&self, command: log::Command) -> Result<Reply, Error> {
        if self.is_stopping() {
            return Err(Error::Stopped);
        }
        let mut request = self.front.register();
        self.inner
            .queue
            .push(request.id, command.encode_to_vec().into())?;
        match tokio::time::timeout(self.inner.request_timeout, &mut request.answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::Stopped),
            Err(_) if self.inner.group.glance().leader.is_none() => Err(Error::TimeoutLeaderFail),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// [`Handle::propose`] for threads outside every runtime. Blocks.
    ///
    /// # Errors
    /// As [`Handle::propose`].
    pub fn propose_and_wait(&self, command: log::Command) -> Result<Reply, Error> {
        self.inner.runtime.block_on(self.propose(command))
    }

    /// Returns once this member's state contains every write acknowledged before the call.
    ///
    /// # Errors
    /// [`Error::Timeout`] if no quorum confirmed in time. A read has no effect, so nothing changed.
    pub async fn read_barrier(&self) -> Result<(), Error> {
        let (released, start) = self.front.join_read();
        if start {
            // The reader takes one entry per front at most; there is always room.
            let _ = self.inner.rounds.try_send(self.front_number);
        }
        match tokio::time::timeout(self.inner.request_timeout, released).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::Stopped),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Renews a lease at the leader. The new time to live in seconds; zero if there is no such lease.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]; [`Error::Timeout`] if no leader answered in time.
    pub async fn keep_alive(&self, id: LeaseId) -> Result<i64, Error> {
        let work = async {
            loop {
                match self.keep_alive_once(id).await {
                    Err(error) if is_worth_another_try(&error) => {
                        tokio::time::sleep(RETRY).await;
                    }
                    outcome => return outcome,
                }
            }
        };
        tokio::time::timeout(self.inner.request_timeout, work)
            .await
            .unwrap_or(Err(Error::Timeout))
    }

    async fn keep_alive_once(&self, id: LeaseId) -> Result<i64, Error> {
        if self.leads() {
            return self.renew_here(id).await;
        }
        let (answer, receiver) = oneshot::channel();
        self.inner
            .renewals
            .try_send(Renewal { id, answer })
            .map_err(|_| Error::TooManyRequests)?;
        receiver.await.unwrap_or(Err(Error::NoLeader))
    }

    /// Renews as the leader.
    pub(super) async fn renew_here(&self, id: LeaseId) -> Result<i64, Error> {
        let term = self.lead_barrier().await?;
        self.inner.keeper.renew(self, term, id).await
    }

    /// [`Handle::read_barrier`], confirmed by a quorum to *this* member, which leads in the term that is
    /// returned: so that a leader that has been replaced without knowing it promises nothing. The barrier
    /// alone would not do. While it waits, this member may learn of another leader and let that one
    /// answer.
    ///
    /// # Errors
    /// [`Error::NotLeader`]; otherwise as the barrier.
    pub(super) async fn lead_barrier(&self) -> Result<u64, Error> {
        let before = self.inner.group.leader();
        self.read_barrier().await?;
        // Terms only rise: if it is the same now, it was all along.
        before
            .filter(|before| before.member_id == self.inner.identity.member_id)
            .filter(|before| self.inner.group.leader() == Some(*before))
            .map(|before| before.term)
            .ok_or(Error::NotLeader)
    }

    /// Asks the leader for the time a lease has left. The answer has no header.
    ///
    /// # Errors
    /// [`Error::Timeout`] if no leader answered in time.
    pub async fn time_to_live(
        &self,
        request: etcdserverpb::LeaseTimeToLiveRequest,
    ) -> Result<etcdserverpb::LeaseTimeToLiveResponse, Error> {
        self.retry_with_leader(|| self.time_to_live_once(request))
            .await
    }

    async fn time_to_live_once(
        &self,
        request: etcdserverpb::LeaseTimeToLiveRequest,
    ) -> Result<etcdserverpb::LeaseTimeToLiveResponse, Error> {
        let Some(connection) = self.leader()? else {
            return self.time_to_live_here(&request).await;
        };
        let mut client = connection.client().await.map_err(|_| Error::NoLeader)?;
        let call = client.time_to_live(connection.request(request));
        let answer = call
            .await
            .map_err(|status| answered(&connection, &status))?;
        Ok(answer.into_inner())
    }

    /// Tells the time a lease has left as the leader.
    pub(super) async fn time_to_live_here(
        &self,
        request: &etcdserverpb::LeaseTimeToLiveRequest,
    ) -> Result<etcdserverpb::LeaseTimeToLiveResponse, Error> {
        let term = self.lead_barrier().await?;
        let keeper = &self.inner.keeper;
        keeper.time_to_live(&self.inner.current, term, request)
    }

    /// How long a member waits for its leader before it stands for election. Streams that insist on a
    /// leader are ended after three of these without one.
    pub fn election_timeout(&self) -> Duration {
        self.inner.election_timeout
    }

    /// How long a request may take before its outcome is unknown: 5 s plus twice the election timeout.
    pub fn request_timeout(&self) -> Duration {
        self.inner.request_timeout
    }

    /// A consistent copy of the present state, which removes itself when dropped.
    ///
    /// # Errors
    /// The disk's, or the member is stopping.
    pub async fn checkpoint(&self) -> io::Result<Checkpoint> {
        let (done, receiver) = oneshot::channel();
        self.inner.jobs.send(Job::Checkpoint { done }).await?;
        receiver
            .await
            .map_err(|_| io::Error::other("the member is stopping"))?
    }

    /// Whether this member leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.inner.group.glance().leader == Some(self.inner.identity.member_id)
    }

    /// `None` if this member leads, else a connection to the one that does.
    fn leader(&self) -> Result<Option<Arc<Connection>>, Error> {
        let leader = self.inner.group.glance().leader.ok_or(Error::NoLeader)?;
        if leader == self.inner.identity.member_id {
            return Ok(None);
        }
        self.connection_to(leader).map(Some).ok_or(Error::NoLeader)
    }

    /// Repeats `attempt` for as long as it certainly changed nothing because it did not meet the
    /// leader.
    async fn retry_with_leader<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let attempts = async {
            loop {
                match attempt().await {
                    Err(Error::NotLeader | Error::NoLeader) => tokio::time::sleep(RETRY).await,
                    outcome => return outcome,
                }
            }
        };
        tokio::time::timeout(self.inner.request_timeout, attempts)
            .await
            .unwrap_or(Err(Error::Timeout))
    }

    fn connection_to(&self, leader: MemberId) -> Option<Arc<Connection>> {
        let node = self.inner.group.directory().node(leader)?;
        let mut present = self.inner.leader_connection.lock();
        if let Some((to, connection)) = &*present
            && *to == leader
        {
            return Some(Arc::clone(connection));
        }
        let connection = Arc::new(Connection::new(self.inner.caller.clone(), leader, &node));
        *present = Some((leader, Arc::clone(&connection)));
        Some(connection)
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

fn is_worth_another_try(error: &Error) -> bool {
    matches!(
        error,
        Error::NotLeader | Error::NoLeader | Error::LeaderChanged
    )
}

/// An answer of the leader, or the loss of the connection on the way: then nobody knows.
fn answered(connection: &Connection, status: &Status) -> Error {
    match Error::from_status(status) {
        Error::Other(..) => {
            connection.reset();
            Error::TimeoutConnectionLost
        }
        known => known,
    }
}

/// Carries renewals to the leader over one stream. Answers come in the order of the renewals.
pub(super) async fn carry_renewals(handle: Handle, mut waiting: mpsc::Receiver<Renewal>) {
    while let Some(first) = waiting.recv().await {
        let leader = handle.inner.group.glance().leader;
        let connection = leader
            .filter(|leader| *leader != handle.inner.identity.member_id)
            .and_then(|leader| handle.connection_to(leader));
        let Some(connection) = connection else {
            let _ = first.answer.send(Err(Error::NoLeader));
            continue;
        };
        if carry_over(&connection, first, &mut waiting).await.is_err() {
            connection.reset();
        }
    }
}

/// Uses one stream until it breaks or has been idle. Dropped answers tell their waiters.
async fn carry_over(
    connection: &Connection,
    first: Renewal,
    waiting: &mut mpsc::Receiver<Renewal>,
) -> Result<(), Status> {
    let mut client = connection.client().await?;
    let (requests, receiver) = mpsc::channel(RENEWALS_WAITING_MAX);
    let request = |id| etcdserverpb::LeaseKeepAliveRequest { id };
    let closed = |_| Status::unavailable("the stream is closed");
    requests.send(request(first.id)).await.map_err(closed)?;
    let stream = connection.request(ReceiverStream::new(receiver));
    let mut answers = client.keep_alive(stream).await?.into_inner();
    let mut unanswered = std::collections::VecDeque::from([first.answer]);
    loop {
        tokio::select! {
            answer = answers.next() => {
                let Some(answer) = answer else { return Ok(()) };
                let ttl = match answer {
                    Ok(answer) => Ok(answer.ttl),
                    Err(status) => Err(Error::from_status(&status)),
                };
                let failed = ttl.is_err();
                if let Some(waiter) = unanswered.pop_front() {
                    let _ = waiter.send(ttl);
                }
                if failed {
                    return Ok(());
                }
            }
            renewal = waiting.recv(), if unanswered.len() < RENEWALS_WAITING_MAX => {
                let Some(renewal) = renewal else { return Ok(()) };
                requests.send(request(renewal.id)).await.map_err(closed)?;
                unanswered.push_back(renewal.answer);
            }
        }
    }
}
