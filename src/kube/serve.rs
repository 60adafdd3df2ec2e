//! The API server of this member: what it needs is made or found in the store, then it serves.

use super::beginnings;
use super::clock::{SystemClock, SystemRandom};
use super::decoded::Decoded;
use super::kv::MemberKv;
use super::once::Setback;
use super::shared_secrets;
use super::vitals::Vitals;
use keelson_apiserver::admission::{Chain, Meters, Stored};
use keelson_apiserver::authenticate::{Authenticator, ServiceTokens, StaticTokens};
use keelson_apiserver::authorize::{Authorizer, Masters, NodeAuthorizer, Union, bootstrap};
use keelson_apiserver::http::{
    self, Audit, Check, HeldRights, KeptCatalog, KeptGraph, KeptPolicy, Limits, RegistryObjects,
    Tls, write_policy,
};
use keelson_apiserver::identity::Anonymous;
use keelson_apiserver::meter::Export;
use keelson_apiserver::pki::{self, Authority};
use keelson_apiserver::registry::{Clock, Registry};
use keelson_apiserver::resource::{self, Catalog};
use keelson_apiserver::storage::{At, Kv, Range, Txn, Write};
use keelson_store::rpc::front::Shared;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Below this every member notes where its API server is reached.
pub const SERVERS_PREFIX: &str = "/keelson/kubernetes/servers/";

/// Pause before another try while the store does not answer.
const AGAIN: Duration = Duration::from_millis(200);
/// How often it is looked whether the server's certificate is due.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);

/// How it is asked to serve.
pub struct Options {
    /// Bound.
    pub listener: TcpListener,
    /// How clients reach it, as `host:port`.
    pub address: String,
    /// The member's name.
    pub name: String,
    /// Under which names and addresses.
    pub server: pki::Server,
    /// Tokens that an operator wrote down.
    pub tokens: StaticTokens,
    /// Where requests are written down, if anywhere.
    pub audit: Option<Audit>,
    /// What the control loops tell.
    pub vitals: Arc<Vitals>,
    /// What was decoded a moment ago, here or by the control loops.
    pub decoded: Arc<Decoded>,
}

/// A server that runs, on a thread of its own.
pub struct Kube {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Kube {
    /// Starts it on the front of this number, which is nobody else's.
    ///
    /// # Errors
    /// The system's. What the store refuses is tried again, and logged.
    pub fn start(options: Options, shared: &Shared, front: usize) -> std::io::Result<Kube> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = shared.clone();
        let thread = std::thread::Builder::new()
            .name("kubernetes".to_owned())
            .stack_size(super::STACK_BYTES)
            .spawn(move || runtime.block_on(run(options, &shared, front, stopped)))?;
        Ok(Kube { stop, thread })
    }

