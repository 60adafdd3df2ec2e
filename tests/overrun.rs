//! More than a member can take: it says so at once, keeps what it has promised, and goes on.

use keelson_kit::check::{Check, Failure, holds, same};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::keelson;
use keelson_kit::request::{get, put};
use keelson_kit::wait::wait_until;
use std::time::Duration;
use tonic::{Code, Status};

/// For whatever takes as long as the machine is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than the member's queue (16,384) and what may be under way besides (four batches of 1,024).
const WRITES: usize = 30_000;
/// Connections that they come over.
const CLIENTS: usize = 8;
/// A request waits for five seconds and two election timeouts: so long a busy machine needs to bring them all.
const PATIENT: [&str; 2] = ["--heartbeat-interval=800", "--election-timeout=8000"];
const REFUSAL: &str = "etcdserver: too many requests";

/// How many of the answers are refusals for being too many.
fn refused(answers: &[Result<(), Status>]) -> usize {
    let is_refusal =
        |status: &Status| status.code() == Code::ResourceExhausted && status.message() == REFUSAL;
    let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
    errors.filter(|status| is_refusal(status)).count()
}

/// Writes all at once to one member and returns every answer.
async fn flood(cluster: &Cluster, member: usize) -> Check<Vec<Result<(), Status>>> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(cluster.client_of(member)?);
    }
    let write = |number: usize, client: Client| async move {
        let key = format!("flood/{number:05}");
        client.put(put(key, "v")).await.map(|_| ())
    };
    let tasks: Vec<_> = (0..WRITES)
        .map(|number| tokio::spawn(write(number, clients[number % CLIENTS].clone())))
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(
            task.await
                .map_err(|error| Failure::new(error.to_string()))?,
        );
    }
    Ok(answers)
}

#[tokio::test]
async fn a_member_that_cannot_commit_refuses_what_its_queue_does_not_hold() {
    let cluster = Cluster::start(&keelson!(), 3, &PATIENT).await;
    // Outside, so that a failure shows the ends of the logs.
    let mut cluster = cluster.expect("the members start");
    let run = async {
        let (leads, _) = cluster.leader().await?;
        let others: Vec<_> = (0..3).filter(|i| *i != leads).collect();
        others.iter().for_each(|i| cluster.pause(*i));
        let answers = flood(&cluster, leads).await?;
        others.iter().for_each(|i| cluster.resume(*i));
        let refused = refused(&answers);
        println!("{refused} of {WRITES} refused");
        holds("some are refused", refused > 0)?;
        holds("those in the queue are not", refused < WRITES)?;
        let client = cluster.client_of(leads)?;
        wait_until("it takes writes again", PATIENCE, || async {
            client.put(put("after", "the flood")).await.is_ok()
        })
        .await?;
        // What was refused was certainly not done.
        for (number, answer) in answers.iter().enumerate() {
            if matches!(answer, Err(status) if status.message() == REFUSAL) {
                let key = format!("flood/{number:05}");
                same(
                    "a refused write",
                    client.range(get(key)).await?.kvs.len(),
                    0,
                )?;
            }
        }
        Ok::<_, Failure>(())
    };
    Box::pin(run).await.expect("the flood passes");
}
