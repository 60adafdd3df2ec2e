//! A watch of the Kubernetes API, written down as it comes.

use crate::history::*;
use crate::recorder::Recorder;
use keelson_kit::kubernetes::Client;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A server that does not begin within this time is given up.
const BEGINS: Duration = Duration::from_secs(4);
/// Between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// A watch to come.
#[derive(Clone, Debug)]
pub struct Watching {
    /// Who watches.
    pub process: Process,
    /// The member that is asked.
    pub node: Node,
    /// Path and query.
    pub path: String,
    /// No watch lasts longer: its member may be gone without a word.
    pub patience: Duration,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// In order, by either side; or it broke. It can be gone on with from what was told last.
    Resumable,
    /// What it wanted is gone, or it was refused: only a list helps.
    Expired,
}

/// Watches until the end of the stream, or `is_over`, which is asked about every event and now and then without one.
/// `told` is the resourceVersion that was told last.
pub async fn watch(
    recorder: &Recorder,
    client: &Client,
    watching: Watching,
    told: &mut i64,
    is_over: &mut (dyn FnMut(Option<&InformerRecord>) -> bool + Send),
) -> Closed {
    let informer = recorder.number();
    recorder.informer(InformerRecord::Open(InformerOpen {
        informer,
        process: watching.process,
        node: watching.node,
        path: watching.path.clone(),
    }));
    let ended = |how: String, closed| {
        recorder.informer(InformerRecord::Ended { informer, how });
        closed
    };
    let began = Instant::now();
    let stream = match timeout(BEGINS, client.watch(&watching.path)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(failure)) => return ended(format!("refused: {failure}"), Closed::Expired),
        Err(_) => return ended("refused: no answer in time".to_owned(), Closed::Expired),
    };
    let mut stream = stream;
    loop {
        let event = match timeout(LOOK, stream.next()).await {
            Ok(Ok(Some(event))) => event,
            Ok(Ok(None)) => return ended("end".to_owned(), Closed::Resumable),
            Ok(Err(failure)) => return ended(format!("broken: {failure}"), Closed::Resumable),
            Err(_) if is_over(None) => return ended("closed".to_owned(), Closed::Resumable),
            Err(_) if began.elapsed() > watching.patience => {
                return ended("broken: silence".to_owned(), Closed::Resumable);
            }
            Err(_) => continue,
        };
        let record = InformerRecord::Event {
            informer,
            kind: event.kind,
            object: event.object,
        };
        recorder.informer(record.clone());
        let InformerRecord::Event { kind, object, .. } = &record else {
            continue;
        };
        if kind == "ERROR" {
            return ended("expired".to_owned(), Closed::Expired);
        }
        *told = version(object);
        if is_over(Some(&record)) {
            return ended("closed".to_owned(), Closed::Resumable);
        }
    }
}
