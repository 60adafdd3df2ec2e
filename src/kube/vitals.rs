//! What the control loops of this member tell its API server, which has the port where people look: what
//! they have counted, and whether they are well.

use keelson_apiserver::http::{Check, CheckFuture, KeptPolicy};
use keelson_apiserver::meter::{Export, Page};
use keelson_controllers::runtime::{QueueMeters, Shared as World};
use keelson_controllers::scheduler::Meter;
use keelson_store::metrics::Metrics;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often the loops' thread says that it runs.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A thread that has not said so for this long does not run any more. Longer than anything that a busy
/// machine does to it: whoever is told of it starts the member again.
const BEAT_MISSED: Duration = Duration::from_secs(60);

/// Families of the member's own page that belong onto the API server's, too, by how their names begin.
const SHARED: [&str; 2] = ["process_", "keelson_loop_"];

/// See the module.
pub struct Vitals {
    beat: Mutex<Instant>,
    loops: OnceLock<Loops>,
}

/// What there is once the loops have been made.
struct Loops {
    world: Arc<World>,
    queues: Arc<QueueMeters>,
    scheduler: Arc<Meter>,
}

impl Default for Vitals {
    fn default() -> Vitals {
        Vitals {
            beat: Mutex::new(Instant::now()),
            loops: OnceLock::new(),
        }
    }
}

impl Vitals {
    /// The loops have been made. Those that are made again count for nothing.
    pub fn made(&self, world: Arc<World>, queues: Arc<QueueMeters>, scheduler: Arc<Meter>) {
        let _ = self.loops.set(Loops {
            world,
            queues,
            scheduler,
        });
    }

    /// Says again and again, for ever, that the thread runs that polls this.
    pub async fn beat(&self) {
        loop {
            *self.beat.lock() = Instant::now();
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }

    /// What the member and its loops have counted.
    pub fn export(self: &Arc<Self>, metrics: &Arc<Metrics>) -> Export {
        let (vitals, metrics) = (self.clone(), metrics.clone());
        Arc::new(move |page| {
            page.lines(shared(&metrics.text()));
            vitals.show(page);
        })
    }

    fn show(&self, page: &mut Page) {
        if let Some(loops) = self.loops.get() {
            loops.world.show(page);
            loops.queues.show(page);
            loops.scheduler.show(page);
        }
    }

    /// Whether the loops are well, and what this member knows of the cluster is as the store has it.
    pub fn checks(self: &Arc<Self>, policy: &KeptPolicy) -> Vec<Check> {
        let (thread, followed) = (self.clone(), self.clone());
        let (filled, kept) = (policy.clone(), policy.clone());
        vec![
            Check::of_life("control-loops", move || {
                told(thread.runs(Instant::now()), "their thread does not run")
            }),
            // The roles are written before anything is served; here they have been read.
            Check::of_readiness("poststarthook/rbac/bootstrap-roles", move || {
                told(filled.is_filled(), "the policy has not been read")
            }),
            Check::of_readiness("informer-sync", move || match kept.is_current() {
                true => told(followed.follows(), "the loops do not see the cluster"),
                false => told(false, "the policy is not followed"),
            }),
        ]
    }

    fn runs(&self, now: Instant) -> bool {
        now.saturating_duration_since(*self.beat.lock()) < BEAT_MISSED
    }

    fn follows(&self) -> bool {
        let loops = self.loops.get();
        loops.is_some_and(|loops| loops.world.is_current())
    }
}

fn told(is_well: bool, why: &str) -> CheckFuture {
    let result = is_well.then_some(()).ok_or_else(|| why.to_owned());
    Box::pin(std::future::ready(result))
}

/// The lines of a page that are about the families that are [`SHARED`].
fn shared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| {
        let about = line.strip_prefix("# HELP ");
        let about = about.or_else(|| line.strip_prefix("# TYPE "));
        let name = about.unwrap_or(line);
        SHARED.iter().any(|start| name.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::super::clock::{SystemClock, SystemRandom};
    use super::*;
    use futures::FutureExt;
    use keelson_apiserver::registry::{Clock, Registry};
    use keelson_apiserver::resource;
    use keelson_apiserver::storage::{Kv, MemoryKv};
    use keelson_controllers::runtime::Ground;

    #[test]
    fn of_the_members_own_page_only_what_is_about_the_process_is_shown() {
        let vitals = Arc::new(Vitals::default());
        let mut page = Page::default();
        (vitals.export(&Metrics::new()))(&mut page);
        let text = page.into_text();
        for name in [
            "# TYPE process_cpu_seconds_total counter",
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_start_time_seconds ",
        ] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
        }
        assert!(!text.contains("etcd_"), "{text}");
    }

    #[test]
    fn a_thread_that_has_said_nothing_for_long_does_not_run() {
        let vitals = Vitals::default();
        let beat = *vitals.beat.lock();
        assert!(vitals.runs(beat + BEAT_MISSED - BEAT_EVERY));
        assert!(!vitals.runs(beat + BEAT_MISSED));
    }

    #[test]
    fn loops_that_have_not_been_made_see_nothing() {
        assert!(!Vitals::default().follows());
    }

    fn long_ago() -> Instant {
        let ago = Instant::now().checked_sub(BEAT_MISSED);
        ago.expect("clocks go back that far")
    }

    #[test]
    fn a_thread_that_polls_says_so() {
        let vitals = Vitals::default();
        *vitals.beat.lock() = long_ago();
        assert!(!vitals.runs(Instant::now()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let polled = runtime.block_on(async { vitals.beat().now_or_never() });
        assert!(polled.is_none(), "it goes on");
        assert!(vitals.runs(Instant::now()));
    }

    #[tokio::test]
    async fn each_check_is_about_what_its_name_says() {
        let vitals = Arc::new(Vitals::default());
        let checks = vitals.checks(&KeptPolicy::default());
        let mut told = Vec::new();
        for check in &checks {
            told.push((check.name(), check.run().await.err()));
        }
        let why = |text: &str| Some(text.to_owned());
        let expected = [
            ("control-loops", None),
            (
                "poststarthook/rbac/bootstrap-roles",
                why("the policy has not been read"),
            ),
            ("informer-sync", why("the policy is not followed")),
        ];
        assert_eq!(told, expected);
        *vitals.beat.lock() = long_ago();
        let told = checks[0].run().await.err();
        assert_eq!(told, why("their thread does not run"));
    }

    #[tokio::test]
    async fn what_the_loops_count_is_shown_from_when_they_are_made() {
        let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let registry = Registry::new(kv, clock.clone(), Arc::new(SystemRandom));
        let catalog = Arc::new(resource::builtin().clone());
        let ground = Ground::new(Arc::new(registry), catalog, clock);
        let vitals = Arc::new(Vitals::default());
        let text = || {
            let mut page = Page::default();
            (vitals.export(&Metrics::new()))(&mut page);
            page.into_text()
        };
        assert!(!text().contains("scheduler_"));
        vitals.made(ground.shared.clone(), ground.queues, Arc::default());
        assert!(text().contains("# TYPE scheduler_"), "{}", text());
        assert!(!vitals.follows(), "nothing has been read yet");
    }
}
