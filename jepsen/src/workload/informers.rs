//! W16: writers as in W15, and beside them lists of all kinds and informers, which list once and then watch, through all
//! members. An informer that has seen the last object may end. History is compacted meanwhile, and some watch from a
//! moment long past.

use super::objects::{Kind, Place, Writer};
use super::{Actor, Stage};
use crate::history::*;
use crate::kubernetes::{Access, Api, Closed, Watching, watch};
use keelson_kit::check::{Check, some};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Where it works.
pub const NAMESPACE: &str = "jepsen-informers";
/// The object that is written last. Every selection has it.
const LAST: &str = "last";
/// What some see only.
const SELECTION: &str = "labelSelector=half%3Da";
/// How long the last object is tried to be made.
const LAST_WRITE: Duration = Duration::from_secs(60);
/// Before somebody who was refused asks again.
const REST: Duration = Duration::from_millis(200);
/// How many revisions are left when history is compacted: lists of exact revisions go about as far back.
const LEFT: i64 = 200;

const PLACE: Place = Place {
    namespace: NAMESPACE,
    kinds: &[Kind::ConfigMap],
    names: 6,
};

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    let size = stage.endpoints.len();
    for number in 0..3 {
        let node = (number < 2).then_some(number);
        actors.spawn(Writer::new(stage, PLACE, 1600 + number, node)?.act());
    }
    for number in 0..size {
        actors.spawn(Reader::new(stage, 1620 + number, Some(number))?.read());
        actors.spawn(Reader::new(stage, 1640 + number, Some(number))?.follow());
    }
    actors.spawn(Reader::new(stage, 1660, None)?.follow());
    for number in 1661..1663 {
        actors.spawn(Reader::new(stage, number, None)?.come_back());
    }
    actors.spawn(compact(stage.actor(1680, None)?));
    Ok(())
}

/// The last object, and everything by every member.
pub async fn last_reads(stage: &Stage) {
    let Some(access) = &stage.kubernetes else {
        return;
    };
    let mut api = Api::new(&stage.recorder, access, None);
    let began = Instant::now();
    while began.elapsed() < LAST_WRITE {
        let tag = format!("t{}", stage.recorder.number());
        let metadata = json!({"name": LAST, "labels": {"half": "a"}, "annotations": {"op": tag}});
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let outcome = api
            .call(HttpCall {
                method: "POST".to_owned(),
                path: PLACE.all(Kind::ConfigMap),
                body,
            })
            .await;
        match outcome {
            Outcome::Ok(_) => break,
            Outcome::Failed { code, .. } if code == "AlreadyExists" => break,
            _ => {}
        }
    }
    for node in 1..=access.members() as Node {
        let mut api = Api::new(&stage.recorder, access, Some(node));
        api.call(HttpCall::get(PLACE.all(Kind::ConfigMap))).await;
    }
}

/// Compacts history now and then, until the run is over.
async fn compact(mut actor: Actor) -> Check {
    while !actor.is_over() {
        let pause_ms = actor.random.random_range(1_000..5_000);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        let revision = actor.stage.recorder.newest() - LEFT;
        if revision > 0 {
            let physical = false;
            actor
                .session
                .call(Call::Compact { revision, physical })
                .await;
        }
    }
    Ok(())
}

/// Somebody who lists and watches.
struct Reader {
    api: Api,
    access: Access,
    random: StdRng,
    stage: Stage,
    selection: &'static str,
}

fn is_last(object: &Value) -> bool {
    object.pointer("/metadata/name").and_then(Value::as_str) == Some(LAST)
}

impl Reader {
    fn new(stage: &Stage, number: usize, node: Option<usize>) -> Check<Reader> {
        let access = some("the Kubernetes API", stage.kubernetes.clone())?;
        let node = node.map(|i| (i % access.members()) as Node + 1);
        let seed = stage.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Reader {
            api: Api::new(&stage.recorder, &access, node),
            access,
            random: StdRng::seed_from_u64(seed),
            stage: stage.clone(),
            selection: if number.is_multiple_of(2) {
                ""
            } else {
                SELECTION
            },
        })
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// The path of a list with these parameters.
    fn path(&self, parameters: &[String]) -> String {
        let mut all = parameters.to_vec();
        if !self.selection.is_empty() {
            all.push(self.selection.to_owned());
        }
        let mark = if all.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", PLACE.all(Kind::ConfigMap), all.join("&"))
    }

