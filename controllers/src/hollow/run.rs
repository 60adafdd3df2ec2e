//! The loop around a fleet: streams and answers go in, calls come out.

use super::api::{Api, Outcome, Told};
use super::fleet::{Counts, Fleet, Now, Ticket};
use super::plan::Plan;
use crate::runtime::Future;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use keelson_apiserver::registry::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Calls at one time. On a cluster that keeps up it is thousands a second. Where it does not keep up, what nodes
/// have to say waits here and becomes fewer calls (a Pod that has started meanwhile is not said to be starting),
/// instead of crowding out everybody else's: an API server takes 200 writes at one time of all who are no operators.
const CALLS: usize = 32;
/// Calls by which nodes stay alive may be so many more.
const URGENT_CALLS: usize = 32;
/// Objects of a stream that are taken at one time.
const BATCH: usize = 64;

/// Runs the nodes of a plan until it is dropped. Nothing is said to the cluster then: it is as if all
/// machines had lost their power.
pub async fn run(api: Arc<dyn Api>, clock: Arc<dyn Clock>, plan: Plan, counts: Arc<Counts>) {
    let began = Instant::now();
    let now = || Now {
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        us: clock.now_us(),
    };
    let mut fleet = Fleet::new(plan, counts);
    let mut pods = api.pods().ready_chunks(BATCH);
    let mut nodes = api.nodes().ready_chunks(BATCH);
    let mut calls: FuturesUnordered<Future<'_, (Ticket, Outcome)>> = FuturesUnordered::new();
    loop {
        let next = fleet.next_ms().map(|ms| began + Duration::from_millis(ms));
        let due = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some((ticket, outcome)) = calls.next(), if !calls.is_empty() => {
                fleet.answered(&ticket, outcome, now());
            }
            () = due => fleet.tick(now()),
            Some(told) = nodes.next() => told.iter().for_each(|told| fleet.node_told(told, now())),
            Some(told) = pods.next() => told.into_iter().for_each(|told: Told<_>| {
                fleet.pod_told(told, now());
            }),
        }
        loop {
            let next = match calls.len() {
                0..CALLS => fleet.next_call(now()),
                _ if calls.len() < CALLS + URGENT_CALLS => fleet.next_urgent_call(),
                _ => None,
            };
            let Some((ticket, call)) = next else { break };
            let answer = api.call(call);
            calls.push(Box::pin(async move { (ticket, answer.await) }));
        }
    }
}
