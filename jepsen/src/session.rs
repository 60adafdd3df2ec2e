//! A logical process: one request in flight, never repeated.

use crate::claims;
use crate::history::*;
use crate::recorder::Recorder;
use crate::wire;
use keelson_kit::check::Check;
use keelson_kit::client::Client;
use keelson_proto::etcdserverpb as pb;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

/// Longer is not waited for an answer. Longer than an election, shorter than most faults.
const ANSWER: Duration = Duration::from_secs(3);
/// After a request that was refused or lost the process rests: a broken member shall not be hammered.
const REST: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub struct Session {
    recorder: Recorder,
    /// Everybody it may ask.
    members: Client,
    /// Whom it asks this time.
    client: Client,
    random: StdRng,
    process: Process,
    node: Option<Node>,
}

impl Session {
    /// A process that asks one member (counted from one), or any.
    ///
    /// # Errors
    ///
    /// Only for a malformed URL.
    pub fn new(recorder: &Recorder, endpoints: &[String], node: Option<Node>) -> Check<Session> {
        let endpoints = match node {
            Some(node) => &endpoints[usize::from(node) - 1..usize::from(node)],
            None => endpoints,
        };
        let members = Client::new(endpoints)?;
        let process = recorder.process();
        Ok(Session {
            recorder: recorder.clone(),
            client: members.clone(),
            members,
            random: StdRng::seed_from_u64(process.into()),
            process,
            node,
        })
    }

    /// Whom to ask next. By chance, not in turn: of requests that belong together, a list and a change say, the
    /// second would else always go to the same ones, who may be down for the whole run.
    fn choose(&mut self) -> usize {
        self.random.random_range(0..self.members.members())
    }

    /// Its number, which changes after an unknown outcome.
    pub fn process(&self) -> Process {
        self.process
    }

    /// The member it asks, if it is always the same.
    pub fn node(&self) -> Option<Node> {
        self.node
    }

    /// Where it writes.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Sends a request, once, and writes down what became of it.
    pub async fn call(&mut self, call: Call) -> Outcome {
        self.call_for(call, None).await
    }

    /// The same with a meaning.
    pub async fn call_for(&mut self, call: Call, intent: Option<Intent>) -> Outcome {
        let op = self.recorder.invoke(self, call.clone(), intent);
        let member = self.choose();
        self.client = self.members.member(member);
        let ended = self.send(call).await;
        let outcome = self.recorder.complete(op, ended);
        if matches!(outcome, Outcome::Unknown { .. }) {
            self.process = self.recorder.process();
        }
        if !matches!(outcome, Outcome::Ok(_)) {
            tokio::time::sleep(REST).await;
        }
        outcome
    }

    /// A key/value request. `None` if it was not answered.
    pub async fn kv(&mut self, call: KvCall) -> Option<(Header, KvReply)> {
        self.kv_for(call, None).await
    }

    /// The same with a meaning.
    pub async fn kv_for(
        &mut self,
        call: KvCall,
        intent: Option<Intent>,
    ) -> Option<(Header, KvReply)> {
        match self.call_for(Call::Kv(call), intent).await {
            Outcome::Ok(Reply::Kv { header, reply }) => Some((header, reply)),
            _ => None,
        }
    }

    /// A read.
    pub async fn range(&mut self, call: RangeCall) -> Option<(Header, RangeReply)> {
        match self.kv(KvCall::Range(call)).await? {
            (header, KvReply::Range(reply)) => Some((header, reply)),
            _ => None,
        }
    }

    /// A transaction.
    pub async fn txn(
        &mut self,
        call: TxnCall,
        intent: Option<Intent>,
    ) -> Option<(Header, TxnReply)> {
        match self.kv_for(KvCall::Txn(call), intent).await? {
            (header, KvReply::Txn(reply)) => Some((header, reply)),
            _ => None,
        }
    }

    /// The members, as a member that has learnt what is newest lists them.
    pub async fn members(&mut self) -> Option<Vec<MemberInfo>> {
        let list = MemberCall::List { linearizable: true };
        match self.call(Call::Member(list)).await {
            Outcome::Ok(Reply::Member { reply, .. }) => Some(reply.members),
            _ => None,
        }
    }