    /// Lists, until the run is over.
    async fn read(mut self) -> Check {
        while !*self.stage.over.borrow() {
            let pause_us = 1_000_000 / u64::from(self.stage.rate.max(1));
            let pause = Duration::from_micros(self.random.random_range(0..pause_us * 2));
            tokio::time::sleep(pause).await;
            let newest = self.stage.recorder.newest();
            let mut parameters = match self.random.random_range(0..10) {
                0..4 => Vec::new(),
                4..6 => vec!["resourceVersion=0".to_owned()],
                6..8 => vec![
                    format!("resourceVersion={newest}"),
                    "resourceVersionMatch=NotOlderThan".to_owned(),
                ],
                _ => {
                    let back = self.random.random_range(0..300);
                    vec![
                        format!("resourceVersion={}", (newest - back).max(1)),
                        "resourceVersionMatch=Exact".to_owned(),
                    ]
                }
            };
            let has_pages = self.chance(40);
            if has_pages {
                parameters.push("limit=2".to_owned());
            }
            let call = HttpCall::get(self.path(&parameters));
            let mut page = self.api.ask(call).await;
            while let Some(next) = page.as_ref().and_then(next_page) {
                let parameters = ["limit=2".to_owned(), format!("continue={next}")];
                let call = HttpCall::get(self.path(&parameters));
                page = self.api.ask(call).await;
            }
        }
        Ok(())
    }

    /// Lists and then watches, over and over, until it has seen the last object.
    async fn follow(mut self) -> Check {
        let (mut told, mut has_seen_last) = (0, false);
        while !has_seen_last {
            if told == 0 {
                let call = HttpCall::get(self.path(&[]));
                let Some(list) = self.api.ask(call).await else {
                    tokio::time::sleep(REST).await;
                    continue;
                };
                let items = list.body["items"].as_array();
                has_seen_last = items.into_iter().flatten().any(is_last);
                told = list.version();
                continue;
            }
            let watching = self.watching(told);
            let client = self.access.at(watching.node);
            let mut is_over = |record: Option<&InformerRecord>| {
                if let Some(InformerRecord::Event { object, .. }) = record {
                    has_seen_last |= is_last(object);
                }
                has_seen_last
            };
            let recorder = self.stage.recorder.clone();
            let closed = watch(&recorder, &client, watching, &mut told, &mut is_over).await;
            if closed == Closed::Expired {
                told = 0;
                tokio::time::sleep(REST).await;
            }
        }
        Ok(())
    }

    /// Watches from any moment of the past, over and over, until the run is over: it was away since then, and what it
    /// was told last may be gone.
    async fn come_back(mut self) -> Check {
        let over = self.stage.over.clone();
        while !*over.borrow() {
            let mut told = self
                .random
                .random_range(0..=self.stage.recorder.newest())
                .max(1);
            let watching = self.watching(told);
            let client = self.access.at(watching.node);
            let recorder = self.stage.recorder.clone();
            let mut is_over = |_: Option<&InformerRecord>| *over.borrow();
            watch(&recorder, &client, watching, &mut told, &mut is_over).await;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    fn watching(&mut self, told: i64) -> Watching {
        let seconds = self.random.random_range(3..8);
        let mut parameters = vec![
            format!("resourceVersion={told}"),
            "allowWatchBookmarks=true".to_owned(),
            format!("timeoutSeconds={seconds}"),
        ];
        if self.chance(15) {
            parameters.push("sendInitialEvents=true".to_owned());
            parameters.push("resourceVersionMatch=NotOlderThan".to_owned());
        }
        Watching {
            process: self.api.process(),
            node: self.api.node(),
            path: self.path(&parameters),
            patience: Duration::from_secs(seconds + 3),
        }
    }
}

/// What the next page is asked for with.
fn next_page(page: &HttpReply) -> Option<String> {
    let next = page.body.pointer("/metadata/continue")?.as_str()?;
    // A token is of letters, digits and what base64 has beside; of these only the last two mean something in a query.
    let escaped = next.replace('+', "%2B").replace('=', "%3D");
    (!next.is_empty()).then_some(escaped)
}
