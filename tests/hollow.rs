//! `keelson dev --nodes`: nodes without machines that are seen in the store, and leave with the cluster; and
//! what one may who shows the certificate of a node.

use keelson_apiserver::pki::{Authority, Certificate, Client as Shown};
use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::cli::Cli;
use keelson_kit::dev::Dev;
use keelson_kit::kubernetes::{Client, Patch};
use keelson_kit::wait::wait_until;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);

/// Processes that run hollow nodes for the cluster in this directory.
fn running(data_dir: &Path) -> usize {
    let directory = data_dir.display().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines
        .filter(|line| line.contains("\0hollow\0") && line.contains(&directory))
        .count()
}

async fn keys(endpoint: &str, prefix: &str) -> Check<usize> {
    let keelson = Cli::on(PROGRAM, &[endpoint.to_owned()]);
    let found = keelson.json(&["kv", "get", prefix, "--prefix"]).await?;
    Ok(found["kvs"].as_array().map_or(0, Vec::len))
}

async fn whole_life() -> Check {
    let mut dev = Dev::start(Path::new(PROGRAM), 1, &["--nodes", "5"]).await?;
    let nodes = dev.banner()["hollow_nodes"].as_u64();
    same("nodes", nodes, Some(5))?;
    holds("a kubeconfig", dev.kubeconfig()?.is_file())?;
    let endpoint = some("an endpoint", dev.endpoints().pop())?;
    for prefix in ["/registry/minions/", "/registry/leases/kube-node-lease/"] {
        wait_until("five of them are there", PATIENCE, || async {
            keys(&endpoint, prefix).await.is_ok_and(|count| count == 5)
        })
        .await?;
    }
    same("processes", running(dev.data()), 1)?;
    same("exit code", dev.interrupt().await?.code(), Some(0))?;
    same("processes", running(dev.data()), 0)
}

#[tokio::test]
async fn hollow_nodes_come_with_a_dev_cluster_and_leave_with_it() {
    if let Err(failure) = whole_life().await {
        panic!("{failure}");
    }
}

/// A client with a certificate of this node, which the authority of the cluster has issued.
async fn node(dev: &Dev, operator: &Client, name: &str) -> Check<Client> {
    let endpoint = some("an endpoint", dev.endpoints().pop())?;
    let keelson = Cli::on(PROGRAM, &[endpoint]);
    let found = keelson
        .json(&["kv", "get", "/keelson/kubernetes/authority"])
        .await?;
    let text = found["kvs"][0]["value"].as_str().unwrap_or_default();
    let kept: Value = serde_json::from_str(text)?;
    let field = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
    let own = Certificate {
        certificate: field("certificate"),
        key: field("key"),
    };
    let authority = Authority::read(own).map_err(|error| Failure::new(error.to_string()))?;
    let shown = Shown {
        user: format!("system:node:{name}"),
        group: "system:nodes".to_owned(),
    };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let issued = shown.issue(&authority, i64::try_from(now_s)?);
    let issued = issued.map_err(|error| Failure::new(error.to_string()))?;
    operator.showing(&issued.certificate, &issued.key)
}

const DEFAULT: &str = "/api/v1/namespaces/default";

/// A Pod on a node, with a Secret of its own.
async fn pod(operator: &Client, name: &str, node: &str) -> Check {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    operator
        .post(&format!("{DEFAULT}/secrets"), &secret)
        .await?
        .with(201)?;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "nodeName": node,
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "v", "secret": {"secretName": name}}],
    }});
    // The account that it runs as comes by itself.
    wait_until("the Pod is made", PATIENCE, || async {
        let made = operator.post(&format!("{DEFAULT}/pods"), &pod).await;
        made.is_ok_and(|made| made.code == 201)
    })
    .await
}

async fn rights_of_a_node() -> Check {
    let dev = Dev::start(Path::new(PROGRAM), 1, &["--nodes", "2"]).await?;
    let operator = Client::read(dev.kubeconfig()?)?;
    let one = node(&dev, &operator, "hollow-0").await?;
    wait_until("both nodes are there", PATIENCE, || async {
        let found = operator.get("/api/v1/nodes/hollow-0").await;
        let other = operator.get("/api/v1/nodes/hollow-1").await;
        found.is_ok_and(|found| found.code == 200) && other.is_ok_and(|other| other.code == 200)
    })
    .await?;
    one.get("/api/v1/nodes/hollow-0").await?.with(200)?;
    let message = "nodes \"hollow-1\" is forbidden: User \"system:node:hollow-0\" cannot get resource \
        \"nodes\" in API group \"\" at the cluster scope: node 'hollow-0' cannot read 'hollow-1', \
        only its own Node object";
    one.get("/api/v1/nodes/hollow-1")
        .await?
        .says(403, "Forbidden", message)?;
    pod(&operator, "mine", "hollow-0").await?;
    pod(&operator, "theirs", "hollow-1").await?;
    // Hollow nodes act as nodes, and may tell of their Pods.
    wait_until("both run", PATIENCE, || async {
        let pods = operator.get(&format!("{DEFAULT}/pods")).await;
        let pods = pods.and_then(|pods| pods.with(200)).unwrap_or_default();
        let items = pods["items"].as_array().into_iter().flatten();
        items
            .filter(|pod| pod["status"]["phase"] == "Running")
            .count()
            == 2
    })
    .await?;
    wait_until("the node may read what its Pod needs", PATIENCE, || async {
        let secret = one.get(&format!("{DEFAULT}/secrets/mine")).await;
        secret.is_ok_and(|secret| secret.code == 200)
    })
    .await?;
    one.get(&format!("{DEFAULT}/secrets/theirs"))
        .await?
        .refused(403, "Forbidden")?;
    let mine = "/api/v1/pods?fieldSelector=spec.nodeName%3Dhollow-0";
    let listed = one.get(mine).await?.with(200)?;
    same(
        "pods",
        &listed["items"][0]["metadata"]["name"],
        &json!("mine"),
    )?;
    let status = json!({"status": {"message": "x"}});
    let path = |name: &str| format!("{DEFAULT}/pods/{name}/status");
    one.patch(&path("mine"), Patch::Merge, &status)
        .await?
        .with(200)?;
    let message = "pods \"theirs\" is forbidden: node \"hollow-0\" can only update pod status for pods with \
        spec.nodeName set to itself";
    one.patch(&path("theirs"), Patch::Merge, &status)
        .await?
        .says(403, "Forbidden", message)?;
    Ok(())
}

#[tokio::test]
async fn a_node_reads_and_writes_what_is_its_own_and_its_pods() {
    if let Err(failure) = rights_of_a_node().await {
        panic!("{failure}");
    }
}
