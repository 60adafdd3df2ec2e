//! When which fault begins and ends: decided by the seed, before anything runs.

use super::kind::{Lane, Nemesis};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// The load runs alone for so long: what it does then is what faults are compared with.
pub const PEACE_MS: u64 = 3_000;
/// Between two faults of a lane, in milliseconds.
const GAP_MS: (u64, u64) = (1_000, 4_000);

/// Whom a fault hits. Who leads is found out when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who leads then.
    Leader,
    /// One of the others.
    Follower,
    /// More than half, the leader among them or not.
    Majority,
    /// Everybody.
    All,
}

/// One fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds after the start of the load.
    pub at_ms: u64,
    /// How long it lasts.
    pub length_ms: u64,
    /// What.
    pub nemesis: Nemesis,
    /// Whom.
    pub role: Role,
    /// Decides everything else about it.
    pub seed: u64,
}

/// All faults of a run, in the order in which they begin. The same arguments give the same plan.
pub fn plan(nemeses: &[Nemesis], seed: u64, length_ms: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    for lane in [Lane::Members, Lane::Network, Lane::Requests] {
        let mut kinds: Vec<_> = nemeses
            .iter()
            .copied()
            .filter(|one| one.facts().lane == lane)
            .collect();
        kinds.sort();
        kinds.dedup();
        // Each lane has numbers of its own: another kind in one changes nothing in the others.
        let mut random = StdRng::seed_from_u64(seed ^ ((lane as u64 + 1) << 56));
        steps.extend(one_lane(kinds, length_ms, &mut random));
    }
    steps.sort_by_key(|step| step.at_ms);
    steps
}

fn one_lane(mut kinds: Vec<Nemesis>, length_ms: u64, random: &mut StdRng) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at_ms = PEACE_MS;
    // In a short run faults are shorter, so that each kind has its turn.
    let turns = kinds.len().max(1) as u64;
    let share_ms = (length_ms.saturating_sub(PEACE_MS) / turns).saturating_sub(GAP_MS.1);
    while !kinds.is_empty() {
        // In rounds, so that none of them is left out for long.
        kinds.shuffle(random);
        for nemesis in &kinds {
            at_ms += random.random_range(0..GAP_MS.1 - GAP_MS.0);
            let length = duration(*nemesis, share_ms, random);
            if at_ms + length > length_ms {
                return steps;
            }
            steps.push(Step {
                at_ms,
                length_ms: length,
                nemesis: *nemesis,
                role: role(*nemesis, random),
                seed: random.random(),
            });
            at_ms += length + GAP_MS.0;
        }
    }
    steps
}

/// Short ones are as frequent as long ones of twice the length. Not longer than a share of the run, if it can be.
fn duration(nemesis: Nemesis, share_ms: u64, random: &mut StdRng) -> u64 {
    let (least, most) = nemesis.facts().length_ms;
    let most = most.min(share_ms).max(least);
    let (low, high) = ((least as f64).ln(), (most as f64).ln());
    random.random_range(low..=high).exp() as u64
}

fn role(nemesis: Nemesis, random: &mut StdRng) -> Role {
    match nemesis {
        Nemesis::KillAll | Nemesis::PowerAll | Nemesis::Lie => Role::All,
        Nemesis::KillMajority => Role::Majority,
        Nemesis::Pause if random.random_range(0..4) == 0 => Role::Majority,
        _ if random.random_range(0..5) < 3 => Role::Leader,
        _ => Role::Follower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn a_seed_decides_everything() {
        let first = plan(&Nemesis::ALL, 7, HOUR_MS);
        assert_eq!(first, plan(&Nemesis::ALL, 7, HOUR_MS));
        assert_ne!(first, plan(&Nemesis::ALL, 8, HOUR_MS));
    }

    #[test]
    fn faults_of_a_lane_wait_for_each_other_and_those_of_others_do_not() {
        let steps = plan(&Nemesis::ALL, 7, HOUR_MS);
        let ends = |step: &Step| step.at_ms + step.length_ms;
        let (mut same, mut other) = (0, 0);
        for (i, first) in steps.iter().enumerate() {
            for second in steps[i + 1..]
                .iter()
                .filter(|second| second.at_ms < ends(first))
            {
                match first.nemesis.facts().lane == second.nemesis.facts().lane {
                    true => same += 1,
                    false => other += 1,
                }
            }
        }
        assert_eq!(same, 0);
        assert!(other > 100, "only {other} overlaps");
    }

    #[test]
    fn every_kind_comes_and_nothing_lasts_beyond_the_end() {
        let steps = plan(&Nemesis::ALL, 3, HOUR_MS);
        for nemesis in Nemesis::ALL {
            let count = steps.iter().filter(|step| step.nemesis == nemesis).count();
            assert!(count > 10, "{nemesis:?} came {count} times");
            let leads = |step: &&Step| step.nemesis == nemesis && step.role == Role::Leader;
            let all_or_most = [
                Nemesis::KillAll,
                Nemesis::PowerAll,
                Nemesis::KillMajority,
                Nemesis::Lie,
            ];
            let hit = steps.iter().filter(leads).count();
            assert!(
                hit > 0 || all_or_most.contains(&nemesis),
                "{nemesis:?} spares the leader"
            );
        }
        assert!(steps.iter().all(|step| step.at_ms >= PEACE_MS));
        assert!(
            steps
                .iter()
                .all(|step| step.at_ms + step.length_ms <= HOUR_MS)
        );
    }

    #[test]
    fn every_kind_has_its_turn_in_a_short_run() {
        let two_lanes = [
            Nemesis::Stall,
            Nemesis::Pause,
            Nemesis::Partition,
            Nemesis::Flap,
        ];
        for seed in 0..500 {
            let steps = plan(&two_lanes, seed, 20_000);
            for nemesis in two_lanes {
                let comes = steps.iter().any(|step| step.nemesis == nemesis);
                assert!(comes, "seed {seed}: {nemesis:?} does not come");
            }
        }
    }

    #[test]
    fn a_minute_is_enough_for_some_of_one_kind() {
        let count = plan(&[Nemesis::Kill], 1, 60_000).len();
        assert!(count >= 6, "{count}");
    }
}
