//! Whose turn it is, and when.

use super::*;
use crate::scheduler::plugins::standard;
use crate::scheduler::tests::{node, pod, seen, seen_node, with};
use serde_json::json;

const FIT: PluginSet = 1 << 6;

struct Bench {
    queue: Queue,
    plugins: Vec<Box<dyn Plugin>>,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let now = Instant::now();
        Bench {
            queue: Queue::new(now),
            plugins: standard(),
            now,
        }
    }

    fn put(&mut self, name: &str, priority: i32) -> Arc<PodInfo> {
        let info = seen(&with(pod(name, "1", ""), "/spec/priority", json!(priority)));
        self.put_info(&info);
        info
    }

    fn put_info(&mut self, info: &Arc<PodInfo>) {
        let is_gated = info.is_gated();
        self.queue
            .put(info.clone(), is_gated, &self.plugins, self.now);
    }

    fn pop(&mut self) -> Option<String> {
        let info = self.queue.pop(self.now);
        info.map(|info| info.key.name.to_string())
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn happened(&mut self, event: &Event<'_>) {
        self.queue.happened(event, &self.plugins, self.now);
    }
}

#[test]
fn higher_priorities_go_first_and_equals_in_the_order_in_which_they_came() {
    let mut bench = Bench::new();
    for (name, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)] {
        bench.put(name, priority);
    }
    let order: Vec<String> = std::iter::from_fn(|| bench.pop()).collect();
    assert_eq!(order, ["b", "d", "a", "c", "e"]);
}

#[test]
fn a_pod_in_flight_is_not_given_out_twice_and_one_that_is_removed_not_at_all() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    bench.put("b", 0);
    assert_eq!(bench.pop().as_deref(), Some("a"));
    bench.put_info(&a);
    bench.queue.remove(&Key::new("default", "b"));
    assert_eq!(bench.pop(), None);
}

#[test]
fn what_is_rejected_waits_for_an_event_that_helps_and_then_rests() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    let big = seen_node(&node("n", "4", "8Gi"));
    let small = seen_node(&node("n", "500m", "8Gi"));
    bench.pop();
    bench.queue.rejected(&a, FIT, bench.now);
    bench.happened(&Event::NodeAdded(&small));
    assert_eq!(bench.queue.lengths(), (0, 0, 1));
    // Somebody else is active, so that nobody is taken out of its rest.
    bench.put("b", 0);
    bench.happened(&Event::NodeAdded(&big));
    assert_eq!(bench.queue.lengths(), (1, 1, 0));
    assert_eq!(bench.queue.due(), Some(bench.now + Duration::from_secs(1)));
    bench.wait(1);
    assert_eq!(
        bench
            .queue
            .pop(bench.now)
            .map(|info| info.key.name.to_string())
            .as_deref(),
        Some("b")
    );
    assert_eq!(bench.pop().as_deref(), Some("a"));
}

#[test]
fn rests_double_up_to_ten_seconds() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    for expected in [1, 2, 4, 8, 10, 10] {
        assert_eq!(bench.pop().as_deref(), Some("a"));
        bench.queue.broken(&a, bench.now);
        let due = bench.queue.due().map(|due| due - bench.now);
        assert_eq!(due, Some(Duration::from_secs(expected)));
        bench.wait(expected);
    }
}

#[test]
fn with_nobody_else_a_pod_is_taken_out_of_its_rest_but_not_one_that_broke() {
    let mut bench = Bench::new();
    let (a, b) = (bench.put("a", 0), bench.put("b", 0));
    bench.pop();
    bench.pop();
    bench.queue.broken(&a, bench.now);
    bench.queue.rejected(&b, FIT, bench.now);
    bench.happened(&Event::PodGone(&a));
    assert_eq!(bench.queue.lengths(), (0, 2, 0));
    assert_eq!(bench.pop().as_deref(), Some("b"));
    assert_eq!(bench.pop(), None);
}

#[test]
fn i4_what_nothing_helps_is_looked_at_after_five_minutes() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    bench.pop();
    bench.queue.rejected(&a, FIT, bench.now);
    for _ in 0..10 {
        bench.wait(30);
        assert_eq!(bench.pop(), None);
        assert!(bench.queue.due().is_some());
    }
    bench.wait(30);
    assert_eq!(bench.pop().as_deref(), Some("a"));
}

