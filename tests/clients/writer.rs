//! What is changed while members die: a few ConfigMaps, created, updated twice, deleted, over and over.

use keelson_kit::check::{Check, Failure};
use keelson_kit::kubernetes::{Answer, Client, Patch, version};
use keelson_kit::wait::{wait_for, wait_until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
/// One member is given so long: one that comes back takes connections before it serves them.
const ATTEMPT: Duration = Duration::from_secs(1);
/// So many objects are alive or dead at one time.
const OBJECTS: usize = 7;
/// What of the machine is left is for the programs.
const PACE: Duration = Duration::from_millis(20);
/// The name of the object that is written last.
pub const LAST: &str = "last";

fn all(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}})
}

/// Asks one member after the other until one has done it. `is_done` says which codes mean that: a request
/// whose answer was lost may have been carried out.
async fn persist<F>(what: &str, is_done: fn(u16) -> bool, ask: impl Fn() -> F) -> Check
where
    F: Future<Output = Check<Answer>>,
{
    let done = wait_for(what, PATIENCE, || async {
        let answer = timeout(ATTEMPT, ask()).await.ok()?.ok()?;
        match answer.code {
            code if is_done(code) => Some(Ok(())),
            429 | 500.. => None,
            code => Some(Err(Failure::new(format!(
                "{what}: {code}: {}",
                answer.text()
            )))),
        }
    });
    done.await?
}

/// Makes the namespace and what is there before anybody watches. Returns the names of all ConfigMaps, and the
/// revision of the newest.
pub async fn seed(client: &Client, namespace: &str) -> Check<(Vec<String>, i64)> {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    client.post("/api/v1/namespaces", &space).await?.with(201)?;
    for name in ["seed-a", "seed-b"] {
        client
            .post(&all(namespace), &map(name, name))
            .await?
            .with(201)?;
    }
    // Every namespace is given one by the cluster, some moments after it was made.
    let own = format!("{}/kube-root-ca.crt", all(namespace));
    wait_until("the namespace has its certificate", PATIENCE, || async {
        client
            .get(&own)
            .await
            .is_ok_and(|answer| answer.code == 200)
    })
    .await?;
    let list = client.get(&all(namespace)).await?.with(200)?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| {
        item["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let newest = items.iter().map(version).max().unwrap_or_default();
    Ok((items.iter().map(name).collect(), i64::try_from(newest)?))
}

/// Writes until it is told to end.
pub struct Writer {
    written: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    task: JoinHandle<Check<Duration>>,
}

/// What a writer has done.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// How often it wrote.
    pub times: usize,
    /// How long one write took at most, with all its attempts.
    pub longest: Duration,
}

impl Writer {
    /// Starts to write, each time to the next member.
    pub fn start(client: Client, namespace: &'static str) -> Writer {
        let (written, ends) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let task = tokio::spawn(write(client, namespace, written.clone(), ends.clone()));
        Writer {
            written,
            ends,
            task,
        }
    }

    /// Returns when it has written so often from now on.
    pub async fn has_written(&self, times: usize) -> Check {
        let written = || self.written.load(Ordering::Relaxed);
        let wanted = written() + times;
        wait_until("writes go on", PATIENCE, || {
            let is_there = written() >= wanted || self.task.is_finished();
            async move { is_there }
        })
        .await
    }

    /// Writes the last one and ends.
    pub async fn end(self) -> Check<Written> {
        self.ends.store(true, Ordering::Relaxed);
        let longest = self.task.await??;
        let times = self.written.load(Ordering::Relaxed);
        Ok(Written { times, longest })
    }
}

async fn write(
    client: Client,
    namespace: &'static str,
    written: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
) -> Check<Duration> {
    let mut longest = Duration::ZERO;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_usize.. {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        pace.tick().await;
        let began = Instant::now();
        one(&client, namespace, round).await?;
        longest = longest.max(began.elapsed());
        written.fetch_add(1, Ordering::Relaxed);
    }
    let (path, last) = (all(namespace), map(LAST, "last"));
    persist("the last one is created", is_created, || {
        client.post(&path, &last)
    })
    .await?;
    Ok(longest)
}

fn is_created(code: u16) -> bool {
    matches!(code, 201 | 409)
}

/// One step of the sequence.
async fn one(client: &Client, namespace: &str, round: usize) -> Check {
    let name = format!("map-{}", round % OBJECTS);
    let path = format!("{}/{name}", all(namespace));
    let value = round.to_string();
    match round / OBJECTS % 4 {
        0 => {
            let (all, object) = (all(namespace), map(&name, &value));
            persist("it is created", is_created, || client.post(&all, &object)).await
        }
        1 | 2 => {
            let patch = json!({"data": {"value": value}});
            persist(
                "it is patched",
                |code| code == 200,
                || client.patch(&path, Patch::Merge, &patch),
            )
            .await
        }
        _ => {
            let options = json!({});
            persist(
                "it is deleted",
                |code| matches!(code, 200 | 404),
                || client.delete(&path, &options),
            )
            .await
        }
    }
}
