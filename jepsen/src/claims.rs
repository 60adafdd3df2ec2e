//! Requests to the services of locks and elections, and what an answer of theirs says.

use crate::history::*;
use crate::wire;
use keelson_kit::client::Client;
use keelson_proto::v3electionpb as election;
use keelson_proto::v3lockpb as lock;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

/// How long an observer looks. Shorter than a session waits for an answer.
const LOOK: Duration = Duration::from_millis(1_500);

/// Sends one, once.
///
/// # Errors
///
/// The server's, or the connection's.
pub async fn send(client: &Client, call: LockCall) -> Result<Reply, Status> {
    let (header, reply) = match call {
        LockCall::Lock { name, lease } => {
            let name = wire::bytes(&name);
            let request = lock::LockRequest { name, lease };
            let reply = client.lock().lock(request).await?.into_inner();
            let key = wire::blob(&reply.key);
            (reply.header, LockReply::Locked { key })
        }
        LockCall::Unlock { key } => {
            let key = wire::bytes(&key);
            let reply = client.lock().unlock(lock::UnlockRequest { key }).await?;
            (reply.into_inner().header, LockReply::Done)
        }
        LockCall::Campaign { name, lease, value } => {
            let request = election::CampaignRequest {
                name: wire::bytes(&name),
                lease,
                value: wire::bytes(&value),
            };
            let reply = client.election().campaign(request).await?.into_inner();
            let leader = reply.leader.unwrap_or_default();
            let key = wire::blob(&leader.key);
            let revision = leader.rev;
            (reply.header, LockReply::Elected { key, revision })
        }
        LockCall::Proclaim {
            key,
            revision,
            lease,
            value,
        } => {
            let request = election::ProclaimRequest {
                leader: leader_key(&key, revision, lease),
                value: wire::bytes(&value),
            };
            let reply = client.election().proclaim(request).await?;
            (reply.into_inner().header, LockReply::Done)
        }
        LockCall::Resign { key, revision } => {
            let leader = leader_key(&key, revision, 0);
            let request = election::ResignRequest { leader };
            let reply = client.election().resign(request).await?;
            (reply.into_inner().header, LockReply::Done)
        }
        LockCall::Leader { name } => {
            let name = wire::bytes(&name);
            let request = election::LeaderRequest { name };
            let reply = client.election().leader(request).await?.into_inner();
            let kv = reply.kv.as_ref().map(wire::key_value).unwrap_or_default();
            (reply.header, LockReply::Leader { kv })
        }
        LockCall::Observe { name } => return observe(client, &name).await,
    };
    let header = wire::header(header);
    Ok(Reply::Lock { header, reply })
}

/// The election is named by its key, all but the last part.
fn leader_key(key: &Blob, rev: i64, lease: i64) -> Option<election::LeaderKey> {
    let end = key.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    Some(election::LeaderKey {
        name: wire::bytes(&Blob::from(&key[..end])),
        key: wire::bytes(key),
        rev,
        lease,
    })
}

/// Everything that an observer is told in a while. What came before a stream broke off was told, too.
async fn observe(client: &Client, name: &Blob) -> Result<Reply, Status> {
    let until = Instant::now() + LOOK;
    let name = wire::bytes(name);
    let request = election::LeaderRequest { name };
    let opened = timeout_at(until, client.election().observe(request)).await;
    let late = |_| Status::deadline_exceeded("no answer in time");
    let mut leaders = opened.map_err(late)??.into_inner();
    let (mut header, mut kvs) = (None, Vec::new());
    while let Ok(Ok(Some(one))) = timeout_at(until, leaders.message()).await {
        header = one.header;
        kvs.extend(one.kv.as_ref().map(wire::key_value));
    }
    let reply = LockReply::Observed { kvs };
    let header = wire::header(header);
    Ok(Reply::Lock { header, reply })
}
