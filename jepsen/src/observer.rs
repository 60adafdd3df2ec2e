//! Asks all members for their status while a run goes on, and once more when it is over.

use crate::history::*;
use crate::recorder::Recorder;
use keelson_kit::check::Check;
use keelson_kit::client::Client;
use keelson_kit::leader::leads;
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::{HashKvRequest, RangeRequest, StatusResponse};
use std::future::Future;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::wire;

/// Between two rounds.
const ROUND: Duration = Duration::from_millis(250);
/// A member that takes longer says nothing in this round.
const ANSWER: Duration = Duration::from_millis(400);
/// At the end there is more patience.
const LAST_ANSWER: Duration = Duration::from_secs(20);
/// Time for all members to have everything.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Writes down who leads, whenever that changes. Never ends.
///
/// # Errors
///
/// Only for malformed URLs.
pub async fn follow(recorder: &Recorder, endpoints: &[String]) -> Check {
    let client = Client::new(endpoints)?;
    let mut newest = 0;
    loop {
        let asked = (0..client.members()).map(|i| {
            let client = client.member(i);
            async move { timeout(ANSWER, client.status()).await.ok()?.ok() }
        });
        let answers = futures::future::join_all(asked).await;
        for (i, status) in answers.iter().enumerate() {
            let Some(status) = status else { continue };
            if leads(status) && status.raft_term > newest {
                newest = status.raft_term;
                let (node, term) = (i as Node + 1, newest);
                recorder.observe(Observation::Leader { node, term });
            }
        }
        sleep(ROUND).await;
    }
}

/// What all members that are present have in the end: status, hash at one revision, and everything.
///
/// # Errors
///
/// When they do not reach the same revision.
pub async fn compare(
    recorder: &Recorder,
    endpoints: &[String],
    present: &[usize],
    revision: i64,
) -> Check {
    let client = Client::new(endpoints)?;
    let all = present.iter().copied();
    wait_until("all members have everything", CATCH_UP, || async {
        let asked = all.clone().map(|i| {
            let client = client.member(i);
            async move { timeout(ANSWER, client.status()).await.ok()?.ok() }
        });
        let answers = futures::future::join_all(asked).await;
        let own =
            |status: &StatusResponse| status.header.as_ref().map_or(0, |header| header.revision);
        answers.iter().all(|status| {
            status
                .as_ref()
                .is_some_and(|status| own(status) >= revision)
        })
    })
    .await?;
    for i in all {
        let (node, client) = (i as Node + 1, client.member(i));
        if let Ok(status) = answer(client.status()).await {
            recorder.observe(as_observation(node, &status));
        }
        let asked = revision;
        let hashed = answer(client.hash_kv(HashKvRequest { revision })).await;
        let reply = hashed.map(|reply| HashReply {
            hash: reply.hash,
            hash_revision: reply.hash_revision,
            compact_revision: reply.compact_revision,
            revision: reply.header.map_or(0, |header| header.revision),
        });
        let reply = observed(reply);
        recorder.observe(Observation::HashKv { node, asked, reply });
        let everything = RangeRequest {
            revision,
            serializable: true,
            ..wire::range(&RangeCall {
                range: KeyRange::all(),
                ..RangeCall::default()
            })
        };
        let found = answer(client.range(everything)).await;
        let reply = found.map(|reply| {
            let kvs = reply.kvs.iter().map(wire::key_value).collect();
            (revision, kvs)
        });
        let reply = observed(reply);
        recorder.observe(Observation::FullRange { node, reply });
    }
    Ok(())
}

fn as_observation(node: Node, status: &StatusResponse) -> Observation {
    let header = status.header.unwrap_or_default();
    Observation::Status {
        node,
        member: header.member_id,
        leader: status.leader,
        term: status.raft_term,
        revision: header.revision,
        committed: status.raft_index,
        applied: status.raft_applied_index,
        learner: status.is_learner,
        db_size: status.db_size,
        errors: status.errors.clone(),
    }
}

async fn answer<T>(asked: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = || Err(Status::deadline_exceeded("no answer in time"));
    timeout(LAST_ANSWER, asked).await.unwrap_or_else(|_| late())
}

fn observed<T>(answer: Result<T, Status>) -> Observed<T> {
    match answer {
        Ok(answer) => Observed::Got(answer),
        Err(status) => Observed::Error(format!("{:?}: {}", status.code(), status.message())),
    }
}
