//! W15: objects of the Kubernetes API that are created, updated, patched, applied and deleted through all members, with
//! versions and uids that may be out of date.
//!
//! Every write of an object carries a tag of its own, in an annotation or, if it is about the status, there: so each
//! version of an object says which request made it.

use super::Stage;
use crate::history::*;
use crate::kubernetes::Api;
use keelson_kit::check::{Check, some};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// Where it works.
pub const NAMESPACE: &str = "jepsen-objects";
/// What keeps an object from going until somebody takes it away.
const HOLD: &str = "jepsen.example/hold";

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has data and nothing else.
    ConfigMap,
    /// It has a spec, which counts generations, and a status. No loop of this server touches it.
    Ingress,
}

/// Some names of some kinds.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The namespace.
    pub namespace: &'static str,
    /// The kinds.
    pub kinds: &'static [Kind],
    /// Names are `o-0` and so on, so many of each kind.
    pub names: u32,
}

const PLACE: Place = Place {
    namespace: NAMESPACE,
    kinds: &[Kind::ConfigMap, Kind::Ingress],
    names: 4,
};

impl Place {
    /// The path of all objects of a kind.
    pub fn all(&self, kind: Kind) -> String {
        let namespace = self.namespace;
        match kind {
            Kind::ConfigMap => format!("/api/v1/namespaces/{namespace}/configmaps"),
            Kind::Ingress => {
                format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses")
            }
        }
    }
}

/// Writes objects, and remembers what it saw last of each: which others may have changed since.
pub struct Writer {
    api: Api,
    random: StdRng,
    stage: Stage,
    place: Place,
    known: HashMap<String, Value>,
}

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    let size = stage.endpoints.len();
    for (number, node) in (0..size).map(Some).chain([None, None]).enumerate() {
        let writer = Writer::new(stage, PLACE, 1500 + number, node)?;
        actors.spawn(writer.act());
    }
    Ok(())
}

/// Everything, by every member.
pub async fn last_reads(stage: &Stage) {
    let Some(access) = &stage.kubernetes else {
        return;
    };
    for node in 1..=access.members() as Node {
        let mut api = Api::new(&stage.recorder, access, Some(node));
        for kind in PLACE.kinds {
            api.call(HttpCall::get(PLACE.all(*kind))).await;
        }
    }
}

