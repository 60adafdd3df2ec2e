//! Unmodified client libraries of Kubernetes while members die: client-go, kube-rs and the Python client, each
//! an informer and two candidates of a leader election.
//!
//! Of each library two programs run. The *relayed* one talks through a plain TCP relay in front of all members,
//! which is what people put in front of several masters; it holds the lease. The *direct* one knows one member
//! alone. While ConfigMaps are written, the member behind the relay's connections is killed (it led, too),
//! then the direct one's. Afterwards every program must have seen what the store's history says: each change,
//! once, in its order. At last the holders are killed, and the other candidates take over.
//!
//! | file | what it holds |
//! |---|---|
//! | `cluster`, `relay` | members that come back, and what stands in front of them |
//! | `program` | the programs, and what they print |
//! | `writer` | what is changed meanwhile |
//! | `judge`, `lease` | what of it is wrong, told from the history |
//! | `wrong` | the judges, tried with what is wrong |
//!
//! What never happens here: trust in what the writer believes it has written. The history decides.

mod cluster;
mod judge;
mod lease;
mod program;
mod relay;
mod writer;
mod wrong;

use cluster::Dev;
use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::kubernetes::{Change, Recorder};
use keelson_kit::wait::wait_until;
use program::{Program, Running};
use relay::Relay;
use std::time::Duration;
use writer::{Writer, Written};

const PATIENCE: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "watched";
/// How long a lease is held without a renewal.
const LEASE_S: u64 = 6;
/// A candidate looks every second or so, and sees a renewal one look late: beyond the lease's length it may
/// take two looks and what a busy machine takes.
const TAKEOVER_S: f64 = LEASE_S as f64 + 4.0;
/// A cluster that keeps a writer waiting for longer is busy with other things: how long holders hold then says
/// nothing of it. A leader that dies costs about a second, a member that does not answer another one. What is
/// safe is judged in any case.
const CALM: Duration = Duration::from_millis(2_500);

/// The two programs of one library.
struct Pair {
    library: &'static str,
    relayed: Running,
    direct: Running,
}

impl Pair {
    fn both(&self) -> [&Running; 2] {
        [&self.relayed, &self.direct]
    }
}

/// The changes below one prefix of the store.
fn below(recorder: &Recorder, prefix: &str) -> Vec<Change> {
    let mut changes = recorder.changes();
    changes.retain(|change| change.key.starts_with(prefix));
    changes
}

/// Starts both programs of each library, the relayed one first, so that it holds the lease.
async fn start(
    programs: &[Program],
    dev: &Dev,
    relay: &Relay,
    direct: usize,
    seeds: &[String],
) -> Check<Vec<Pair>> {
    let through = dev.kubeconfig_for("relayed", relay.address())?;
    let at_one = dev.kubeconfig_for("direct", &dev.server(direct))?;
    let run = |program: &Program, candidate: &str, kubeconfig| {
        program.start(candidate, kubeconfig, NAMESPACE, LEASE_S, dev.directory())
    };
    let mut relayed = Vec::new();
    for program in programs {
        relayed.push(run(program, "relayed", &through)?);
    }
    for running in &relayed {
        running.says("leading", 1).await?;
        running.has_shown(seeds).await?;
    }
    let mut pairs = Vec::new();
    for (program, relayed) in programs.iter().zip(relayed) {
        pairs.push(Pair {
            library: program.library,
            relayed,
            direct: run(program, "direct", &at_one)?,
        });
    }
    for pair in &pairs {
        pair.direct.has_shown(seeds).await?;
    }
    Ok(pairs)
}

/// Kills the member behind the relay, then the direct programs' member, while ConfigMaps are written.
async fn strike(dev: &Dev, relay: &Relay, leader: usize, direct: usize) -> Check<Written> {
    let writer = Writer::start(dev.client(), NAMESPACE);
    writer.has_written(50).await?;
    let before = relay.connections();
    relay.set_healthy(leader, false);
    dev.kill(leader).await?;
    wait_until("the relay's clients come again", PATIENCE, || {
        let came = relay.connections() > before;
        async move { came }
    })
    .await?;
    dev.is_back(leader).await?;
    relay.set_healthy(leader, true);
    writer.has_written(50).await?;
    dev.kill(direct).await?;
    dev.is_back(direct).await?;
    writer.has_written(50).await?;
    writer.end().await
}

/// What is wrong with what the programs have seen.
fn judge_events(pairs: &[Pair], history: &[Change], began: i64) -> Vec<String> {
    let programs = pairs.iter().flat_map(Pair::both);
    let judged = programs.flat_map(|program| {
        let wrong = judge::judge(history, began, &program.seen());
        let told = wrong
            .into_iter()
            .map(|what| format!("{}: {what}", program.name));
        told.collect::<Vec<_>>()
    });
    judged.collect()
}

/// The key of a library's lease.
fn lease_of(library: &str) -> String {
    format!("/registry/leases/{NAMESPACE}/{library}")
}

