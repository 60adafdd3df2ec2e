//! `keelson hollow`: nodes without machines, for looking at a control plane with many of them.

use super::error::{Error, Result};
use super::kubeconfig::destination;
use super::output;
use super::{Context, block_on};
use crate::config::value;
use crate::kube::client::{Client, Config, Resource, query};
use crate::kube::clock::SystemClock;
use crate::kube::hollow::Remote;
use crate::version;
use keelson_controllers::hollow::{Counts, Failing, Flapping, Plan, run as run_nodes};
use serde_json::json;
use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Trouble is told so often at most.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Arguments of `hollow`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// How many
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    nodes: u32,
    /// Node number i is called NAME-i
    #[arg(long, default_value = "hollow", value_name = "NAME")]
    prefix: String,
    /// The number of the first one; processes with numbers of their own share no name and no address
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    first: u32,
    /// Where the cluster is and who one is there [default: the first of $KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Cores of each node
    #[arg(long, default_value = "32", value_name = "QUANTITY")]
    cpu: String,
    /// Memory of each node
    #[arg(long, default_value = "256Gi", value_name = "QUANTITY")]
    memory: String,
    /// How many Pods each node takes
    #[arg(long, default_value_t = 110, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_pods: u32,
    /// One more label of each node; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Spread the nodes over so many zones
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    zones: u32,
    /// How long Pods that run to an end do so, if they do not say by the annotation keelson.io/run-for
    #[arg(long, value_parser = value::duration, default_value = "5s", value_name = "TIME")]
    run_for: Duration,
    /// Another delay for a stage of Pods, like start=2s; may be given several times
    #[arg(long, value_name = "STAGE=TIME", value_parser = delay)]
    delay: Vec<(String, Duration)>,
    /// How many nodes go down for good: the last ones
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    fail: u32,
    /// How long after the start they do
    #[arg(long, value_parser = value::duration, default_value = "30s", value_name = "TIME")]
    fail_after: Duration,
    /// How many nodes come and go: those before the failing ones
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    flap: u32,
    /// How long those are up
    #[arg(long, value_parser = value::duration, default_value = "2m", value_name = "TIME")]
    flap_up: Duration,
    /// How long those are down
    #[arg(long, value_parser = value::duration, default_value = "1m", value_name = "TIME")]
    flap_down: Duration,
    /// First address of Pods on nodes to which the cluster has given no podCIDR
    #[arg(long, default_value = "10.128.0.0", value_name = "ADDRESS")]
    pod_range: Ipv4Addr,
    /// First address of nodes
    #[arg(long, default_value = "172.16.0.0", value_name = "ADDRESS")]
    node_range: Ipv4Addr,
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no =")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn delay(text: &str) -> std::result::Result<(String, Duration), String> {
    let (stage, time) = pair(text)?;
    Ok((stage, value::duration(&time)?))
}

/// Runs the nodes until Ctrl-C or SIGTERM. They stay in the cluster, like machines without power.
pub fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let plan = plan(options);
    plan.check().map_err(Error::usage)?;
    let path = options.kubeconfig.clone().map_or_else(destination, Ok)?;
    let config = Config::read(&path).map_err(|why| {
        Error::failure("cannot read the kubeconfig")
            .why(why)
            .fix("keelson kubeconfig --merge, or name another with --kubeconfig FILE")
    })?;
    block_on(serve(context.json(), config, plan))
}

fn plan(options: &Options) -> Plan {
    let mut plan = Plan {
        nodes: options.nodes,
        prefix: options.prefix.clone(),
        first: options.first,
        labels: options.label.iter().cloned().collect(),
        zones: options.zones,
        run_for: options.run_for,
        delays: options.delay.iter().cloned().collect(),
        pod_range: options.pod_range,
        node_range: options.node_range,
        failing: Failing {
            count: options.fail,
            after: options.fail_after,
        },
        flapping: Flapping {
            count: options.flap,
            up: options.flap_up,
            down: options.flap_down,
        },
        seed: rand::random(),
        ..Plan::default()
    };
    let own = [
        ("cpu", options.cpu.clone()),
        ("memory", options.memory.clone()),
        ("pods", options.max_pods.to_string()),
    ];
    for (name, quantity) in own {
        plan.capacity.insert(name.to_owned(), quantity);
    }
    plan
}

async fn serve(is_json: bool, config: Config, plan: Plan) -> Result<ExitCode> {
    let failed =
        |error: std::io::Error| Error::failure("cannot listen to signals").why(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let agent = format!("keelson-hollow/{}", version::KEELSON);
    // As many lanes as servers, so that each has its share of the work.
    let lanes = config.servers();
    let client = Arc::new(Client::new(config, lanes, &agent));
    let work = async {
        // A cluster that cannot be reached or does not know us is told at once, and not waited for.
        let nodes = Resource {
            group: "",
            version: "v1",
            plural: "nodes",
        };
        let first = client
            .get(&(nodes.path("", "", "") + &query(&[("limit", "1")])))
            .await;
        first.map_err(|failure| {
            Error::failure("cannot reach the cluster").why(failure.to_string())
        })?;
        let counts = Arc::new(Counts::default());
        let remote = Arc::new(Remote(client.clone()));
        tokio::select! {
            () = run_nodes(remote, Arc::new(SystemClock), plan.clone(), counts.clone()) => {}
            () = tell(is_json, &plan, &counts) => {}
        }
        Ok(ExitCode::SUCCESS)
    };
    tokio::select! {
        result = work => result,
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    }
}

/// Says when all nodes are there, and what goes wrong. Does not end.
async fn tell(is_json: bool, plan: &Plan, counts: &Counts) {
    let began = Instant::now();
    let (mut is_ready, mut told, mut last) = (false, (0, 0), Instant::now());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let nodes = counts.nodes.load(Ordering::Relaxed);
        if !is_ready && nodes >= u64::from(plan.nodes) {
            is_ready = true;
            ready(is_json, plan, began.elapsed());
        }
        let bad = (
            counts.troubles.load(Ordering::Relaxed),
            counts.refusals.load(Ordering::Relaxed),
        );
        if bad != told && last.elapsed() > TELL_EVERY {
            let (troubles, refusals) = bad;
            let why = counts.problem();
            eprintln!(
                "{troubles} calls did not succeed and {refusals} were refused so far; the last: {why}"
            );
            (told, last) = (bad, Instant::now());
        }
    }
}

fn ready(is_json: bool, plan: &Plan, took: Duration) {
    if is_json || !std::io::stdout().is_terminal() {
        return output::json_line(&json!({
            "msg": "hollow nodes are ready",
            "nodes": plan.nodes,
            "prefix": plan.prefix,
            "first": plan.first,
            "took_ms": took.as_millis() as u64,
        }));
    }
    output::data(&format!(
        "{} hollow nodes are ready after {:.1} s; Ctrl-C stops them\n\
         \x20 see    kubectl get nodes -l keelson.io/hollow=true\n\
         \x20 fail   kubectl annotate node {}-{} keelson.io/fail=true\n\
         \x20 clean  kubectl delete nodes -l keelson.io/hollow=true\n",
        plan.nodes,
        took.as_secs_f64(),
        plan.prefix,
        plan.first,
    ));
}
