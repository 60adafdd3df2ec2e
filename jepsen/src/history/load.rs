//! A whole history in memory: records joined to operations, watches and faults.

use super::{
    Call, FaultRecord, Head, HistoryError, HistoryReader, InformerOpen, InformerRecord, Intent,
    Nanos, Node, Observation, OpId, Outcome, Process, Record, WatchId, WatchOpen, WatchRecord,
};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its number.
    pub id: OpId,
    /// Who.
    pub process: Process,
    /// The member that was asked, if one was chosen.
    pub node: Option<Node>,
    /// When it was about to be sent.
    pub invoke: Nanos,
    /// When it ended; nothing if it never did.
    pub complete: Option<Nanos>,
    /// What was asked for.
    pub call: Call,
    /// What the workload means by it.
    pub intent: Option<Intent>,
    /// How it ended; unknown if it never did.
    pub outcome: Outcome,
}

impl Operation {
    /// The time from which on its effect must be visible: after an unknown outcome, never.
    pub fn returned(&self) -> Nanos {
        match (&self.outcome, self.complete) {
            (Outcome::Unknown { .. }, _) | (_, None) => Nanos::MAX,
            (_, Some(at)) => at,
        }
    }

    /// If it was answered.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_))
    }
}

/// One watch and everything that came, in order. Progress of its stream is among it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// What was asked for.
    pub open: WatchOpen,
    /// When.
    pub at: Nanos,
    /// What came, and when.
    pub records: Vec<(Nanos, WatchRecord)>,
}

/// One watch of the Kubernetes API and everything that came, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Informer {
    /// What was asked for.
    pub open: InformerOpen,
    /// When.
    pub at: Nanos,
    /// What came, and when.
    pub records: Vec<(Nanos, InformerRecord)>,
}

/// One fault: its steps in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The steps, and when. Never empty.
    pub steps: Vec<(Nanos, FaultRecord)>,
}

/// What makes a history useless as evidence that all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It ends before the run did.
    Truncated {
        /// Records that are there.
        records: u64,
    },
    /// It is not what was written.
    Damaged {
        /// Where and how.
        what: String,
    },
    /// The recorder's clock went back.
    ClockWentBack {
        /// Which record, counted from zero.
        record: u64,
        /// The time before.
        from: Nanos,
        /// The time then.
        to: Nanos,
    },
    /// A record names an operation or a watch that did not begin, or has ended, or is there twice.
    Unordered {
        /// In words.
        what: String,
    },
    /// A process began an operation while it had one in flight, or after an unknown outcome.
    NotAlone {
        /// Which process.
        process: Process,
        /// The operation that should not have begun.
        op: OpId,
    },
}

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// What it was.
    pub head: Head,
    /// Operations, in the order of their invocation.
    pub operations: Vec<Operation>,
    /// Watches, in the order in which they were asked for.
    pub watches: Vec<Watch>,
    /// Faults, in the order in which they began.
    pub faults: Vec<Fault>,
    /// Observations, in order.
    pub observations: Vec<(Nanos, Observation)>,
    /// Watches of the Kubernetes API, in the order in which they were asked for.
    pub informers: Vec<Informer>,
    /// The time of the last record.
    pub end: Nanos,
    /// What is wrong with it; a bounded number of examples.
    pub defects: Vec<Defect>,
}

/// More defects than these say nothing new.
const DEFECTS_MAX: usize = 64;

impl History {
    /// Reads a file. What is damaged or missing is a defect of the history, not an error: what comes
    /// before it can still show a violation.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub fn load(path: &Path) -> Result<History, HistoryError> {
        History::read(HistoryReader::open(path)?)
    }

    /// Joins the records of a reader.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read<R: BufRead>(reader: HistoryReader<R>) -> Result<History, HistoryError> {
        let mut join = Join::default();
        for record in reader {
            match record {
                Ok(record) => join.add(record),
                Err(HistoryError::Io(error)) => return Err(HistoryError::Io(error)),
                Err(HistoryError::Truncated { records }) => {
                    join.defect(Defect::Truncated { records });
                }
                Err(damaged) => join.defect(Defect::Damaged {
                    what: damaged.to_string(),
                }),
            }
        }
        Ok(join.history)
    }

    /// Joins records that are in memory. They need not end with [`Record::End`].
    pub fn of(records: impl IntoIterator<Item = Record>) -> History {
        let mut join = Join::default();
        records.into_iter().for_each(|record| join.add(record));
        join.history
    }
}

/// What is known of a process.
enum Doing {
    Nothing,
    Something,
    /// Its last outcome is unknown: it may not go on.
    Doubt,
}

#[derive(Default)]
struct Join {
    history: History,
    records: u64,
    operations: HashMap<OpId, usize>,
    processes: HashMap<Process, Doing>,
    watches: HashMap<WatchId, usize>,
    /// Watches that have not ended, by stream.
    streams: HashMap<u64, Vec<usize>>,
    faults: HashMap<u64, usize>,
    informers: HashMap<u64, usize>,
}

impl Join {
    fn defect(&mut self, defect: Defect) {
        if self.history.defects.len() < DEFECTS_MAX {
            self.history.defects.push(defect);
        }
    }

    fn unordered(&mut self, what: String) {
        self.defect(Defect::Unordered { what });
    }

