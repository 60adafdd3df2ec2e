//! Lanes of simulated members: tasks that take steps, with a disk and a processor that take their time.

use crate::plan::Plan;
use keelson_store::world::{Lanes, Step, Work};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// The lanes of one life of a member, which runs on the present host. The seed decides how long steps take.
pub fn lanes(plan: &Plan, seed: u64) -> Lanes {
    let plan = plan.clone();
    Lanes::Steps(Arc::new(move |name: &'static str, work: Box<dyn Work>| {
        let random = SmallRng::seed_from_u64(seed.wrapping_add(name.len() as u64));
        tokio::spawn(drive(name, work, plan.clone(), random));
    }))
}

async fn drive(name: &'static str, mut work: Box<dyn Work>, plan: Plan, mut random: SmallRng) {
    loop {
        let pause = match work.step() {
            Step::More if name == "wal-writer" => disk_time(&plan, &mut random),
            Step::More => Duration::from_micros(random.random_range(0..=2_000)),
            Step::Wait(patience) => patience.max(Duration::from_millis(1)),
            Step::Over => return,
        };
        tokio::time::sleep(pause).await;
    }
}

/// How long half a write takes.
fn disk_time(plan: &Plan, random: &mut SmallRng) -> Duration {
    let stalls = plan.stall_every > 0 && random.random_ratio(1, plan.stall_every);
    let most_ms = if stalls { plan.stall_ms } else { plan.disk_ms };
    Duration::from_micros(random.random_range(0..=most_ms * 1000))
}