#[test]
fn a_pod_for_which_room_was_not_made_is_looked_at_again() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    bench.queue.again(&a, bench.now);
    assert_eq!(bench.queue.lengths(), (1, 0, 0));
    bench.pop();
    bench.queue.rejected(&a, FIT, bench.now);
    bench.queue.again(&a, bench.now);
    assert_eq!(bench.queue.lengths(), (0, 1, 0));
}

#[test]
fn gated_pods_never_enter_until_they_are_let_go() {
    let mut bench = Bench::new();
    let plain = pod("a", "1", "");
    let gated = with(
        plain.clone(),
        "/spec/schedulingGates",
        json!([{"name": "g"}]),
    );
    bench.put_info(&seen(&gated));
    assert_eq!((bench.pop(), bench.queue.lengths()), (None, (0, 0, 0)));
    bench.put_info(&seen(&plain));
    assert_eq!(bench.pop().as_deref(), Some("a"));
}

#[test]
fn a_pod_that_asks_for_less_is_tried_again_and_one_of_which_only_the_status_changed_is_not() {
    let mut bench = Bench::new();
    let a = bench.put("a", 0);
    bench.pop();
    bench.queue.rejected(&a, FIT, bench.now);
    bench.put_info(&seen(&with(
        pod("a", "1", ""),
        "/status",
        json!({"phase": "Pending"}),
    )));
    assert_eq!(bench.pop(), None);
    bench.put_info(&seen(&pod("a", "500m", "")));
    assert_eq!(bench.pop().as_deref(), Some("a"));
}

#[test]
fn another_pod_of_the_same_name_begins_anew_and_what_became_of_the_first_does_not_matter() {
    let mut bench = Bench::new();
    let first = bench.put("a", 0);
    bench.pop();
    let second = seen(&with(pod("a", "1", ""), "/metadata/uid", json!("other")));
    bench.put_info(&second);
    assert_eq!(bench.pop().as_deref(), Some("a"));
    bench.queue.broken(&first, bench.now);
    assert_eq!(bench.queue.lengths(), (0, 0, 0));
    bench.queue.broken(&second, bench.now);
    assert_eq!(bench.queue.lengths(), (0, 1, 0));
}

proptest::proptest! {
    /// Whatever happens, each Pod is in one place, and every Pod that was put and not removed is given
    /// out again in the end.
    #[test]
    fn no_pod_is_lost(steps in proptest::collection::vec((0..7u8, 0..6usize), 1..80)) {
        let mut bench = Bench::new();
        let pods: Vec<_> = (0..6).map(|at| seen(&pod(&format!("p{at}"), "1", ""))).collect();
        let mut wanted = HashSet::new();
        let mut flying = HashSet::new();
        let gone = seen(&pod("gone", "1", ""));
        for (step, at) in steps {
            let key = pods[at].key.clone();
            match step {
                0 => {
                    bench.put_info(&pods[at]);
                    wanted.insert(key);
                }
                1 => {
                    bench.queue.remove(&key);
                    wanted.remove(&key);
                    flying.remove(&key);
                }
                2 => if let Some(info) = bench.queue.pop(bench.now) {
                    proptest::prop_assert!(wanted.contains(&info.key));
                    proptest::prop_assert!(flying.insert(info.key.clone()));
                },
                3 => {
                    bench.queue.rejected(&pods[at], FIT, bench.now);
                    flying.remove(&key);
                }
                4 => {
                    bench.queue.broken(&pods[at], bench.now);
                    flying.remove(&key);
                }
                5 => bench.happened(&Event::PodGone(&gone)),
                _ => bench.wait(1),
            }
            let (active, backoff, pool) = bench.queue.lengths();
            proptest::prop_assert_eq!(active + backoff + pool + flying.len(), wanted.len());
        }
        bench.wait(400);
        let mut given = flying.clone();
        while let Some(info) = bench.queue.pop(bench.now) {
            given.insert(info.key.clone());
        }
        proptest::prop_assert_eq!(given, wanted);
    }
}
