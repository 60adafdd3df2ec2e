//! One run from its first member to its verdict: start, load, faults, healing, last reads, comparison.

use crate::chronicle::Chronicle;
use crate::clock;
use crate::cluster::{Cluster, Spec};
use crate::doctor::Host;
use crate::enclosure::Enclosure;
use crate::history::*;
use crate::kubernetes::Access;
use crate::lie;
use crate::nemesis::kind::Nemesis;
use crate::nemesis::{Injector, plan};
use crate::observer;
use crate::recorder::{Recorder, Tally};
use crate::session::Session;
use crate::sometimes;
use crate::workload::{self, Stage, Workload};
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::cluster::Binary;
use keelson_kit::process::Process;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::timeout;

/// The history in the directory of a run.
pub const HISTORY: &str = "history.jsonl";
/// How the run went, for machines.
pub const SUMMARY: &str = "run.json";
/// Watches end within this time after the last write, and writers long before.
const LAST_ACTORS: Duration = Duration::from_secs(60);
/// Fewer answers in a second make a run that proves nothing.
const LEAST_RATE: u64 = 5;
/// Hosts beside those of the members, where members come and go: three can grow to five and shrink again.
const SPARES: usize = 2;
/// How long writes are tried at the end.
const LAST_WRITE: Duration = Duration::from_secs(60);

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub binary: Binary,
    /// What clients do.
    pub workloads: Vec<Workload>,
    /// What breaks.
    pub nemeses: Vec<Nemesis>,
    /// How long.
    pub length: Duration,
    /// Decides everything that is chosen.
    pub seed: u64,
    /// Members.
    pub nodes: usize,
    /// Where history, logs and report go.
    pub out: PathBuf,
    /// Operations of one actor in a second, at most.
    pub rate: u32,
    /// If disks of members are kept even if all is well.
    pub keep: bool,
    /// What a reader types to see the same again.
    pub command: String,
}

/// How faults of one kind went.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct FaultTally {
    /// Begun.
    pub begun: u64,
    /// Seen to work.
    pub effective: u64,
}

/// What a run did; what it proves is for the checkers to say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The command that repeats it.
    pub command: String,
    /// The server.
    pub target: String,
    /// What kept the members apart.
    pub enclosure: String,
    /// Operations and events.
    pub tally: Tally,
    /// Faults by kind.
    pub faults: BTreeMap<String, FaultTally>,
    /// If the cluster came back and everything could be read.
    pub is_complete: bool,
    /// What went wrong, if not.
    pub detail: String,
}

/// Carries out a run. What went wrong on the way is in the history; an error means that there is none.
///
/// # Errors
///
/// When the cluster does not start, or the history cannot be written.
pub async fn run(
    options: &Options,
    enclosure: Enclosure,
    scratch: &Path,
    over: &(dyn Fn() -> bool + Sync),
) -> Check<Summary> {
    std::fs::create_dir_all(&options.out)?;
    let kubernetes = is_kubernetes(options)?;
    let host = Host::examine(enclosure, scratch);
    let wants_clock = options.nemeses.iter().any(|one| one.is_of_clocks());
    let wants_spares = options.nemeses.contains(&Nemesis::Member);
    let wants_lies = options.nemeses.contains(&Nemesis::Lie);
    let spec = Spec {
        binary: options.binary.clone(),
        size: options.nodes,
        spares: if wants_spares { SPARES } else { 0 },
        enclosure,
        disk_megabytes: 1200,
        // Where there is none, the fault is skipped.
        fake_time: wants_clock.then(|| clock::library(scratch).ok()).flatten(),
        // Where there is none, disks lie by other means.
        lies: wants_lies.then(|| lie::library(scratch).ok()).flatten(),
        kubernetes,
    };
    let mut cluster = Cluster::prepare(&spec, scratch, &options.out)?;
    for i in 0..options.nodes {
        cluster.start(i)?;
    }
    cluster.ready().await?;
    let target = cluster.version(&options.binary).await?;
    let access = match kubernetes {
        true => Some(settle(options, &cluster).await?),
        false => None,
    };
    let _nodes = start_nodes(options, &cluster)?;
    let recorder = Recorder::create(&options.out.join(HISTORY), &head(options, &target))?;
    let performed = perform(options, &mut cluster, access, &host, &recorder, over).await;
    let (faults, ended) = performed?;
    let (is_complete, detail) = match &ended {
        Ok(()) => (true, "all members answered".to_owned()),
        Err(failure) => (false, failure.to_string()),
    };
    read_logs(&recorder, &cluster);
    cluster.end();
    recorder.finish()?;
    if options.keep || !is_complete {
        cluster.keep_disks(&options.out)?;
    }
    let summary = Summary {
        command: options.command.clone(),
        target,
        enclosure: enclosure.name().to_owned(),
        tally: recorder.tally(),
        faults,
        is_complete,
        detail,
    };
    let text = serde_json::to_string_pretty(&summary)?;
    std::fs::write(options.out.join(SUMMARY), text)?;
    Ok(summary)
}

