//! Fleets led through hours, without a cluster: every call is answered at once, or not as it should be.

use crate::hollow::api::{Ask, Call, Outcome, Told};
use crate::hollow::{Counts, Failing, Flapping, Fleet, Now, Plan, SeenNode, SeenPod, Ticket};
use crate::runtime::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const BEGAN_US: i64 = 1_767_225_600_000_000;

struct Led {
    fleet: Fleet,
    counts: Arc<Counts>,
    now_ms: u64,
    /// What was asked, and when.
    asked: Vec<(u64, Call)>,
}

fn at(ms: u64) -> Now {
    Now {
        ms,
        us: BEGAN_US + ms as i64 * 1000,
    }
}

/// Everything works; the object is what was sent, with a uid.
fn works(call: &Call) -> Outcome {
    match &call.ask {
        Ask::Create(object) => {
            let mut object = object.clone();
            object["metadata"]["uid"] = format!("uid-{}", call.name).into();
            Outcome::Done(object.to_string().into_bytes())
        }
        _ => Outcome::Done(b"{}".to_vec()),
    }
}

impl Led {
    fn new(plan: Plan) -> Led {
        let counts = Arc::new(Counts::default());
        Led {
            fleet: Fleet::new(plan, counts.clone()),
            counts,
            now_ms: 0,
            asked: Vec::new(),
        }
    }

    fn answer(&mut self, mut answer: impl FnMut(&Call) -> Outcome) {
        while let Some((ticket, call)) = self.fleet.next_call(at(self.now_ms)) {
            let outcome = answer(&call);
            self.asked.push((self.now_ms, call));
            self.fleet.answered(&ticket, outcome, at(self.now_ms));
        }
    }

    /// Goes on until then.
    fn until(&mut self, ms: u64, mut answer: impl FnMut(&Call) -> Outcome) {
        while let Some(next_ms) = self.fleet.next_ms().filter(|next_ms| *next_ms <= ms) {
            self.now_ms = self.now_ms.max(next_ms);
            self.fleet.tick(at(self.now_ms));
            self.answer(&mut answer);
        }
        self.now_ms = ms;
    }

    fn nodes(&self) -> u64 {
        self.counts.nodes.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// When each node asked for something of this kind.
    fn times(&self, kind: Kind) -> BTreeMap<String, Vec<u64>> {
        let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (ms, call) in self.asked.iter().filter(|(_, call)| call.kind == kind) {
            times.entry(call.name.clone()).or_default().push(*ms);
        }
        times
    }
}

fn plan(nodes: u32) -> Plan {
    Plan {
        nodes,
        ..Plan::default()
    }
}

#[test]
fn l1_leases_are_renewed_each_ten_seconds_and_the_status_each_five_minutes() {
    let mut led = Led::new(plan(100));
    led.until(3_600_000, works);
    assert_eq!(led.nodes(), 100);
    let leases = led.times(Kind::Lease);
    assert_eq!(leases.len(), 100);
    for (name, times) in &leases {
        for pair in times.windows(2) {
            assert!(pair[1] - pair[0] <= 10_450, "{name}: {pair:?}");
        }
        // The second comes early, so that they spread; all others are far apart.
        for pair in times[1..].windows(2) {
            assert!(pair[1] - pair[0] >= 10_000, "{name}: {pair:?}");
        }
    }
    let second = leases.values().map(|times| times[1]);
    let (first, last) = (second.clone().min(), second.max());
    assert!(
        first < Some(1000) && last > Some(9000),
        "{first:?} {last:?}"
    );
    for (name, times) in led.times(Kind::Node) {
        assert!((11..=14).contains(&times.len()), "{name}: {times:?}");
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] <= 330_100),
            "{name}: {times:?}"
        );
    }
}

#[test]
fn a_node_asks_again_after_trouble_and_a_lost_lease_is_made_anew() {
    let mut led = Led::new(plan(1));
    led.until(5000, |_| Outcome::Trouble("busy".to_owned()));
    assert_eq!(led.nodes(), 0);
    assert!((3..=5).contains(&led.asked.len()), "{}", led.asked.len());
    led.until(30_000, works);
    assert_eq!(led.nodes(), 1);
    led.asked.clear();
    led.until(60_000, |call| match call.ask {
        Ask::Patch(_) => Outcome::Absent,
        _ => works(call),
    });
    let made = led
        .asked
        .iter()
        .filter(|(_, call)| call.kind == Kind::Lease);
    let made = made.filter(|(_, call)| matches!(call.ask, Ask::Create(_)));
    assert!(made.count() >= 2);
}