    /// Lets requests finish, within a bound, and ends.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn run(options: Options, shared: &Shared, front: usize, mut stop: oneshot::Receiver<()>) {
    let kv: Arc<dyn Kv> = Arc::new(MemberKv::new(shared, front, &options.decoded));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalog = Arc::new(resource::builtin().clone());
    let judged = Judged::default();
    let (registry, meters) = registry(&kv, &clock, &judged);
    let registry = Arc::new(registry);
    let prepared = async {
        loop {
            match prepare(&*kv, &options, &registry, &catalog).await {
                Ok(prepared) => return Some(prepared),
                Err(Setback::Passing(why)) => {
                    tracing::info!(why, "the API server waits for the store");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(Setback::Final(why)) => {
                    tracing::error!(why, "the API server cannot start");
                    return None;
                }
            }
        }
    };
    let prepared = tokio::select! {
        prepared = prepared => prepared,
        _ = &mut stop => return,
    };
    let Some(prepared) = prepared else { return };
    let address = options.address.clone();
    let admission: Export = Arc::new(move |page| meters.show(page));
    let exports = vec![admission, options.vitals.export(&shared.metrics)];
    let parts = Parts {
        kv,
        clock,
        registry,
        catalog,
        judged,
        exports,
    };
    match serve(options, prepared, parts, stop).await {
        Ok(()) => tracing::info!(address, "the API server has stopped"),
        Err(why) => tracing::error!(why, "the API server cannot serve"),
    }
}

struct Prepared {
    authority: Authority,
    tokens: ServiceTokens,
}

/// Makes or finds what all members have in common, and what every cluster begins with.
async fn prepare(
    kv: &dyn Kv,
    options: &Options,
    registry: &Arc<Registry>,
    catalog: &Catalog,
) -> Result<Prepared, Setback> {
    let authority = shared_secrets::authority(kv).await?;
    let keys = shared_secrets::token_keys(kv).await?;
    let objects = RegistryObjects::new(registry.clone(), catalog);
    let issuer = "https://kubernetes.default.svc.cluster.local";
    write_policy(registry, catalog)
        .await
        .map_err(|error| Setback::Passing(error.to_string()))?;
    beginnings::ensure(registry, catalog).await?;
    let now_us = SystemClock.now_us();
    http::write_service_range(registry, catalog, now_us)
        .await
        .map_err(|error| Setback::Passing(error.to_string()))?;
    note_address(kv, options).await?;
    Ok(Prepared {
        authority,
        tokens: ServiceTokens::new(keys, issuer, Vec::new(), Arc::new(objects)),
    })
}

/// Notes where this member serves, for those who make a kubeconfig.
async fn note_address(kv: &dyn Kv, options: &Options) -> Result<(), Setback> {
    let txn = Txn {
        writes: vec![Write::Put {
            key: format!("{SERVERS_PREFIX}{}", options.name).into(),
            value: format!("https://{}", options.address).into(),
            lease: 0,
        }],
        ..Txn::default()
    };
    kv.txn(txn).await?;
    Ok(())
}

struct Parts {
    kv: Arc<dyn Kv>,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    catalog: Arc<Catalog>,
    judged: Judged,
    exports: Vec<Export>,
}

/// What it is judged by who may what. Both follow the store.
#[derive(Clone, Default)]
struct Judged {
    policy: KeptPolicy,
    graph: KeptGraph,
}

/// Objects over the store, with admission in front of writes; and how long that takes.
fn registry(kv: &Arc<dyn Kv>, clock: &Arc<dyn Clock>, judged: &Judged) -> (Registry, Arc<Meters>) {
    let objects = Arc::new(Stored::new(kv.clone()));
    let chain = Chain::standard(objects, Arc::new(rand::random));
    let meters = chain.meters();
    let admission = HeldRights::new(judged.policy.clone(), authorizer(judged), chain);
    let registry = Registry::new(kv.clone(), clock.clone(), Arc::new(SystemRandom))
        .with_admission(Arc::new(admission));
    (registry, meters)
}

/// Who may what: operators everything, nodes what their Pods need, others and nodes, too, what the policy
/// says.
fn authorizer(judged: &Judged) -> Arc<dyn Authorizer> {
    let nodes = NodeAuthorizer::new(judged.graph.clone(), bootstrap::node_rules());
    let authorizers: Vec<Box<dyn Authorizer>> = vec![
        Box::new(Masters),
        Box::new(nodes),
        Box::new(judged.policy.clone()),
    ];
    Arc::new(Union::new(authorizers))
}

async fn serve(
    options: Options,
    prepared: Prepared,
    parts: Parts,
    stop: oneshot::Receiver<()>,
) -> Result<(), String> {
    let Parts {
        kv,
        clock,
        registry,
        catalog,
        judged,
        exports,
    } = parts;
    let mut checks = vec![store_check(kv)];
    checks.extend(options.vitals.checks(&judged.policy));
    let anonymous = Anonymous::health_and_version();
    let issue = |now_s| {
        let issued = options.server.issue(&prepared.authority, now_s);
        issued.map_err(|error| error.to_string())
    };
    let certificate = issue(now_s(&*clock))?;
    let tls = Tls::new(&certificate, prepared.authority.certificate());
    let tls = tls.map_err(|error| error.to_string())?;
    let server = http::Server::new(
        http::Options {
            registry: registry.clone(),
            clock: clock.clone(),
            catalog: catalog.clone(),
            authenticator: Authenticator::new(
                options.tokens.clone(),
                Some(prepared.tokens),
                anonymous,
            ),
            authorizer: authorizer(&judged),
            audit: options.audit.clone(),
            checks,
            exports,
            limits: Limits::default(),
            address: options.address.clone(),
        },
        tls,
    );
    let listener = options.listener.set_nonblocking(true);
    let listener = listener.and_then(|()| tokio::net::TcpListener::from_std(options.listener));
    let listener = listener.map_err(|error| error.to_string())?;
    tracing::info!(
        address = options.address,
        "ready to serve Kubernetes requests"
    );
    let serving = server.serve(listener, async {
        let _ = stop.await;
    });
    let resources = KeptCatalog::new(catalog.clone());
    tokio::select! {
        () = serving => {}
        () = resources.keep(&registry, |now| server.serve_catalog(now)) => {}
        () = resources.establish(&registry, &*clock) => {}
        () = judged.policy.keep(&registry, &catalog) => {}
        () = judged.graph.keep(&registry, &catalog) => {}
        () = renew(&server, &*clock, certificate, issue) => {}
        () = beginnings::keep(&registry, &catalog) => {}
    }
    Ok(())
}

/// Seconds since 1970.
fn now_s(clock: &dyn Clock) -> i64 {
    clock.now_us().div_euclid(1_000_000)
}

/// Shows another certificate whenever one is due.
async fn renew(
    server: &http::Server,
    clock: &dyn Clock,
    mut certificate: pki::Certificate,
    issue: impl Fn(i64) -> Result<pki::Certificate, String>,
) {
    loop {
        tokio::time::sleep(RENEWAL_LOOK).await;
        let validity = pki::Validity::of_pem(&certificate.certificate);
        let now_s = now_s(clock);
        if validity.is_ok_and(|validity| !validity.is_due(now_s)) {
            continue;
        }
        let renewed = issue(now_s).and_then(|issued| {
            let shown = server.tls().renew(&issued);
            shown.map(|()| issued).map_err(|error| error.to_string())
        });
        match renewed {
            Ok(issued) => {
                certificate = issued;
                tracing::info!("the API server shows a new certificate");
            }
            Err(why) => tracing::error!(why, "the certificate cannot be renewed"),
        }
    }
}

/// Whether the store answers a read that counts.
fn store_check(kv: Arc<dyn Kv>) -> Check {
    Check::of_readiness("etcd", move || {
        let kv = kv.clone();
        Box::pin(async move {
            let range = Range {
                key: "/registry/health".into(),
                end: None,
                at: At::Latest,
                limit: 1,
                keys_only: true,
            };
            let answer = kv.range(range).await;
            answer.map(drop).map_err(|error| format!("{error:?}"))
        })
    })
}
