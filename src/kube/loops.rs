//! The control loops of this member: they follow the store all the time, and run while it leads.

use super::clock::{SystemClock, SystemRandom};
use super::decoded::Decoded;
use super::kv::MemberKv;
use super::members::Members;
use super::once::Setback;
use super::shared_secrets;
use super::vitals::Vitals;
use keelson_apiserver::admission::{Chain, Stored};
use keelson_apiserver::registry::{Clock, Registry};
use keelson_apiserver::resource;
use keelson_apiserver::storage::Kv;
use keelson_controllers::compaction::Compaction;
use keelson_controllers::cron_job::CronJobs;
use keelson_controllers::daemon_set::DaemonSets;
use keelson_controllers::deployment::Deployments;
use keelson_controllers::disruption::Disruption;
use keelson_controllers::endpoint_slices::EndpointSlices;
use keelson_controllers::endpoints::EndpointsController;
use keelson_controllers::garbage::GarbageCollector;
use keelson_controllers::holder::Holder;
use keelson_controllers::job::{JobOrphans, Jobs};
use keelson_controllers::kubernetes_service::KubernetesService;
use keelson_controllers::namespace::Namespaces;
use keelson_controllers::node_ipam::{self, NodeIpam};
use keelson_controllers::node_lifecycle::{NodeLifecycle, Timings};
use keelson_controllers::pod_gc::PodCollector;
use keelson_controllers::replicas;
use keelson_controllers::resource_quota::ResourceQuotas;
use keelson_controllers::role_aggregation::RoleAggregation;
use keelson_controllers::root_ca::RootCa;
use keelson_controllers::runtime::{Ground, Manager};
use keelson_controllers::scheduler::{Meter, Scheduler};
use keelson_controllers::service_account::ServiceAccounts;
use keelson_controllers::taint_eviction::TaintEviction;
use keelson_controllers::ttl_after_finished::TtlAfterFinished;
use keelson_store::MemberId;
use keelson_store::raft::Leadership;
use keelson_store::rpc::front::Shared;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Pause before another try, while the store does not answer or a term is ending.
const AGAIN: Duration = Duration::from_millis(50);

/// The loops, on a thread of their own: neither do they hold up requests, nor requests them.
pub struct Loops {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Loops {
    /// Starts them, in the name of this member, on the front of this number, which is nobody else's.
    /// `everywhere`: whoever leads, for tests. `vitals`: where the API server looks. `decoded`: what it and the
    /// loops decode once.
    ///
    /// # Errors
    /// The system's.
    pub fn start(
        name: &str,
        shared: &Shared,
        front: usize,
        everywhere: bool,
        vitals: &Arc<Vitals>,
        decoded: &Arc<Decoded>,
    ) -> std::io::Result<Loops> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (name, shared, vitals) = (name.to_owned(), shared.clone(), vitals.clone());
        let decoded = decoded.clone();
        let thread = std::thread::Builder::new()
            .name("controllers".to_owned())
            .stack_size(super::STACK_BYTES)
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = run(&name, (&shared, front, &decoded), everywhere, &vitals) => {}
                        () = vitals.beat() => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Loops { stop, thread })
    }

    /// Ends them. What they have begun to write may still take effect.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn run(
    name: &str,
    (shared, front, decoded): (&Shared, usize, &Arc<Decoded>),
    everywhere: bool,
    vitals: &Vitals,
) {
    let kv: Arc<dyn Kv> = Arc::new(MemberKv::new(shared, front, decoded));
    let authority = loop {
        match shared_secrets::authority(&*kv).await {
            Ok(authority) => break authority,
            Err(Setback::Passing(_)) => tokio::time::sleep(AGAIN).await,
            Err(Setback::Final(why)) => {
                tracing::error!(why, "the control loops cannot start");
                return;
            }
        }
    };
    let members = Members::default();
    let scheduler = Arc::new(Meter::default());
    let root = authority.certificate();
    let manager = manager(&kv, name, root, members.clone(), scheduler.clone());
    let ground = manager.ground();
    vitals.made(ground.shared.clone(), ground.queues.clone(), scheduler);
    let member_id = shared.handle.identity().member_id;
    let leadership = shared.handle.watch_leadership();
    count(&manager, shared);
    let leading = async {
        match everywhere {
            true => lead_regardless(&manager, leadership).await,
            false => lead(&manager, member_id, leadership).await,
        }
    };
    tokio::join!(manager.follow(), members.keep(&*kv), leading);
}