#[test]
fn nodes_that_fail_stop_and_nodes_that_flap_come_back() {
    let mut led = Led::new(Plan {
        failing: Failing {
            count: 1,
            after: Duration::from_secs(100),
        },
        flapping: Flapping {
            count: 1,
            up: Duration::from_secs(120),
            down: Duration::from_secs(60),
        },
        ..plan(3)
    });
    led.until(1_800_000, works);
    let leases = led.times(Kind::Lease);
    assert!(leases["hollow-2"].iter().all(|ms| *ms <= 100_000));
    let pauses = leases["hollow-1"]
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 40_000);
    assert!(
        (8..=11).contains(&pauses.count()),
        "{:?}",
        leases["hollow-1"]
    );
    assert!(
        leases["hollow-0"]
            .windows(2)
            .all(|pair| pair[1] - pair[0] < 11_000)
    );
    // Whoever comes back says at once that it is ready.
    let told = led.times(Kind::Node);
    assert!(told["hollow-1"].len() > told["hollow-0"].len());
}

fn node(name: &str, change: Value) -> SeenNode {
    let mut node = json!({
        "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "5"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    for (field, value) in change.as_object().into_iter().flatten() {
        match field.as_str() {
            "annotations" | "resourceVersion" => node["metadata"][field] = value.clone(),
            _ => node[field] = value.clone(),
        }
    }
    serde_json::from_value(node).expect("a Node")
}

#[test]
fn a_user_takes_a_node_down_by_an_annotation_and_brings_it_back() {
    let mut led = Led::new(plan(2));
    led.until(20_000, works);
    let down = node(
        "hollow-0",
        json!({"annotations": {"keelson.io/fail": "true"}}),
    );
    led.fleet.node_told(&Told::Here(down), at(20_000));
    assert_eq!(led.nodes(), 1);
    led.asked.clear();
    led.until(80_000, works);
    assert!(!led.times(Kind::Lease).contains_key("hollow-0"));
    let back = node("hollow-0", json!({"resourceVersion": "6"}));
    led.fleet.node_told(&Told::Here(back), at(80_000));
    led.until(82_000, works);
    assert_eq!(led.nodes(), 2);
    let told = led.asked.iter().filter(|(_, call)| call.name == "hollow-0");
    let told: Vec<Kind> = told.map(|(_, call)| call.kind).collect();
    assert!(
        told.contains(&Kind::Lease) && told.contains(&Kind::Node),
        "{told:?}"
    );
}

#[test]
fn a_node_that_others_gave_up_says_that_it_is_ready_and_a_deleted_one_says_nothing() {
    let mut led = Led::new(plan(1));
    led.until(20_000, works);
    led.asked.clear();
    let unknown = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    led.fleet
        .node_told(&Told::Here(node("hollow-0", unknown)), at(20_000));
    led.until(22_000, works);
    assert_eq!(led.times(Kind::Node)["hollow-0"].len(), 1);
    led.fleet
        .node_told(&Told::Gone(node("hollow-0", json!({}))), at(22_000));
    led.asked.clear();
    led.until(3_600_000, works);
    assert_eq!(led.asked, []);
    assert_eq!(led.nodes(), 0);
}

fn pod(uid: &str, node: &str, revision: u64) -> SeenPod {
    let pod = json!({
        "metadata": {"name": uid, "namespace": "default", "uid": uid,
            "resourceVersion": revision.to_string()},
        "spec": {"nodeName": node, "restartPolicy": "Always", "containers": [{"name": "a", "image": "a"}]},
        "status": {"phase": "Pending"},
    });
    serde_json::from_value(pod).expect("a Pod")
}

#[test]
fn what_a_new_list_lacks_is_gone_unless_it_is_newer_than_the_list() {
    let mut led = Led::new(plan(1));
    led.until(1000, works);
    let known = |led: &Led| led.counts.pods.load(std::sync::atomic::Ordering::Relaxed);
    led.fleet.pod_told(Told::Began, at(1000));
    for uid in ["a", "b"] {
        led.fleet
            .pod_told(Told::Here(pod(uid, "hollow-0", 10)), at(1000));
    }
    led.fleet
        .pod_told(Told::Here(pod("far", "other", 10)), at(1000));
    led.fleet.pod_told(Told::Complete(11), at(1000));
    assert_eq!(known(&led), 2);
    led.fleet
        .pod_told(Told::Here(pod("c", "hollow-0", 30)), at(1000));
    led.fleet.pod_told(Told::Began, at(1000));
    led.fleet
        .pod_told(Told::Here(pod("b", "hollow-0", 10)), at(1000));
    led.fleet.pod_told(Told::Complete(20), at(1000));
    // a is gone; c came after the list.
    assert_eq!(known(&led), 2);
}

#[test]
fn about_one_pod_there_is_one_call_at_a_time_and_old_news_changes_nothing() {
    let mut led = Led::new(plan(1));
    led.until(1000, works);
    led.fleet
        .pod_told(Told::Here(pod("a", "hollow-0", 10)), at(1000));
    led.fleet.tick(at(1020));
    let (ticket, call) = led.fleet.next_call(at(1020)).expect("it is accepted");
    assert_eq!(ticket, Ticket::Say("a".into()));
    // Meanwhile it is seen again and again.
    for revision in 10..20 {
        led.fleet
            .pod_told(Told::Here(pod("a", "hollow-0", revision)), at(1020));
    }
    led.fleet.tick(at(5000));
    assert!(
        led.fleet
            .next_call(at(5000))
            .is_none_or(|(ticket, _)| ticket != Ticket::Say("a".into()))
    );
    let Ask::PatchStatus(patch) = &call.ask else {
        panic!("{call:?}");
    };
    let mut written = json!({
        "metadata": {"name": "a", "namespace": "default", "uid": "a", "resourceVersion": "30"},
        "spec": {"nodeName": "hollow-0", "restartPolicy": "Always",
            "containers": [{"name": "a", "image": "a"}]},
    });
    written["status"] = patch["status"].clone();
    let done = Outcome::Done(written.to_string().into_bytes());
    led.fleet.answered(&ticket, done, at(5000));
    led.fleet
        .pod_told(Told::Here(pod("a", "hollow-0", 20)), at(5000));
    led.asked.clear();
    led.until(6000, works);
    let said = led.asked.iter().filter(|(_, call)| call.kind == Kind::Pod);
    let said: Vec<&Call> = said.map(|(_, call)| call).collect();
    let Ask::PatchStatus(patch) = &said[0].ask else {
        panic!("{said:?}");
    };
    assert_eq!(patch["status"]["phase"], "Running");
}

#[test]
fn pods_of_a_node_that_is_down_stay_as_they_were_until_it_is_back() {
    let mut led = Led::new(plan(1));
    led.until(1000, works);
    let down = node(
        "hollow-0",
        json!({"annotations": {"keelson.io/fail": "true"}}),
    );
    led.fleet.node_told(&Told::Here(down), at(1000));
    led.fleet
        .pod_told(Told::Here(pod("a", "hollow-0", 10)), at(1000));
    led.until(100_000, works);
    assert!(!led.times(Kind::Pod).contains_key("a"));
    let back = node("hollow-0", json!({"resourceVersion": "6"}));
    led.fleet.node_told(&Told::Here(back), at(100_000));
    led.until(100_100, works);
    assert!(led.times(Kind::Pod).contains_key("a"));
}

/// What is said of a Pod whose turn comes so late.
fn said_after(late_ms: u64) -> Value {
    let mut led = Led::new(plan(1));
    led.until(1000, works);
    led.fleet
        .pod_told(Told::Here(pod("a", "hollow-0", 10)), at(1000));
    led.fleet.tick(at(1010));
    let (ticket, call) = led.fleet.next_call(at(1010 + late_ms)).expect("its turn");
    assert_eq!(ticket, Ticket::Say("a".into()));
    let Ask::PatchStatus(patch) = call.ask else {
        panic!("{call:?}");
    };
    patch["status"].clone()
}

#[test]
fn a_pod_that_waited_for_its_turn_is_told_as_it_is_by_then() {
    for (late_ms, phase) in [(0, "Pending"), (400, "Pending"), (401, "Running")] {
        let said = said_after(late_ms);
        assert_eq!(said["phase"], phase, "after {late_ms} ms");
        assert!(said["startTime"].is_string());
    }
}

#[test]
fn a_pod_that_changes_while_it_waits_is_looked_at_anew() {
    let mut led = Led::new(plan(1));
    led.until(1000, works);
    let seen = pod("a", "hollow-0", 10);
    led.fleet.pod_told(Told::Here(seen.clone()), at(1000));
    led.fleet.tick(at(1010));
    let mut going = SeenPod {
        metadata: crate::hollow::seen::PodMeta {
            deletion_timestamp: Some("2026-01-01T00:00:01Z".to_owned()),
            ..seen.metadata
        },
        ..seen
    };
    going.metadata.resource_version = "11".to_owned();
    led.fleet.pod_told(Told::Here(going), at(1011));
    // Nothing is said of one that goes; it is taken away.
    led.answer(works);
    led.until(2000, works);
    let pods = led.asked.iter().filter(|(_, call)| call.kind == Kind::Pod);
    let asked: Vec<&Ask> = pods.map(|(_, call)| &call.ask).collect();
    assert!(matches!(asked[..], [Ask::Delete { .. }]), "{asked:?}");
}
