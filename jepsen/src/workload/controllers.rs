//! W17: what users ask of control loops: rollouts, other numbers of Pods, Jobs with indexes, namespaces that come and go,
//! Pods that are deleted. Nodes are there, without machines. At the end nothing is asked for until nothing changes.

use super::Stage;
use crate::history::*;
use crate::kubernetes::Api;
use keelson_kit::check::{Check, some};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Where it works.
pub const NAMESPACE: &str = "jepsen-loops";
/// Nodes without machines.
pub const NODES: u32 = 4;
/// Users who are at work.
const USERS: usize = 3;
/// How long nothing must change before the end is believed.
const QUIET: Duration = Duration::from_secs(10);
/// How long that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// A user asks for something so often, in milliseconds between two wishes.
const PAUSE_MS: (u64, u64) = (300, 1_200);

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for number in 0..USERS {
        let access = some("the Kubernetes API", stage.kubernetes.clone())?;
        let seed = stage.seed ^ (1700 + number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let user = User {
            api: Api::new(&stage.recorder, &access, None),
            random: StdRng::seed_from_u64(seed),
            stage: stage.clone(),
            number,
            jobs: Vec::new(),
            round: 0,
        };
        actors.spawn(user.act());
    }
    Ok(())
}

/// Looks until nothing changes any more, or it is too late.
pub async fn last_reads(stage: &Stage) {
    let Some(access) = &stage.kubernetes else {
        return;
    };
    let mut api = Api::new(&stage.recorder, access, None);
    let began = Instant::now();
    let (mut seen, mut since) = (None, Instant::now());
    while began.elapsed() < PATIENCE && since.elapsed() < QUIET {
        let now = present(&mut api).await;
        if now.is_none() || now != seen {
            (seen, since) = (now, Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Names and versions of everything that loops make or change here; nothing if that cannot be told.
async fn present(api: &mut Api) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in [
        apps("deployments"),
        apps("replicasets"),
        jobs(),
        pods(),
        "/api/v1/namespaces".to_owned(),
    ] {
        let list = api.ask(HttpCall::get(&path)).await?;
        for item in list.body["items"].as_array()? {
            let metadata = &item["metadata"];
            let (name, version) = (
                metadata["name"].as_str()?,
                metadata["resourceVersion"].as_str()?,
            );
            all.insert(format!("{path}/{name}"), version.to_owned());
        }
    }
    Some(all)
}

fn apps(resource: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/{resource}")
}

fn jobs() -> String {
    format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs")
}

fn pods() -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/pods")
}

struct User {
    api: Api,
    random: StdRng,
    stage: Stage,
    number: usize,
    /// Of this user, and not deleted yet.
    jobs: Vec<String>,
    round: u64,
}

fn containers(image: &str) -> Value {
    json!([{"name": "main", "image": image, "resources": {"requests": {"cpu": "100m"}}}])
}

/// A Deployment or a ReplicaSet.
fn replicated(kind: &str, name: &str, replicas: u32) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": containers("app:0")},
            },
        },
    })
}

fn call(method: &str, path: String, body: Value) -> HttpCall {
    HttpCall {
        method: method.to_owned(),
        path,
        body,
    }
}

impl User {
    async fn act(mut self) -> Check {
        while self.goes_on().await {
            self.round += 1;
            let made = match self.round {
                1 => Some(("Deployment", "deployments", format!("web-{}", self.number))),
                2 => Some(("ReplicaSet", "replicasets", format!("bare-{}", self.number))),
                _ => None,
            };
            let Some((kind, resource, name)) = made else {
                self.wish().await;
                continue;
            };
            let body = replicated(kind, &name, 3);
            match self.api.call(call("POST", apps(resource), body)).await {
                Outcome::Ok(_) => {}
                Outcome::Failed { code, .. } if code == "AlreadyExists" => {}
                // What it works with must be there: another request asks for it.
                _ => self.round -= 1,
            }
        }
        Ok(())
    }

    async fn goes_on(&mut self) -> bool {
        let pause = self.random.random_range(PAUSE_MS.0..PAUSE_MS.1);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        !*self.stage.over.borrow()
    }

    async fn wish(&mut self) {
        match self.random.random_range(0..100) {
            0..25 => self.roll_out().await,
            25..45 => self.scale("deployments", "web").await,
            45..60 => self.scale("replicasets", "bare").await,
            60..70 => self.delete_pod().await,
            70..88 => self.run_job().await,
            88..94 => self.delete_job().await,
            _ => self.come_and_go().await,
        }
    }

    async fn roll_out(&mut self) {
        let image = format!("app:{}", self.stage.recorder.number());
        let spec = json!({"template": {"spec": {"containers": containers(&image)}}});
        let path = format!("{}/web-{}", apps("deployments"), self.number);
        let body = json!({"spec": spec});
        self.api.call(call("PATCH merge", path, body)).await;
    }

    async fn scale(&mut self, resource: &str, name: &str) {
        let replicas = self.random.random_range(1..6);
        let path = format!("{}/{name}-{}", apps(resource), self.number);
        let body = json!({"spec": {"replicas": replicas}});
        self.api.call(call("PATCH merge", path, body)).await;
    }

    /// One of a ReplicaSet: of a Deployment's it would be missing by nobody's fault.
    async fn delete_pod(&mut self) {
        let path = format!("{}?labelSelector=app%3Dbare-{}", pods(), self.number);
        let list = self.api.ask(HttpCall::get(path)).await;
        let first = list.and_then(|list| {
            let name = list.body.pointer("/items/0/metadata/name")?.as_str()?;
            Some(name.to_owned())
        });
        if let Some(name) = first {
            let path = format!("{}/{name}", pods());
            self.api.call(call("DELETE", path, json!({}))).await;
        }
    }

    async fn run_job(&mut self) {
        let name = format!("job-{}", self.stage.recorder.number());
        let body = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {
                "completions": 3,
                "parallelism": 2,
                "completionMode": "Indexed",
                "template": {
                    "spec": {"restartPolicy": "Never", "containers": containers("job:1")},
                },
            },
        });
        self.api.call(call("POST", jobs(), body)).await;
        self.jobs.push(name);
    }

    async fn delete_job(&mut self) {
        if let Some(name) = self.jobs.pop() {
            let path = format!("{}/{name}", jobs());
            let body = json!({"propagationPolicy": "Background"});
            self.api.call(call("DELETE", path, body)).await;
        }
    }

    /// A namespace with something in it, which is deleted at once.
    async fn come_and_go(&mut self) {
        let name = format!("{NAMESPACE}-{}", self.stage.recorder.number());
        let namespaces = "/api/v1/namespaces".to_owned();
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.call(call("POST", namespaces.clone(), space)).await;
        let path = format!("/apis/apps/v1/namespaces/{name}/deployments");
        let body = replicated("Deployment", "short", 2);
        self.api.call(call("POST", path, body)).await;
        let path = format!("{namespaces}/{name}");
        self.api.call(call("DELETE", path, json!({}))).await;
    }
}