/// Shows what was refused among the member's metrics.
fn count(manager: &Manager, shared: &Shared) {
    let refused = manager.ground().refused.clone();
    shared.metrics.pull(move |samples| {
        samples.counter(
            "keelson_loop_writes_fenced",
            "Writes of control loops that were refused because the term in which they were decided had ended",
            refused.fenced() as f64,
        )?;
        samples.counter(
            "keelson_loop_writes_stale",
            "Writes of control loops that were refused because something they rested on had changed",
            refused.stale() as f64,
        )
    });
}

/// All loops of a cluster.
fn manager(
    kv: &Arc<dyn Kv>,
    name: &str,
    root: &str,
    members: Members,
    scheduler: Arc<Meter>,
) -> Manager {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chain = Chain::standard(Arc::new(Stored::new(kv.clone())), Arc::new(rand::random));
    let registry = Registry::new(kv.clone(), clock.clone(), Arc::new(SystemRandom))
        .with_admission(Arc::new(chain));
    let catalog = Arc::new(resource::builtin().clone());
    let ground = Ground::new(Arc::new(registry), catalog, clock);
    Manager::new(Arc::new(ground))
        .named(name)
        .with(Holder::new(name))
        .with(ServiceAccounts)
        .with(RootCa::new(root))
        .with(RoleAggregation)
        .with(Namespaces)
        .with(GarbageCollector)
        .with(ResourceQuotas)
        .with(Disruption)
        .with(replicas::sets())
        .with(replicas::controllers())
        .with(Deployments)
        .with(DaemonSets::default())
        .with(Jobs)
        .with(JobOrphans)
        .with(PodCollector::default())
        .with(CronJobs)
        .with(EndpointSlices::default())
        .with(EndpointsController::default())
        .with(KubernetesService::new(move || members.present()))
        .with(NodeLifecycle::new(Timings::default()))
        .with(TaintEviction::new())
        .with(NodeIpam::new(node_ipam::Range::default()))
        .with(TtlAfterFinished)
        .with(Compaction::new(Compaction::EVERY))
        .with_loop(move || Arc::new(Scheduler::default().metered(scheduler.clone())))
}

/// Runs the loops in every term in which this member leads. Returns when the member stops.
async fn lead(
    manager: &Manager,
    member_id: MemberId,
    mut leadership: watch::Receiver<Option<Leadership>>,
) {
    while let Some(led) = Leadership::of(member_id, &mut leadership).await {
        tracing::info!(term = led.term, "this member runs the control loops");
        let ended = leadership.wait_for(|present| *present != Some(led));
        tokio::select! {
            () = manager.lead(led.term) => tokio::time::sleep(AGAIN).await,
            _ = ended => {}
        }
        tracing::info!(
            term = led.term,
            "this member does not run the control loops any more"
        );
    }
}

/// Runs the loops in every term, whoever leads, and in one that has ended until a write is refused. Returns
/// when the member stops. For `--unsafe-loops-everywhere`: it shows that fences and claims hold.
async fn lead_regardless(manager: &Manager, mut leadership: watch::Receiver<Option<Leadership>>) {
    loop {
        let led = match leadership.wait_for(Option::is_some).await {
            Ok(led) => *led,
            Err(_) => return,
        };
        if let Some(led) = led {
            tracing::warn!(
                term = led.term,
                "this member runs the control loops, whoever leads"
            );
            manager.lead(led.term).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