    /// Does something beside the store; the answer says if it was accepted, and elements.
    pub async fn outside(
        &mut self,
        call: OutsideCall,
        done: impl Future<Output = (bool, Vec<u64>)>,
    ) {
        let op = self.recorder.invoke(self, Call::Outside(call), None);
        let (accepted, elements) = done.await;
        self.recorder
            .complete(op, Ok(Reply::Outside { accepted, elements }));
    }

    async fn send(&self, call: Call) -> Result<Reply, Status> {
        match call {
            Call::Kv(call) => self.send_kv(&call).await,
            Call::Compact { revision, physical } => {
                let request = pb::CompactionRequest { revision, physical };
                let reply = within(self.client.compact_with(request)).await?;
                let header = wire::header(reply.header);
                Ok(Reply::Compact { header })
            }
            Call::Lease(call) => self.send_lease(call).await,
            Call::Admin(call) => self.send_admin(call).await,
            Call::Lock(call) => within(claims::send(&self.client, call)).await,
            Call::Member(call) => self.send_member(call).await,
            Call::Outside(_) | Call::Http(_) => Err(Status::invalid_argument(
                "etcdserver: this process does not send such",
            )),
        }
    }

    async fn send_kv(&self, call: &KvCall) -> Result<Reply, Status> {
        let client = &self.client;
        let (header, reply) = match call {
            KvCall::Range(call) => {
                let reply = within(client.range(wire::range(call))).await?;
                (reply.header, KvReply::Range(wire::ranged(&reply)))
            }
            KvCall::Put(call) => {
                let reply = within(client.put(wire::put(call))).await?;
                (reply.header, KvReply::Put(wire::written(&reply)))
            }
            KvCall::Delete(call) => {
                let reply = within(client.delete(wire::delete(call))).await?;
                (reply.header, KvReply::Delete(wire::deleted(&reply)))
            }
            KvCall::Txn(call) => {
                let reply = within(client.txn(wire::txn(call))).await?;
                (reply.header, KvReply::Txn(wire::decided(&reply)))
            }
        };
        let header = wire::header(header);
        Ok(Reply::Kv { header, reply })
    }

    async fn send_lease(&self, call: LeaseCall) -> Result<Reply, Status> {
        let client = &self.client;
        let (header, reply) = match call {
            LeaseCall::Grant { id, ttl } => {
                let request = pb::LeaseGrantRequest { id, ttl };
                let reply = within(client.grant(request)).await?;
                let (id, ttl) = (reply.id, reply.ttl);
                (reply.header, LeaseReply::Granted { id, ttl })
            }
            LeaseCall::Revoke { id } => {
                let reply = within(client.revoke(pb::LeaseRevokeRequest { id })).await?;
                (reply.header, LeaseReply::Revoked)
            }
            LeaseCall::KeepAlive { id } => {
                let reply = within(keep_alive(client, id)).await?;
                (reply.header, LeaseReply::KeptAlive { ttl: reply.ttl })
            }
            LeaseCall::TimeToLive { id, keys } => {
                let request = pb::LeaseTimeToLiveRequest { id, keys };
                let reply = within(client.time_to_live(request)).await?;
                let (ttl, granted) = (reply.ttl, reply.granted_ttl);
                let keys = reply.keys.iter().map(wire::blob).collect();
                (reply.header, LeaseReply::TimeToLive { ttl, granted, keys })
            }
            LeaseCall::List => {
                let reply = within(client.leases(pb::LeaseLeasesRequest {})).await?;
                let ids = reply.leases.iter().map(|lease| lease.id).collect();
                (reply.header, LeaseReply::List { ids })
            }
        };
        let header = wire::header(header);
        Ok(Reply::Lease { header, reply })
    }