impl Writer {
    /// One that always asks the same member (counted from zero), or another one each time.
    pub fn new(stage: &Stage, place: Place, number: usize, node: Option<usize>) -> Check<Writer> {
        let access = some("the Kubernetes API", stage.kubernetes.clone())?;
        let node = node.map(|i| (i % access.members()) as Node + 1);
        let seed = stage.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Writer {
            api: Api::new(&stage.recorder, &access, node),
            random: StdRng::seed_from_u64(seed),
            stage: stage.clone(),
            place,
            known: HashMap::new(),
        })
    }

    /// Works until the run is over.
    pub async fn act(mut self) -> Check {
        while self.goes_on().await {
            let name = format!("o-{}", self.random.random_range(0..self.place.names));
            let kind = some("a kind", self.place.kinds.choose(&mut self.random).copied())?;
            self.step(kind, &name).await;
        }
        Ok(())
    }

    async fn goes_on(&mut self) -> bool {
        let pause_us = 1_000_000 / u64::from(self.stage.rate.max(1));
        let pause = Duration::from_micros(self.random.random_range(0..pause_us * 2));
        tokio::time::sleep(pause).await;
        !*self.stage.over.borrow()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    async fn step(&mut self, kind: Kind, name: &str) {
        let all = self.place.all(kind);
        let one = format!("{all}/{name}");
        let choice = self.random.random_range(0..100);
        let call = match choice {
            0..14 => self.create(kind, name),
            14..18 => HttpCall::get(all),
            18..26 => self.apply(kind, name),
            26..34 => HttpCall::get(&one),
            _ => match self.known.get(&one).cloned() {
                None => HttpCall::get(&one),
                Some(known) => self.change(kind, &one, known, choice),
            },
        };
        let is_of_one = call.place() != self.place.all(kind) || call.method == "POST";
        let outcome = self.api.call(call).await;
        if is_of_one {
            self.remember(one, outcome);
        }
    }

    /// A change of what is there, or was.
    fn change(&mut self, kind: Kind, one: &str, known: Value, choice: u32) -> HttpCall {
        match choice {
            34..60 => self.update(kind, one, known),
            60..74 => self.patch(kind, one, &known),
            74..86 if kind == Kind::Ingress => self.status(one, known),
            74..80 => self.update(kind, one, known),
            80..86 => self.patch(kind, one, &known),
            _ => self.delete(one, &known),
        }
    }

    fn remember(&mut self, one: String, outcome: Outcome) {
        match outcome {
            Outcome::Ok(Reply::Http(reply)) if reply.body["kind"] != "Status" => {
                self.known.insert(one, reply.body);
            }
            Outcome::Ok(_) => drop(self.known.remove(&one)),
            Outcome::Failed { code, .. } if code == "NotFound" => drop(self.known.remove(&one)),
            // Who goes on with what is old is refused again, and again rightly.
            Outcome::Failed { code, .. } if code == "Conflict" && self.chance(60) => {
                self.known.remove(&one);
            }
            _ => {}
        }
    }

    fn tag(&self) -> String {
        format!("t{}", self.stage.recorder.number())
    }

    fn create(&mut self, kind: Kind, name: &str) -> HttpCall {
        let tag = self.tag();
        let mut body = bare(kind, name, &tag);
        put_content(kind, &mut body, &tag);
        let half = if self.chance(50) { "a" } else { "b" };
        body["metadata"]["labels"] = json!({"half": half});
        if self.chance(40) {
            body["metadata"]["finalizers"] = json!([HOLD]);
        }
        HttpCall {
            method: "POST".to_owned(),
            path: self.place.all(kind),
            body,
        }
    }

    /// Always the same fields, so that none of them is given up by not being named.
    fn apply(&mut self, kind: Kind, name: &str) -> HttpCall {
        let tag = self.tag();
        let mut body = bare(kind, name, &tag);
        match kind {
            Kind::ConfigMap => body["data"] = json!({"applied": tag}),
            Kind::Ingress => put_content(kind, &mut body, &tag),
        }
        HttpCall {
            method: "PATCH apply".to_owned(),
            path: format!(
                "{}/{name}?fieldManager=jepsen&force=true",
                self.place.all(kind)
            ),
            body,
        }
    }

    fn update(&mut self, kind: Kind, one: &str, mut body: Value) -> HttpCall {
        let tag = self.tag();
        body["metadata"]["annotations"]["op"] = json!(tag);
        if self.chance(60) {
            put_content(kind, &mut body, &tag);
        }
        if self.chance(30) {
            let half = if self.chance(50) { "a" } else { "b" };
            body["metadata"]["labels"] = json!({"half": half});
        }
        let is_going = body["metadata"]["deletionTimestamp"].is_string();
        if is_going && self.chance(70) {
            body["metadata"]["finalizers"] = json!([]);
        }
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        HttpCall {
            method: "PUT".to_owned(),
            path: one.to_owned(),
            body,
        }
    }

    fn patch(&mut self, kind: Kind, one: &str, known: &Value) -> HttpCall {
        let tag = self.tag();
        let mut metadata = json!({"annotations": {"op": tag}});
        if self.chance(40) {
            metadata["resourceVersion"] = known["metadata"]["resourceVersion"].clone();
        }
        if self.chance(30) {
            metadata["uid"] = known["metadata"]["uid"].clone();
        }
        if self.chance(20) {
            metadata["finalizers"] = Value::Null;
        }
        let mut body = json!({"metadata": metadata});
        if self.chance(60) {
            match kind {
                Kind::ConfigMap => body["data"] = json!({"patched": tag}),
                Kind::Ingress => put_content(kind, &mut body, &tag),
            }
        }
        HttpCall {
            method: "PATCH merge".to_owned(),
            path: one.to_owned(),
            body,
        }
    }

    fn status(&mut self, one: &str, mut known: Value) -> HttpCall {
        let status = json!({"loadBalancer": {"ingress": [{"hostname": self.tag()}]}});
        let path = format!("{one}/status");
        if self.chance(50) {
            let (method, body) = ("PATCH merge".to_owned(), json!({"status": status}));
            return HttpCall { method, path, body };
        }
        known["status"] = status;
        // What is wanted does not change with this request, whatever it says.
        known["spec"]["defaultBackend"]["service"]["name"] = json!("not-by-the-status");
        HttpCall {
            method: "PUT".to_owned(),
            path,
            body: known,
        }
    }

    fn delete(&mut self, one: &str, known: &Value) -> HttpCall {
        let mut wanted = json!({});
        if self.chance(60) {
            wanted["uid"] = known["metadata"]["uid"].clone();
        }
        if self.chance(25) {
            wanted["resourceVersion"] = known["metadata"]["resourceVersion"].clone();
        }
        HttpCall {
            method: "DELETE".to_owned(),
            path: one.to_owned(),
            body: json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": wanted}),
        }
    }
}

/// An object without content.
fn bare(kind: Kind, name: &str, tag: &str) -> Value {
    let (version, kind) = match kind {
        Kind::ConfigMap => ("v1", "ConfigMap"),
        Kind::Ingress => ("networking.k8s.io/v1", "Ingress"),
    };
    let metadata = json!({"name": name, "annotations": {"op": tag}});
    json!({"apiVersion": version, "kind": kind, "metadata": metadata})
}

fn put_content(kind: Kind, body: &mut Value, tag: &str) {
    match kind {
        Kind::ConfigMap => body["data"]["value"] = json!(tag),
        Kind::Ingress => {
            let service = json!({"name": tag, "port": {"number": 80}});
            body["spec"] = json!({"defaultBackend": {"service": service}});
        }
    }
}
