//! Watches of everything that go on for the whole run, whatever its load is.
//!
//! A request whose answer did not come may have taken effect or not, and only somebody who saw its revision can
//! tell. So every run has watches over all keys, from the first revision to the newest that anybody was told of:
//! not only to the last write, for leases end after it, and what was lost on the way may arrive after it. What no
//! watch saw would be a choice for the judge, and what rests on a choice is unknown.
//!
//! There are two, at different members, and each goes to the next member when its stream breaks: one alone may be
//! held up by a member that is cut off, while the history that it has yet to see is compacted.

use crate::history::*;
use crate::recorder::Recorder;
use crate::watcher::{self, Until};
use keelson_kit::check::{Check, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many there are, if there are as many members.
const COPIES: usize = 2;
/// Time to see the last revisions, when all is healed and nobody writes.
const PATIENCE: Duration = Duration::from_secs(40);

/// The watches of a run. Dropping it ends them.
#[derive(Debug)]
pub struct Chronicle {
    recorder: Recorder,
    watches: JoinSet<Check>,
    tell: watch::Sender<i64>,
    reached: Vec<Arc<AtomicI64>>,
}

impl Chronicle {
    /// Begins with the first revision.
    pub fn start(recorder: &Recorder, endpoints: &[String]) -> Chronicle {
        let (tell, told) = watch::channel(0);
        let mut chronicle = Chronicle {
            recorder: recorder.clone(),
            watches: JoinSet::new(),
            tell,
            reached: Vec::new(),
        };
        for i in 0..endpoints.len().min(COPIES) {
            let reached = Arc::<AtomicI64>::default();
            let until = Until {
                revision: told.clone(),
                newest: true,
                closes: None,
                reached: Arc::clone(&reached),
            };
            let open = everything(recorder.process(), i as Node + 1);
            let (recorder, endpoints) = (recorder.clone(), endpoints.to_owned());
            chronicle.watches.spawn(async move {
                watcher::watch(&recorder, &endpoints, open, true, until).await
            });
            chronicle.reached.push(reached);
        }
        chronicle
    }

    /// Waits until all of them have seen the newest revision that anybody was told of. To be called when nobody
    /// writes any more.
    ///
    /// # Errors
    ///
    /// When they have not in time: how far they came, and how far the store is.
    pub async fn finish(mut self) -> Check {
        // That it is over; how far they must come, each finds out by itself.
        let _ = self.tell.send(1);
        let ended = timeout(PATIENCE, async {
            while let Some(ended) = self.watches.join_next().await {
                ended??;
            }
            Ok(())
        })
        .await;
        ended.unwrap_or_else(|_| {
            let reached = self.reached.iter().map(|one| one.load(Relaxed)).min();
            Err(Failure::new(format!(
                "history.unseen: a watch of all keys saw everything up to revision {} and nothing beyond, for {} s \
                 after the end; the store is at {}",
                reached.unwrap_or(0),
                PATIENCE.as_secs(),
                self.recorder.newest(),
            )))
        })
    }
}

fn everything(process: Process, node: Node) -> WatchOpen {
    WatchOpen {
        watch: 0,
        stream: 0,
        process,
        node,
        range: KeyRange::all(),
        start_revision: 1,
        prev_kv: false,
        no_put: false,
        no_delete: false,
        progress: true,
        fragment: true,
        resumes: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::wait::wait_until;
    use keelson_proto::etcdserverpb::watch_server::{Watch, WatchServer};
    use keelson_proto::etcdserverpb::{ResponseHeader, WatchRequest, WatchResponse};
    use keelson_proto::mvccpb;
    use std::pin::Pin;
    use tokio::net::TcpListener;
    use tokio::sync::broadcast;
    use tokio_stream::wrappers::TcpListenerStream;
    use tokio_stream::{Stream, StreamExt};
    use tonic::transport::Server;
    use tonic::{Request, Response, Status, Streaming};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// Shows whatever revision the test says, one event each, and answers nothing else.
    struct Store(broadcast::Sender<i64>);

    fn header(revision: i64) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            revision,
            ..ResponseHeader::default()
        })
    }

    fn shown(revision: i64) -> WatchResponse {
        let kv = mvccpb::KeyValue {
            key: "k".into(),
            mod_revision: revision,
            ..mvccpb::KeyValue::default()
        };
        WatchResponse {
            header: header(revision),
            events: vec![mvccpb::Event {
                kv: Some(kv),
                ..mvccpb::Event::default()
            }],
            ..WatchResponse::default()
        }
    }

    #[tonic::async_trait]
    impl Watch for Store {
        type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

        async fn watch(
            &self,
            _: Request<Streaming<WatchRequest>>,
        ) -> Result<Response<Self::WatchStream>, Status> {
            let created = WatchResponse {
                header: header(1),
                created: true,
                ..WatchResponse::default()
            };
            let mut revisions = self.0.subscribe();
            let (tell, told) = tokio::sync::mpsc::unbounded_channel();
            let _ = tell.send(Ok(created));
            tokio::spawn(async move {
                while let Ok(revision) = revisions.recv().await {
                    let _ = tell.send(Ok(shown(revision)));
                }
            });
            let told = tokio_stream::wrappers::UnboundedReceiverStream::new(told);
            Ok(Response::new(Box::pin(told)))
        }
    }

    async fn serve(store: Store) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let incoming = TcpListenerStream::new(listener).map(|one| one);
        let server = Server::builder().add_service(WatchServer::new(store));
        tokio::spawn(server.serve_with_incoming(incoming));
        url
    }

    fn told(recorder: &Recorder, revision: i64) {
        let header = Header {
            revision,
            ..Header::default()
        };
        recorder.complete(0, Ok(Reply::Compact { header }));
    }

    #[tokio::test]
    async fn it_goes_on_until_it_has_seen_what_anybody_was_told_of() {
        let scratch = tempfile::tempdir().unwrap();
        let head = Head::new(1, "a test");
        let recorder = Recorder::create(&scratch.path().join("history"), &head).unwrap();
        let (show, _) = broadcast::channel(16);
        let url = serve(Store(show.clone())).await;
        let chronicle = Chronicle::start(&recorder, &[url]);
        let reached = Arc::clone(&chronicle.reached[0]);
        wait_until("it watches", DEADLINE, || async {
            show.receiver_count() == 1
        })
        .await
        .unwrap();
        show.send(2).unwrap();
        wait_until("it has seen the last write", DEADLINE, || async {
            reached.load(Relaxed) == 2
        })
        .await
        .unwrap();
        // The answer to a read after it: a lease had ended meanwhile.
        told(&recorder, 3);
        let finished = tokio::spawn(chronicle.finish());
        // Looked at again and again, with nothing new: it must not end.
        let ends_early = timeout(Duration::from_millis(500), async {
            while !finished.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        assert!(ends_early.await.is_err(), "it did not wait for revision 3");
        show.send(3).unwrap();
        finished.await.unwrap().unwrap();
        recorder.finish().unwrap();
        let history = History::load(&scratch.path().join("history")).unwrap();
        let last = history.watches[0].records.iter().rev().nth(1);
        assert!(
            matches!(last, Some((_, WatchRecord::Events { revision: 3, .. }))),
            "{last:?}"
        );
    }
}