    async fn send_member(&self, call: MemberCall) -> Result<Reply, Status> {
        let client = &self.client;
        let (header, added, members) = match call {
            MemberCall::List { linearizable } => {
                let request = pb::MemberListRequest { linearizable };
                let reply = within(client.member_list(request)).await?;
                (reply.header, None, reply.members)
            }
            MemberCall::Add { peer_urls, learner } => {
                let request = pb::MemberAddRequest {
                    peer_ur_ls: peer_urls,
                    is_learner: learner,
                };
                let reply = within(client.member_add(request)).await?;
                let added = reply.member.map(|member| member.id);
                (reply.header, added, reply.members)
            }
            MemberCall::Remove { id } => {
                let request = pb::MemberRemoveRequest { id };
                let reply = within(client.member_remove(request)).await?;
                (reply.header, None, reply.members)
            }
            MemberCall::Promote { id } => {
                let request = pb::MemberPromoteRequest { id };
                let reply = within(client.member_promote(request)).await?;
                (reply.header, None, reply.members)
            }
            MemberCall::Update { id, peer_urls } => {
                let request = pb::MemberUpdateRequest {
                    id,
                    peer_ur_ls: peer_urls,
                };
                let reply = within(client.member_update(request)).await?;
                (reply.header, None, reply.members)
            }
        };
        let members = members.iter().map(wire::member).collect();
        let header = wire::header(header);
        let reply = MemberReply { added, members };
        Ok(Reply::Member { header, reply })
    }

    async fn send_admin(&self, call: AdminCall) -> Result<Reply, Status> {
        let header = match call {
            AdminCall::Status => within(self.client.status()).await?.header,
            AdminCall::Defragment => within(self.client.defragment()).await?.header,
            AdminCall::MoveLeader { to } => {
                let request = pb::MoveLeaderRequest { target_id: to };
                within(self.client.move_leader(request)).await?.header
            }
            AdminCall::Snapshot | AdminCall::Alarm { .. } | AdminCall::Other { .. } => {
                return Err(Status::invalid_argument(
                    "etcdserver: this process does not send such",
                ));
            }
        };
        let header = wire::header(header);
        Ok(Reply::Admin { header })
    }
}

async fn keep_alive(client: &Client, id: i64) -> Result<pb::LeaseKeepAliveResponse, Status> {
    let one = tokio_stream::iter([pb::LeaseKeepAliveRequest { id }]);
    // The request stream stays open until the answer is there: its end would be the end of both.
    let requests = tokio_stream::StreamExt::chain(one, tokio_stream::pending());
    let mut replies = client
        .lease()
        .lease_keep_alive(requests)
        .await?
        .into_inner();
    let ended = || Status::unavailable("the stream ended without an answer");
    replies.message().await?.ok_or_else(ended)
}

/// An answer, or the error that says that none came in time.
async fn within<T>(sent: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = || Err(Status::deadline_exceeded("no answer in time"));
    timeout(ANSWER, sent).await.unwrap_or_else(|_| late())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;
    use tokio::net::TcpListener;

    fn recorder(directory: &Path) -> Recorder {
        let head = Head::new(1, "a test");
        Recorder::create(&directory.join("history"), &head).unwrap()
    }

    fn session(recorder: &Recorder, port: u16) -> Session {
        let endpoints = [format!("http://127.0.0.1:{port}")];
        Session::new(recorder, &endpoints, Some(1)).unwrap()
    }

    #[tokio::test]
    async fn whoever_was_asked_before_each_member_may_be_asked_next() {
        let scratch = tempfile::tempdir().unwrap();
        let endpoints = vec!["http://127.0.0.1:1".to_owned(); 5];
        let mut session = Session::new(&recorder(scratch.path()), &endpoints, None).unwrap();
        let asked = Vec::from_iter((0..1_000).map(|_| session.choose()));
        let pairs: BTreeSet<_> = asked.windows(2).collect();
        assert_eq!(pairs.len(), 25, "{pairs:?}");
    }

    #[tokio::test]
    async fn nobody_who_listens_means_that_it_has_not_happened() {
        let scratch = tempfile::tempdir().unwrap();
        let recorder = recorder(scratch.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut session = session(&recorder, port);
        let process = session.process();
        let outcome = session.call(Call::put("k", "v")).await;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        assert_eq!(session.process(), process);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_leaves_doubt_and_nothing_is_sent_twice() {
        let scratch = tempfile::tempdir().unwrap();
        let recorder = recorder(scratch.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            // Takes what comes, answers nothing, and breaks off.
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut some = [0; 24];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut some)
                .await
                .unwrap();
        });
        let mut session = session(&recorder, port);
        let process = session.process();
        let outcome = session.call(Call::put("k", "v")).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        assert_ne!(session.process(), process, "the process has gone on");
        server.await.unwrap();
        recorder.finish().unwrap();
        let history = History::load(&scratch.path().join("history")).unwrap();
        assert_eq!((history.operations.len(), history.defects), (1, vec![]));
    }
}
