//! How soon a Pod is replaced that is deleted at the moment at which the leader is killed: an election, the
//! deletion, the look of a loop, and until somebody who watches hears of it.

use super::{MACHINE, MEMBERS, PATIENCE, length, program};
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::dev::Dev;
use keelson_kit::kubernetes::{Change, Client, Recorder};
use keelson_kit::process::signal;
use keelson_kit::wait::wait_until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(8);
/// What 99 of 100 take at most.
const BOUND: Duration = Duration::from_secs(2);
/// One Pod of each is deleted in every round, so each gives a sample.
const DEPLOYMENTS: usize = 8;
const REPLICAS: usize = 3;
const PATH: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";

async fn begin(client: &Client) -> Check {
    for i in 0..DEPLOYMENTS {
        let name = format!("web-{i}");
        let labels = json!({"app": name});
        let containers = json!([{"name": "c", "image": "x"}]);
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": containers},
                },
            },
        });
        client.post(PATH, &object).await?.with(201)?;
    }
    Ok(())
}

/// All members serve, and all Pods run.
async fn is_whole(dev: &Dev, client: &Client) -> Check<bool> {
    let members = dev.members().await?;
    let is_served = members.iter().all(|member| member.state == "ready");
    if !is_served || !members.iter().any(|member| member.leads) {
        return Ok(false);
    }
    let deployments = client.get(PATH).await?.with(200)?;
    let items = deployments["items"].as_array().into_iter().flatten();
    let complete = items.filter(|one| one["status"]["availableReplicas"] == REPLICAS);
    Ok(complete.count() == DEPLOYMENTS)
}

/// A Pod of each Deployment.
async fn victims(client: &Client) -> Check<Vec<String>> {
    let pods = client.get(PODS).await?.with(200)?;
    let pods: Vec<&Value> = pods["items"].as_array().into_iter().flatten().collect();
    let victim = |i| {
        let app = format!("web-{i}");
        let found = pods
            .iter()
            .find(|pod| pod["metadata"]["labels"]["app"] == *app);
        let name = found.and_then(|pod| pod["metadata"]["name"].as_str());
        some("a Pod", name.map(str::to_owned))
    };
    (0..DEPLOYMENTS).map(victim).collect()
}

/// Deletes a Pod, at whichever member takes it.
async fn delete(client: &Client, pod: &str) -> Check {
    let (path, at_once) = (format!("{PODS}/{pod}"), json!({"gracePeriodSeconds": 0}));
    wait_until("a member deletes the Pod", PATIENCE, || async {
        let answer = client.delete(&path, &at_once).await;
        answer.is_ok_and(|answer| matches!(answer.code, 200 | 404))
    })
    .await
}

/// Kills the leader and deletes Pods at the same moment. Returns how long it took from the kill until there
/// was another Pod in the place of each.
async fn replace(dev: &Dev, client: &Client, recorder: &Recorder) -> Check<Vec<Duration>> {
    let victims = victims(client).await?;
    let (_, pid) = some("a leader", dev.leader().await?)?;
    let killed = Instant::now();
    signal(pid, libc::SIGKILL);
    let deleted = victims.iter().map(|pod| delete(client, pod));
    futures::future::try_join_all(deleted).await?;
    let mut took = Vec::new();
    for i in 0..DEPLOYMENTS {
        let is_new = |change: &Change| {
            let Some(pod) = &change.object else {
                return false;
            };
            change.key.starts_with("/registry/pods/")
                && pod.pointer("/spec/nodeName").is_none()
                && pod.pointer("/metadata/labels/app") == Some(&json!(format!("web-{i}")))
        };
        wait_until("another Pod is there", PATIENCE, || {
            let at = recorder.first(killed, is_new);
            took.extend(at.map(|at| at - killed));
            async move { at.is_some() }
        })
        .await?;
    }
    Ok(took)
}

/// The one below which so many of a hundred lie; of fewer than a hundred, the slowest for 99.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_deleted_while_the_leader_dies_is_replaced_within_two_seconds() {
    let _alone = MACHINE.write().await;
    let run = async {
        let dev = Dev::start(program(), MEMBERS, &["--restart", "--nodes", "4"]).await?;
        let client = Client::read(dev.kubeconfig()?)?;
        let recorder = Recorder::start(&dev.endpoints())?;
        begin(&client).await?;
        let (mut took, mut rounds, mut began) = (Vec::new(), 0, None);
        loop {
            wait_until("the cluster is whole", PATIENCE, || async {
                is_whole(&dev, &client).await.unwrap_or(false)
            })
            .await?;
            if began.get_or_insert_with(Instant::now).elapsed() >= length(LENGTH) {
                break;
            }
            let replaced = replace(&dev, &client, &recorder).await;
            let told = |failure| Failure::new(format!("{failure}\n{}", dev.tails()));
            took.extend(replaced.map_err(told)?);
            rounds += 1;
        }
        took.sort();
        let [fastest, middle, most, slowest] = [0, 50, 99, 100].map(|p| percentile(&took, p));
        println!(
            "{rounds} leaders killed, {} Pods replaced: fastest {fastest:.2?}, half within \
             {middle:.2?}, 99 of 100 within {most:.2?}, slowest {slowest:.2?}",
            took.len()
        );
        holds("several leaders were killed", rounds >= 3)?;
        holds(&format!("{most:?} is at most {BOUND:?}"), most <= BOUND)
    };
    Box::pin(run).await.expect("they are replaced");
}