    fn add(&mut self, record: Record) {
        let (from, to) = (self.history.end, record.at());
        if to < from {
            let record = self.records;
            self.defect(Defect::ClockWentBack { record, from, to });
        }
        self.history.end = from.max(to);
        self.records += 1;
        match record {
            Record::Head(head) => self.history.head = *head,
            Record::Invoke {
                at,
                op,
                process,
                node,
                call,
                intent,
            } => self.invoke(Operation {
                id: op,
                process,
                node,
                invoke: at,
                complete: None,
                call,
                intent,
                outcome: Outcome::Unknown {
                    code: "NoAnswer".to_owned(),
                    text: "the run was over before it ended".to_owned(),
                },
            }),
            Record::Complete { at, op, outcome } => self.complete(at, op, outcome),
            Record::Watch { at, watch } => self.watch(at, watch),
            Record::Fault { at, fault } => {
                let next = self.history.faults.len();
                let index = *self.faults.entry(fault.fault).or_insert(next);
                if index == next {
                    self.history.faults.push(Fault { steps: Vec::new() });
                }
                self.history.faults[index].steps.push((at, fault));
            }
            Record::Observe { at, observation } => {
                self.history.observations.push((at, observation));
            }
            Record::Informer { at, informer } => self.informer(at, informer),
            Record::End { .. } => {}
        }
    }

    fn invoke(&mut self, operation: Operation) {
        let (op, process) = (operation.id, operation.process);
        let index = self.history.operations.len();
        if self.operations.insert(op, index).is_some() {
            self.unordered(format!("operation {op} begins twice"));
        }
        let before = self.processes.insert(process, Doing::Something);
        if !matches!(before, None | Some(Doing::Nothing)) {
            self.defect(Defect::NotAlone { process, op });
        }
        self.history.operations.push(operation);
    }

    fn complete(&mut self, at: Nanos, op: OpId, outcome: Outcome) {
        let Some(&index) = self.operations.get(&op) else {
            self.unordered(format!("operation {op} ends and never began"));
            return;
        };
        let operation = &mut self.history.operations[index];
        let (invoke, ended) = (operation.invoke, operation.complete.is_some());
        let doing = match outcome {
            Outcome::Unknown { .. } => Doing::Doubt,
            _ => Doing::Nothing,
        };
        self.processes.insert(operation.process, doing);
        if ended {
            self.unordered(format!("operation {op} ends twice"));
            return;
        }
        operation.complete = Some(at);
        operation.outcome = outcome;
        if at < invoke {
            self.unordered(format!("operation {op} ends before it begins"));
        }
    }

    fn watch(&mut self, at: Nanos, record: WatchRecord) {
        let watch = match &record {
            WatchRecord::Open(open) => {
                let index = self.history.watches.len();
                if self.watches.insert(open.watch, index).is_some() {
                    self.unordered(format!("watch {} begins twice", open.watch));
                }
                self.streams.entry(open.stream).or_default().push(index);
                self.history.watches.push(Watch {
                    open: open.clone(),
                    at,
                    records: Vec::new(),
                });
                return;
            }
            WatchRecord::StreamProgress { stream, revision } => {
                self.stream_progress(at, *stream, *revision);
                return;
            }
            WatchRecord::Created { watch, .. }
            | WatchRecord::Events { watch, .. }
            | WatchRecord::Progress { watch, .. }
            | WatchRecord::Canceled { watch, .. }
            | WatchRecord::Closed { watch }
            | WatchRecord::Broken { watch, .. } => *watch,
        };
        let Some(&index) = self.watches.get(&watch) else {
            self.unordered(format!("watch {watch} was never asked for"));
            return;
        };
        let is_over = matches!(
            record,
            WatchRecord::Canceled { .. } | WatchRecord::Closed { .. } | WatchRecord::Broken { .. }
        );
        let joined = &mut self.history.watches[index];
        joined.records.push((at, record));
        if is_over && let Some(open) = self.streams.get_mut(&joined.open.stream) {
            open.retain(|one| *one != index);
        }
    }

    fn informer(&mut self, at: Nanos, record: InformerRecord) {
        let number = record.informer();
        if let InformerRecord::Open(open) = record {
            let index = self.history.informers.len();
            if self.informers.insert(number, index).is_some() {
                self.unordered(format!("informer {number} begins twice"));
            }
            let records = Vec::new();
            self.history.informers.push(Informer { open, at, records });
        } else if let Some(&index) = self.informers.get(&number) {
            self.history.informers[index].records.push((at, record));
        } else {
            self.unordered(format!("informer {number} was never asked for"));
        }
    }

    /// Progress of a stream is progress of each watch that it carries at that time.
    fn stream_progress(&mut self, at: Nanos, stream: u64, revision: i64) {
        let Some(open) = self.streams.get(&stream) else {
            self.unordered(format!(
                "stream {stream} carries nothing and makes progress"
            ));
            return;
        };
        for &index in open {
            let watch = &mut self.history.watches[index];
            let is_created = watch
                .records
                .iter()
                .any(|(_, record)| matches!(record, WatchRecord::Created { .. }));
            if is_created {
                let watch_id = watch.open.watch;
                let record = WatchRecord::Progress {
                    watch: watch_id,
                    revision,
                };
                watch.records.push((at, record));
            }
        }
    }
}
