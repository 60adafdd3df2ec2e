//! Lanes of simulated members: tasks that take steps, with a disk and a processor that take their time.

use crate::plan::Plan;
use keelson_store::world::{Lanes, Step, Work};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The lanes of one life of a member, which runs on the present host. The seed decides how long steps take. Its
/// disk stalls now and then while it `may_stall`.
pub fn lanes(plan: &Plan, seed: u64, may_stall: &Arc<AtomicBool>) -> Lanes {
    let (plan, may_stall) = (plan.clone(), Arc::clone(may_stall));
    Lanes::Steps(Arc::new(move |name: &'static str, work: Box<dyn Work>| {
        let random = SmallRng::seed_from_u64(seed.wrapping_add(name.len() as u64));
        let disk = Disk {
            plan: plan.clone(),
            may_stall: Arc::clone(&may_stall),
            random,
        };
        tokio::spawn(drive(name, work, disk));
    }))
}

struct Disk {
    plan: Plan,
    may_stall: Arc<AtomicBool>,
    random: SmallRng,
}

async fn drive(name: &'static str, mut work: Box<dyn Work>, mut disk: Disk) {
    loop {
        let pause = match work.step() {
            Step::More if name == "wal-writer" => disk.time(),
            Step::More => Duration::from_micros(disk.random.random_range(0..=2_000)),
            Step::Wait(patience) => patience.max(Duration::from_millis(1)),
            Step::Over => return,
        };
        tokio::time::sleep(pause).await;
    }
}

impl Disk {
    /// How long half a write takes.
    fn time(&mut self) -> Duration {
        let Plan {
            stall_every,
            stall_ms,
            disk_ms,
            ..
        } = self.plan;
        let stalls = stall_every > 0 && self.random.random_ratio(1, stall_every);
        let stalls = stalls && self.may_stall.load(Ordering::SeqCst);
        let most_ms = if stalls { stall_ms } else { disk_ms };
        Duration::from_micros(self.random.random_range(0..=most_ms * 1000))
    }
}
