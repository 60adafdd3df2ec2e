//! The hub's own task, in a real runtime and with a publisher on another thread.

use super::bench::{Bench, everything, from, key};
use crate::Error;
use crate::watch::Options;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes; reaching it means something never happened.
const DEADLINE: Duration = Duration::from_secs(60);

fn in_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, test)
            .await
            .expect("the test ends in time");
    });
}

#[test]
fn events_published_on_another_thread_reach_every_stream_once_and_in_order() {
    in_runtime(async {
        const REVISIONS: i64 = 3000;
        let bench = Bench::with(Options {
            window_bytes: 20_000,
            stream_queue_bytes: 5_000,
            slice_bytes: 3_000,
            ..Options::default()
        });
        let hub = bench.feed.subscribe();
        let mut streams = Vec::new();
        for start in [0, 2, 100] {
            let mut stream = hub.open_stream();
            stream.create(from(start, everything())).unwrap();
            assert!(stream.next().await.unwrap().created);
            streams.push((stream, if start == 100 { 100 } else { 2 }));
        }
        let (fake, feed) = (bench.fake.clone(), bench.feed.clone());
        let publisher = std::thread::spawn(move || {
            for _ in 0..REVISIONS {
                feed.publish(Arc::new(fake.commit(&[("a", Some("value"))])));
            }
        });
        for (mut stream, mut next) in streams {
            while next <= REVISIONS + 1 {
                let response = stream.next().await.unwrap();
                for event in response.events {
                    let event: keelson_proto::mvccpb::Event =
                        prost::Message::decode(event).unwrap();
                    assert_eq!(event.kv.unwrap().mod_revision, next);
                    next += 1;
                }
            }
        }
        publisher.join().unwrap();
    });
}

#[test]
fn periodic_progress_comes_by_itself() {
    in_runtime(async {
        let bench = Bench::with(Options {
            progress_interval: Duration::from_millis(5),
            ..Options::default()
        });
        let hub = bench.feed.subscribe();
        let mut stream = hub.open_stream();
        let request = keelson_proto::etcdserverpb::WatchCreateRequest {
            progress_notify: true,
            ..key("a")
        };
        stream.create(request).unwrap();
        assert!(stream.next().await.unwrap().created);
        for _ in 0..3 {
            let progress = stream.next().await.unwrap();
            assert!(progress.watch_id == 0 && progress.events.is_empty());
        }
    });
}

#[test]
fn s74_a_stopping_member_ends_its_streams() {
    in_runtime(async {
        let bench = Bench::new();
        let hub = bench.feed.subscribe();
        let mut stream = hub.open_stream();
        stream.create(key("a")).unwrap();
        assert!(stream.next().await.unwrap().created);
        bench.feed.stop();
        assert_eq!(stream.next().await, Err(Error::Stopped));
        assert_eq!(hub.open_stream().next().await, Err(Error::Stopped));
        assert_eq!(
            bench.feed.subscribe().open_stream().next().await,
            Err(Error::Stopped)
        );
    });
}
