//! Keys come once, to one at a time, and again if that was asked for meanwhile.

use crate::objects::Key;
use crate::runtime::{Queue, QueueMeters};
use futures::FutureExt;
use keelson_apiserver::meter::Page;
use std::time::Duration;
use tokio::time::Instant;

fn key(name: &str) -> Key {
    Key::cluster(name)
}

fn nothing_is_ready(queue: &Queue) -> bool {
    queue.next().now_or_never().is_none()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_for_twice_comes_once() {
    let queue = Queue::default();
    queue.add(key("a"));
    queue.add(key("b"));
    queue.add(key("a"));
    assert_eq!(queue.next().await, key("a"));
    assert_eq!(queue.next().await, key("b"));
    assert!(nothing_is_ready(&queue));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_nobody_elses_while_it_is_looked_at_and_comes_again_then() {
    let queue = Queue::default();
    queue.add(key("a"));
    let taken = queue.next().await;
    queue.add(key("a"));
    queue.add(key("a"));
    assert!(nothing_is_ready(&queue), "two would look at one key");
    queue.done(&taken);
    assert_eq!(queue.next().await, key("a"));
    queue.done(&taken);
    assert!(
        nothing_is_ready(&queue),
        "it was asked for before the last look"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delayed_key_comes_at_its_time_and_the_earliest_time_counts() {
    let queue = Queue::default();
    let began = Instant::now();
    queue.add_after(key("a"), Duration::from_secs(10));
    queue.add_after(key("a"), Duration::from_secs(3));
    queue.add_after(key("a"), Duration::from_secs(20));
    assert_eq!(queue.next().await, key("a"));
    assert_eq!(began.elapsed().as_secs(), 3);
    queue.done(&key("a"));
    assert!(nothing_is_ready(&queue));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert!(nothing_is_ready(&queue), "the later times were taken back");
}

#[tokio::test(start_paused = true)]
async fn a_key_asked_for_now_does_not_come_again_at_its_time() {
    let queue = Queue::default();
    queue.add_after(key("a"), Duration::from_secs(10));
    queue.add(key("a"));
    assert_eq!(queue.next().await, key("a"));
    queue.done(&key("a"));
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(nothing_is_ready(&queue));
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_paused_twice_as_long_each_and_success_forgets_them() {
    let queue = Queue::default();
    queue.add(key("a"));
    let mut pauses_ms = Vec::new();
    for _ in 0..4 {
        let taken = queue.next().await;
        queue.failed(&taken);
        let began = Instant::now();
        let again = queue.next().await;
        pauses_ms.push(began.elapsed().as_millis());
        queue.done(&again);
        queue.add(again);
    }
    let is_first = |pause_ms: &u128| (5..=8).contains(pause_ms);
    assert!(
        pauses_ms.iter().all(is_first),
        "each success forgot the failure before: {pauses_ms:?}"
    );
    let taken = queue.next().await;
    assert_eq!(queue.failed(&taken), 1);
    for (failures, pause_ms) in [(2, 5), (3, 10), (4, 20), (5, 40)] {
        let began = Instant::now();
        let again = queue.next().await;
        let took_ms = began.elapsed().as_millis();
        assert!(
            (pause_ms..=pause_ms * 3 / 2 + 1).contains(&took_ms),
            "{took_ms} after {failures}"
        );
        assert_eq!(queue.failed(&again), failures);
    }
}

#[tokio::test(start_paused = true)]
async fn many_workers_share_the_keys_and_none_is_lost() {
    let queue = std::sync::Arc::new(Queue::default());
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..7 {
        let (queue, send) = (queue.clone(), send.clone());
        tokio::spawn(async move {
            loop {
                let key = queue.next().await;
                tokio::task::yield_now().await;
                queue.done(&key);
                let _ = send.send(key);
            }
        });
    }
    let wanted: Vec<Key> = (0..500).map(|number| key(&format!("k{number}"))).collect();
    for key in &wanted {
        queue.add(key.clone());
    }
    let mut seen = Vec::new();
    while seen.len() < wanted.len() {
        seen.push(receive.recv().await.expect("a worker"));
    }
    seen.sort();
    let mut wanted = wanted;
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[tokio::test(start_paused = true)]
async fn what_a_queue_has_to_do_is_counted_under_the_name_of_its_loop() {
    let meters = QueueMeters::default();
    let queue = Queue::metered(meters.queue("threes"));
    let has = |lines: &[&str]| {
        let mut page = Page::default();
        meters.show(&mut page);
        let text = page.into_text();
        for line in lines {
            assert!(text.lines().any(|there| there == *line), "{line}: {text}");
        }
    };
    queue.add(key("a"));
    queue.add(key("a"));
    queue.add(key("b"));
    has(&[
        "workqueue_adds_total{name=\"threes\"} 2",
        "workqueue_depth{name=\"threes\"} 2",
    ]);
    tokio::time::advance(Duration::from_secs(2)).await;
    let taken = queue.next().await;
    tokio::time::advance(Duration::from_secs(3)).await;
    queue.failed(&taken);
    has(&[
        "workqueue_depth{name=\"threes\"} 1",
        "workqueue_retries_total{name=\"threes\"} 1",
        "workqueue_queue_duration_seconds_sum{name=\"threes\"} 2",
        "workqueue_work_duration_seconds_sum{name=\"threes\"} 3",
        "workqueue_work_duration_seconds_count{name=\"threes\"} 1",
    ]);
    drop(queue);
    has(&["workqueue_depth{name=\"threes\"} 0"]);
}