/// What members say in their logs: signs of a crash, and what must happen now and then.
fn read_logs(recorder: &Recorder, cluster: &Cluster) {
    for i in 0..cluster.size() {
        let (lines, alarms) = cluster.scan_log(i);
        let node = i as Node + 1;
        recorder.observe(Observation::LogScan {
            node,
            lines,
            alarms,
        });
        for condition in sometimes::CONDITIONS {
            for _ in condition.said_by(cluster, i) {
                let what = condition.name.to_owned();
                recorder.observe(Observation::Sometimes { what });
            }
        }
    }
}

/// If members are to serve the Kubernetes API. Others than clients write then, so that only loads of that API can be
/// judged.
fn is_kubernetes(options: &Options) -> Check<bool> {
    let count = |is: bool| {
        let all = options.workloads.iter();
        all.filter(|one| one.is_kubernetes() == is).count()
    };
    let what = "loads of the Kubernetes API run without loads of the store";
    holds(what, count(true) == 0 || count(false) == 0)?;
    let is_ours = !options.binary.leading.is_empty();
    let what = "the Kubernetes API is served by keelson only";
    holds(what, is_ours || count(true) == 0)?;
    Ok(count(true) > 0)
}

/// Waits for the API servers, and makes what loads need.
async fn settle(options: &Options, cluster: &Cluster) -> Check<Access> {
    let access = Access::of(&options.binary.path, cluster).await?;
    for workload in &options.workloads {
        for namespace in workload.namespaces() {
            access.namespace(namespace).await?;
        }
    }
    Ok(access)
}

/// Nodes without machines, if a load needs them. They end with the value.
fn start_nodes(options: &Options, cluster: &Cluster) -> Check<Option<Process>> {
    let count: u32 = options.workloads.iter().map(|one| one.nodes()).sum();
    if count == 0 {
        return Ok(None);
    }
    let arguments = [
        "hollow".to_owned(),
        format!("--nodes={count}"),
        format!(
            "--kubeconfig={}",
            cluster.directory().join("kubeconfig").display()
        ),
    ];
    let log = cluster.directory().join("hollow.log");
    let process = Process::start(&options.binary.path, &arguments, &log)?;
    Ok(Some(process))
}

fn head(options: &Options, target: &str) -> Head {
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = options.length.as_secs();
    let quick = options.workloads.iter().any(|one| one.is_quick());
    Head {
        workloads: options
            .workloads
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        nemeses: options
            .nemeses
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        nodes: options.nodes as u8,
        target: target.to_owned(),
        started_unix_ms: started.as_millis() as u64,
        duration_s: seconds,
        required_faults: options
            .nemeses
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        least_operations: if quick {
            LEAST_RATE * seconds
        } else {
            seconds / 2
        },
        invariants: options
            .workloads
            .iter()
            .flat_map(|one| one.invariants())
            .collect(),
        kubernetes: options.workloads.iter().any(|one| one.is_kubernetes()),
        ..Head::new(options.seed, options.command.clone())
    }
}

type Performed = (BTreeMap<String, FaultTally>, Check);

/// Load and faults, then healing and the last reads.
async fn perform(
    options: &Options,
    cluster: &mut Cluster,
    kubernetes: Option<Access>,
    host: &Host,
    recorder: &Recorder,
    over: &(dyn Fn() -> bool + Sync),
) -> Check<Performed> {
    let (stop, stopped) = watch::channel(false);
    let (tell_last, last_revision) = watch::channel(0);
    let stage = Stage {
        recorder: recorder.clone(),
        endpoints: cluster.endpoints(),
        founders: options.nodes,
        seed: options.seed,
        rate: options.rate,
        outside: Arc::default(),
        over: stopped,
        last_revision,
        kubernetes,
    };
    let load = Load::start(options.workloads.clone(), stage.clone())?;
    let plan = plan::plan(
        &options.nemeses,
        options.seed,
        options.length.as_millis() as u64,
    );
    let mut injector = Injector::new(cluster, recorder, host);
    injector
        .carry_out(&plan, options.length, &|| over() || load.has_ended())
        .await;
    let mut faults: BTreeMap<String, FaultTally> = BTreeMap::new();
    for (name, is_effective) in injector.tallies() {
        let tally = faults.entry((*name).to_owned()).or_default();
        tally.begun += 1;
        tally.effective += u64::from(*is_effective);
    }
    let ready = heal(cluster, &stage).await;
    let present = cluster.present();
    let _ = stop.send(true);
    let mut last = match ready {
        Ok(()) => last_reads(options, &stage, cluster).await,
        Err(failure) => Err(failure),
    };
    // Without a last revision, watches would wait for ever.
    let _ = tell_last.send(*last.as_ref().unwrap_or(&1));
    if let Err(failure) = load.join().await
        && last.is_ok()
    {
        last = Err(failure);
    }
    let (revision, detail) = match &last {
        Ok(revision) => (*revision, "all members answered".to_owned()),
        Err(failure) => (0, failure.to_string()),
    };
    // Before the comparison: what members are asked from here on, they are asked when all is well.
    recorder.observe(Observation::Recovered {
        complete: last.is_ok(),
        revision,
        detail,
    });
    let compared = match last {
        Ok(revision) => observer::compare(recorder, &stage.endpoints, &present, revision).await,
        Err(failure) => Err(failure),
    };
    Ok((faults, compared))
}