/// After the members came back: each lease is where it was, unless the members kept everybody waiting.
fn judge_holders(pairs: &[Pair], recorder: &Recorder, longest: Duration) -> Check {
    for pair in pairs {
        let (library, relayed) = (pair.library, &pair.relayed);
        let (terms, wrong) = lease::terms(&below(recorder, &lease_of(library)));
        holds(&format!("{library}: {wrong:?}"), wrong.is_empty())?;
        if longest > CALM {
            println!("{library}: not judged, a write took {longest:?}; {terms:?}");
            continue;
        }
        let holders: Vec<&str> = terms.iter().map(|term| term.holder.as_str()).collect();
        same(library, holders, vec!["relayed"])?;
        let lost = relayed.count("lost");
        same(&format!("{library}: it leads all the time"), lost, 0)?;
        let other = pair.direct.count("leading");
        same(&format!("{library}: the other one waits"), other, 0)?;
    }
    Ok(())
}

/// Kills the holders. The other candidates take over, and nobody takes what is held.
async fn hand_over(dev: &Dev, pairs: &mut [Pair], recorder: &Recorder) -> Check {
    let pulse = Writer::start(dev.client(), "default");
    let mut killed = Vec::new();
    for pair in pairs.iter_mut() {
        let (mut terms, _) = lease::terms(&below(recorder, &lease_of(pair.library)));
        let last = some("a holder", terms.pop())?;
        let [holder, other] = match last.holder.as_str() {
            "relayed" => [&mut pair.relayed, &mut pair.direct],
            _ => [&mut pair.direct, &mut pair.relayed],
        };
        holder.kill().await?;
        killed.push((pair.library, last.holder, &*other));
    }
    let mut took = Vec::new();
    for (library, holder, other) in killed {
        other.says("leading", 1).await?;
        wait_until("the history has the new holder", PATIENCE, || {
            let (terms, wrong) = lease::terms(&below(recorder, &lease_of(library)));
            let is_new = terms.last().is_some_and(|term| term.holder != holder);
            async move { is_new || !wrong.is_empty() }
        })
        .await?;
        let (terms, wrong) = lease::terms(&below(recorder, &lease_of(library)));
        holds(&format!("{library}: {wrong:?}"), wrong.is_empty())?;
        let [.., before, after] = terms.as_slice() else {
            return Err(Failure::new(format!("{library}: {terms:?}")));
        };
        took.push((library, after.acquired_s - before.renewed_s));
    }
    let longest = pulse.end().await?.longest;
    println!("taken over after {took:.1?} s; a write took {longest:?} at most");
    let are_quick = took.iter().all(|(_, took)| *took <= TAKEOVER_S);
    holds(&format!("{took:?}"), are_quick || longest > CALM)
}

async fn outlive(programs: &[Program], dev: &Dev) -> Check {
    let leader = dev.leader().await?;
    let (spare, direct) = (
        (leader + 1) % cluster::MEMBERS,
        (leader + 2) % cluster::MEMBERS,
    );
    let order = [leader, spare, direct];
    let relay = Relay::start(order.map(|member| (member, dev.server(member)))).await?;
    let recorder = Recorder::start(&dev.endpoints)?;
    let (seeds, began) = writer::seed(&dev.client(), NAMESPACE).await?;
    let mut pairs = start(programs, dev, &relay, direct, &seeds).await?;
    let is_first = relay.connections() == relay.connections_of(leader);
    holds("the relay's clients are at the leader", is_first)?;
    let outlived = async {
        let written = strike(dev, &relay, leader, direct).await?;
        for program in pairs.iter().flat_map(Pair::both) {
            program.has_shown(&[writer::LAST.to_owned()]).await?;
        }
        let prefix = format!("/registry/configmaps/{NAMESPACE}/");
        wait_until("the history has the last one", PATIENCE, || {
            let last = below(&recorder, &prefix).pop();
            async move { last.is_some_and(|last| last.key.ends_with(writer::LAST)) }
        })
        .await?;
        let history = below(&recorder, &prefix);
        let wrong = judge_events(&pairs, &history, began);
        let (changes, programs) = (history.len(), 2 * pairs.len());
        let Written { times, longest } = written;
        println!("{times} writes, {longest:?} at most, {changes} changes, {programs} programs");
        holds(&wrong.join("\n"), wrong.is_empty())?;
        judge_holders(&pairs, &recorder, longest)?;
        hand_over(dev, &mut pairs, &recorder).await
    };
    let outlived = outlived.await;
    let tails = || pairs.iter().flat_map(Pair::both).map(Running::tail);
    outlived.map_err(|failure| Failure::new(format!("{failure}\n{}", tails().collect::<String>())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn informers_and_elections_outlive_their_members() {
    let run = async {
        // Building them the first time takes minutes.
        let programs = Program::all().await?;
        if programs.is_empty() {
            return Ok(());
        }
        let dev = Dev::start().await?;
        let outlived = Box::pin(outlive(&programs, &dev)).await;
        outlived.map_err(|failure| Failure::new(format!("{failure}\n{}", dev.tails())))
    };
    Box::pin(run).await.expect("clients outlive a member");
}
