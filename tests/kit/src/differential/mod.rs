//! The same random requests on two servers: every answer, every watched event and the final state must
//! be equal.
//!
//! [`generate`] makes a script out of a seed, [`run`] performs it on a fresh server, [`compare`] finds
//! the first difference and [`shrink`] looks for the shortest script that still shows it. A script does
//! not depend on answers: where a request needs a revision it says "so many before the present one"
//! (see [`step::Step`]), and ids of leases are chosen by the script. So any part of a script is a script.
//!
//! What may differ between two right servers is left out of the comparison: ids of cluster and
//! members, raft terms, seconds left of a lease, how watched revisions are packed into messages.

pub mod compare;
pub mod generate;
pub mod run;
pub mod shrink;
pub mod step;

use crate::check::Check;
use crate::cluster::{Binary, Cluster};
use compare::{Difference, Tolerance};
use run::{Item, Plant, Run};
use std::fmt::Write as _;
use step::Step;

/// The two servers, and what to overlook.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The server that is taken to be right.
    pub reference: Binary,
    /// Members of the reference.
    pub reference_members: usize,
    /// The server under test.
    pub subject: Binary,
    /// Members of the subject; all requests go to one of them that is not the first.
    pub subject_members: usize,
    /// Known faults of the reference.
    pub tolerance: Tolerance,
    /// Falsifies the subject's answers, to prove that the comparison sees it.
    pub plant: Option<Plant>,
}

/// What came of a comparison.
#[derive(Debug)]
pub enum Outcome {
    /// No difference; how many answers and watched items were compared.
    Equal {
        /// Answers to requests.
        answers: usize,
        /// Items of watches.
        watched: usize,
        /// Watches that broke or kept silent when they should have spoken, on both servers alike.
        lost: usize,
    },
    /// They differ.
    Different {
        /// The shortest script found that shows a difference.
        steps: Vec<Step>,
        /// That script, the difference and the seed, for a reader.
        report: String,
    },
}

/// Compares the two servers over `count` requests made from `seed`.
///
/// # Errors
///
/// When a server does not start.
pub async fn compare_servers(pair: &Pair, seed: u64, count: usize) -> Check<Outcome> {
    let steps = generate::steps(seed, count);
    let (reference, subject) = run_both(pair, &steps).await?;
    let Some(difference) = compare::first(&steps, &reference, &subject, pair.tolerance) else {
        return Ok(Outcome::Equal {
            answers: reference.replies.len() + reference.end.len(),
            watched: reference.watches.values().map(Vec::len).sum(),
            lost: lost(&reference),
        });
    };
    eprintln!("seed {seed}: {difference}\nlooking for a shorter script");
    let known = match difference.step {
        Some(step) => steps[..=step].to_vec(),
        None => steps,
    };
    let short = shrink::shrink(known, async |candidate: &[Step]| {
        Ok(difference_of(pair, candidate).await?.is_some())
    })
    .await?;
    let difference = difference_of(pair, &short).await?.unwrap_or(difference);
    let mut report = format!("seed {seed}, {count} requests; the shortest script found:\n");
    for (i, step) in short.iter().enumerate() {
        let _ = writeln!(report, "{i:>4}  {step}");
    }
    let _ = writeln!(report, "{difference}");
    Ok(Outcome::Different {
        steps: short,
        report,
    })
}

fn lost(run: &Run) -> usize {
    let items = run.watches.values().flatten();
    items
        .filter(|item| matches!(item, Item::Silent | Item::Broken(_)))
        .count()
}

/// The first difference in what the two servers do with `steps`.
///
/// # Errors
///
/// When a server does not start.
pub async fn difference_of(pair: &Pair, steps: &[Step]) -> Check<Option<Difference>> {
    let (reference, subject) = run_both(pair, steps).await?;
    Ok(compare::first(steps, &reference, &subject, pair.tolerance))
}

/// Both servers are fresh, and work at the same time.
async fn run_both(pair: &Pair, steps: &[Step]) -> Check<(Run, Run)> {
    let reference = run_one(&pair.reference, pair.reference_members, steps, None);
    let subject = run_one(&pair.subject, pair.subject_members, steps, pair.plant);
    let (reference, subject) = tokio::join!(reference, subject);
    Ok((reference?, subject?))
}

async fn run_one(
    binary: &Binary,
    members: usize,
    steps: &[Step],
    plant: Option<Plant>,
) -> Check<Run> {
    let cluster = Cluster::start(binary, members, &[]).await?;
    run::run(&cluster.client_of(members - 1)?, steps, plant).await
}