/// Everybody runs and answers again.
async fn heal(cluster: &mut Cluster, stage: &Stage) -> Check {
    for i in cluster.present() {
        cluster.start(i)?;
    }
    cluster.ready().await?;
    match &stage.kubernetes {
        Some(access) => access.ready().await,
        None => Ok(()),
    }
}

/// The last write, and reads of everything by every member. Returns the last write's revision.
async fn last_reads(options: &Options, stage: &Stage, cluster: &Cluster) -> Check<i64> {
    let present = cluster.present();
    let endpoints: Vec<_> = present
        .iter()
        .map(|i| stage.endpoints[*i].clone())
        .collect();
    let mut any = Session::new(&stage.recorder, &endpoints, None)?;
    for workload in &options.workloads {
        workload.last_reads(stage, &mut any).await;
    }
    let began = Instant::now();
    let revision = loop {
        let put = PutCall {
            key: Blob::from("end"),
            value: Blob::from(format!("end.{}", stage.recorder.number())),
            ..PutCall::default()
        };
        if let Some((header, _)) = any.kv(KvCall::Put(put)).await {
            break header.revision;
        }
        if began.elapsed() > LAST_WRITE {
            return Err(Failure::new("no write succeeds when all is healed"));
        }
    };
    same_members(options, cluster, &mut any).await?;
    for i in present {
        let node = i as Node + 1;
        let mut session = Session::new(&stage.recorder, &stage.endpoints, Some(node))?;
        let everything = RangeCall {
            range: KeyRange::all(),
            ..RangeCall::default()
        };
        some("an answer of every member", session.range(everything).await)?;
    }
    Ok(revision)
}

/// There are as many members as in the beginning, and they are those that are compared.
async fn same_members(options: &Options, cluster: &Cluster, any: &mut Session) -> Check {
    let listed = some("a list of the members", any.members().await)?;
    let mut listed: Vec<_> = listed.into_iter().flat_map(|one| one.peer_urls).collect();
    let present = cluster.present();
    let mut wanted: Vec<_> = present.iter().map(|i| cluster.peer_url(*i)).collect();
    listed.sort();
    wanted.sort_unstable();
    let text = format!(
        "the members are {wanted:?}, and {} of them: {listed:?}",
        options.nodes
    );
    holds(&text, listed == wanted && listed.len() == options.nodes)
}

/// Clients, on a thread and a runtime of their own: faults must not slow them down.
struct Load(std::thread::JoinHandle<Check>);

impl Load {
    fn start(workloads: Vec<Workload>, stage: Stage) -> Check<Load> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("load".to_owned());
        Ok(Load(thread.spawn(move || {
            runtime.block_on(async {
                let (recorder, endpoints) = (stage.recorder.clone(), stage.endpoints.clone());
                let chronicle = Chronicle::start(&recorder, &endpoints);
                let follower =
                    tokio::spawn(async move { observer::follow(&recorder, &endpoints).await });
                tokio::select! {
                    ended = workload::run(&workloads, &stage) => ended?,
                    () = too_late(stage.last_revision.clone()) => {
                        return Err(Failure::new("clients did not end in time"));
                    }
                };
                // Somebody is told of a revision until the last reads are done, too.
                is_known(&mut stage.last_revision.clone()).await;
                let seen = chronicle.finish().await;
                follower.abort();
                seen
            })
        })?))
    }

    /// Only when something is wrong before it was told to.
    fn has_ended(&self) -> bool {
        self.0.is_finished()
    }

    async fn join(self) -> Check {
        let waits = tokio::task::spawn_blocking(|| self.0.join());
        let ended = timeout(LAST_ACTORS * 2, waits).await??;
        ended.unwrap_or_else(|_| Err(Failure::new("the load panicked")))
    }
}

async fn too_late(mut last_revision: watch::Receiver<i64>) {
    is_known(&mut last_revision).await;
    tokio::time::sleep(LAST_ACTORS).await;
}

/// Until the last write is done, or was given up.
async fn is_known(last_revision: &mut watch::Receiver<i64>) {
    // An error says that whoever would tell is gone.
    let _ = last_revision.wait_for(|last| *last > 0).await;
}

/// A directory for a run that was given none.
pub fn default_out(workloads: &[Workload], nemeses: &[Nemesis], seed: u64) -> PathBuf {
    let join = |names: Vec<&str>| names.join("+");
    let (workloads, nemeses) = (
        join(workloads.iter().map(|one| one.name()).collect()),
        join(nemeses.iter().map(|one| one.name()).collect()),
    );
    Path::new("jepsen-runs").join(format!("{workloads}-{nemeses}-{seed}"))
}
