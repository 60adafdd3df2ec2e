//! Writes down what is seen, as it is seen.
//!
//! One lock is held around taking the time and writing: times never go back in the file. What cannot be written
//! is not lost silently: the history has no end then, and nothing without an end can pass.

use crate::errors;
use crate::history::*;
use crate::session::Session;
use keelson_kit::check::Check;
use parking_lot::Mutex;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tonic::Status;

/// Shared by everybody who sees something. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    writer: Mutex<Option<HistoryWriter<BufWriter<File>>>>,
    next: AtomicU64,
    newest: AtomicI64,
    counts: Counts,
}

/// How many operations ended how.
#[derive(Debug, Default)]
struct Counts {
    ok: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
    events: AtomicU64,
}

/// The same, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Answered.
    pub ok: u64,
    /// Refused.
    pub failed: u64,
    /// Who knows.
    pub unknown: u64,
    /// Events of watches.
    pub events: u64,
}

impl Recorder {
    /// Begins a new file.
    ///
    /// # Errors
    ///
    /// When it is there already or cannot be made.
    pub fn create(path: &Path, head: &Head) -> Check<Recorder> {
        Ok(Recorder(Arc::new(Shared {
            began: Instant::now(),
            writer: Mutex::new(Some(HistoryWriter::create(path, head)?)),
            next: AtomicU64::new(1),
            newest: AtomicI64::new(0),
            counts: Counts::default(),
        })))
    }

    /// A number that was never given before in this history.
    pub fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Relaxed)
    }

    /// A new logical process.
    pub fn process(&self) -> Process {
        self.number() as Process
    }

    /// Writes one record with the present time. Returns that time.
    pub fn write(&self, record: impl FnOnce(Nanos) -> Record) -> Nanos {
        let mut writer = self.0.writer.lock();
        let at = self.0.began.elapsed().as_nanos() as Nanos;
        let failed = writer
            .as_mut()
            .is_some_and(|writer| writer.append(&record(at)).is_err());
        if failed {
            // Without an end it cannot pass.
            *writer = None;
        }
        at
    }

    /// A request is about to be sent.
    pub fn invoke(&self, session: &Session, call: Call, intent: Option<Intent>) -> OpId {
        self.invoke_as(session.process(), session.node(), call, intent)
    }

    /// A request is about to be sent by whoever has this number, to this member.
    pub fn invoke_as(
        &self,
        process: Process,
        node: Option<Node>,
        call: Call,
        intent: Option<Intent>,
    ) -> OpId {
        let op = self.number();
        self.write(|at| Record::Invoke {
            at,
            op,
            process,
            node,
            call,
            intent,
        });
        op
    }

    /// It has ended.
    pub fn complete(&self, op: OpId, ended: Result<Reply, Status>) -> Outcome {
        self.ended(
            op,
            ended.map_or_else(|status| errors::outcome(&status), Outcome::Ok),
        )
    }

    /// It has ended like this.
    pub fn ended(&self, op: OpId, outcome: Outcome) -> Outcome {
        let count = match outcome {
            Outcome::Ok(_) => &self.0.counts.ok,
            Outcome::Failed { .. } => &self.0.counts.failed,
            Outcome::Unknown { .. } => &self.0.counts.unknown,
        };
        count.fetch_add(1, Relaxed);
        if let Outcome::Ok(reply) = &outcome {
            self.told(match reply {
                Reply::Http(reply) => reply.version(),
                reply => reply.header().map_or(0, |header| header.revision),
            });
        }
        let written = outcome.clone();
        self.write(|at| Record::Complete {
            at,
            op,
            outcome: written,
        });
        outcome
    }

    /// Something about a watch.
    pub fn watch(&self, watch: WatchRecord) {
        if let WatchRecord::Events { events, .. } = &watch {
            self.0.counts.events.fetch_add(events.len() as u64, Relaxed);
        }
        match &watch {
            WatchRecord::Events { revision, .. }
            | WatchRecord::Created { revision, .. }
            | WatchRecord::Progress { revision, .. }
            | WatchRecord::StreamProgress { revision, .. } => self.told(*revision),
            _ => {}
        }
        self.write(|at| Record::Watch { at, watch });
    }

    /// Something about a watch of the Kubernetes API.
    pub fn informer(&self, informer: InformerRecord) {
        if let InformerRecord::Event { object, .. } = &informer {
            self.0.counts.events.fetch_add(1, Relaxed);
            self.told(version(object));
        }
        self.write(|at| Record::Informer { at, informer });
    }

    /// The store is known to have a revision.
    fn told(&self, revision: i64) {
        self.0.newest.fetch_max(revision, Relaxed);
    }

    /// The newest revision in any answer or message so far; zero before the first.
    pub fn newest(&self) -> i64 {
        self.0.newest.load(Relaxed)
    }

    /// Something about a fault.
    pub fn fault(&self, fault: FaultRecord) -> Nanos {
        self.write(|at| Record::Fault { at, fault })
    }

    /// Something about a member.
    pub fn observe(&self, observation: Observation) {
        self.write(|at| Record::Observe { at, observation });
    }

    /// What there is so far.
    pub fn tally(&self) -> Tally {
        let counts = &self.0.counts;
        Tally {
            ok: counts.ok.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            unknown: counts.unknown.load(Relaxed),
            events: counts.events.load(Relaxed),
        }
    }

    /// Writes the end. What comes later is not written.
    ///
    /// # Errors
    ///
    /// When something could not be written before or cannot be now.
    pub fn finish(&self) -> Check {
        let writer = self.0.writer.lock().take();
        let writer = keelson_kit::check::some("a history that could be written", writer)?;
        writer.finish(self.0.began.elapsed().as_nanos() as Nanos)?;
        Ok(())
    }
}
