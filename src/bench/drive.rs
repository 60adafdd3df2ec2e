//! Running clients: threads, phases, pacing, counting.

use super::seconds;
use super::wire::Failure;
use super::workload::{Client, Workload};
use crate::cli::error::{Error, Result};
use crate::cli::output::Progress;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Different reasons that are told; the rest is counted as one.
const REASONS_MAX: usize = 20;
/// Longer latencies are counted as this.
const LONGEST: Duration = Duration::from_secs(120);

/// When a phase ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many requests of all clients.
    Count(u64),
    /// After this time.
    Elapsed(Duration),
}

/// A histogram of nanoseconds with three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, 3)
        .expect("the bounds are constant and valid")
}

/// What happened in a phase.
#[derive(Clone)]
pub struct Tally {
    /// Latencies of answered requests, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Requests that were answered.
    pub operations: u64,
    /// Transactions that took the other branch.
    pub conflicts: u64,
    /// Keys and values, as the workload counts them.
    pub bytes: u64,
    /// How often each reason for not being answered occurred.
    pub errors: BTreeMap<Failure, u64>,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            latency: histogram(),
            operations: 0,
            conflicts: 0,
            bytes: 0,
            errors: BTreeMap::new(),
        }
    }

    fn record(&mut self, latency: Duration, result: std::result::Result<Done, Failure>) {
        match result {
            Ok(done) => {
                self.latency.saturating_record(latency.as_nanos() as u64);
                self.operations += 1;
                self.bytes += done.bytes;
                self.conflicts += u64::from(done.conflict);
            }
            Err(failure) => self.add_error(failure, 1),
        }
    }

    fn add_error(&mut self, failure: Failure, count: u64) {
        let known = self.errors.len() < REASONS_MAX || self.errors.contains_key(&failure);
        let failure = if known {
            failure
        } else {
            Failure("other reasons".to_owned())
        };
        *self.errors.entry(failure).or_default() += count;
    }

    fn merge(&mut self, other: Tally) {
        self.latency
            .add(&other.latency)
            .expect("all histograms have the same bounds");
        self.operations += other.operations;
        self.conflicts += other.conflicts;
        self.bytes += other.bytes;
        for (failure, count) in other.errors {
            self.add_error(failure, count);
        }
    }

    /// Requests that were not answered.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// What one request did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Bytes of data moved.
    pub bytes: u64,
    /// The transaction's comparison did not hold.
    pub conflict: bool,
}

/// One phase, shared by all clients.
struct Phase {
    started: Instant,
    deadline: Option<Instant>,
    total: u64,
    rate: Option<f64>,
    taken: AtomicU64,
    done: AtomicU64,
}

impl Phase {
    /// When the next request is due, or `None` at the end. Waits for it at a rate.
    async fn next(&self) -> Option<Instant> {
        let ticket = self.taken.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        if ticket >= self.total || self.deadline.is_some_and(|deadline| now >= deadline) {
            return None;
        }
        let Some(rate) = self.rate else {
            return Some(now);
        };
        let due = self.started + Duration::from_secs_f64(ticket as f64 / rate);
        if self.deadline.is_some_and(|deadline| due >= deadline) {
            return None;
        }
        if due <= now {
            // Every client was busy when it was due: that wait is part of the latency.
            return Some(due);
        }
        tokio::time::sleep_until(due.into()).await;
        // The timer's own slack is not the server's.
        Some(Instant::now())
    }
}

enum Event {
    Ready(std::result::Result<(), Failure>),
    Finished(Box<Tally>),
}

/// The threads and their clients.
pub struct Crew {
    commands: Vec<UnboundedSender<Arc<Phase>>>,
    events: Receiver<Event>,
    threads: Vec<std::thread::JoinHandle<()>>,
    rate: Option<f64>,
}

impl Crew {
    /// Starts the threads, opens the connections, prepares the clients.
    ///
    /// # Errors
    /// A connection or a client could not be made.
    pub fn start<W: Workload>(workload: &Arc<W>) -> Result<Crew> {
        let options = &workload.setup().options;
        let (event_sender, events) = channel();
        let mut crew = Crew {
            commands: Vec::new(),
            events,
            threads: Vec::new(),
            rate: options.rate,
        };
        for thread in 0..options.threads {
            let (sender, receiver) = unbounded_channel();
            crew.commands.push(sender);
            let (workload, events) = (workload.clone(), event_sender.clone());
            crew.threads.push(std::thread::spawn(move || {
                work(&workload, thread, receiver, &events)
            }));
        }
        for _ in 0..options.threads {
            let failed = match crew.events.recv() {
                Ok(Event::Ready(Ok(()))) => continue,
                Ok(Event::Ready(Err(failure))) => failure.0,
                _ => "a thread ended".to_owned(),
            };
            return Err(Error::failure("cannot prepare the clients").why(failed));
        }
        Ok(crew)
    }

    /// Runs all clients until the end of one phase.
    ///
    /// # Errors
    /// A thread is gone.
    pub fn phase(&mut self, name: &str, until: Until) -> Result<Tally> {
        let started = Instant::now();
        let (total, length) = match until {
            Until::Count(total) => (total, None),
            Until::Elapsed(length) => (u64::MAX, Some(length)),
        };
        let phase = Arc::new(Phase {
            started,
            deadline: length.map(|length| started + length),
            total,
            rate: self.rate,
            taken: AtomicU64::new(0),
            done: AtomicU64::new(0),
        });
        for commands in &self.commands {
            let _ = commands.send(phase.clone());
        }
        let mut tally = Tally::new();
        let mut progress = Progress::new();
        let mut missing = self.commands.len();
        while missing > 0 {
            match self.events.recv_timeout(Duration::from_millis(100)) {
                Ok(Event::Finished(part)) => {
                    tally.merge(*part);
                    missing -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (done, elapsed) = (phase.done.load(Ordering::Relaxed), started.elapsed());
                    let share = match length {
                        Some(length) => elapsed.as_secs_f64() / length.as_secs_f64(),
                        None => done as f64 / total as f64,
                    };
                    let rate = done as f64 / elapsed.as_secs_f64();
                    let text = format!("{name}: {done} done in {}, {rate:.0}/s", seconds(elapsed));
                    progress.at(Some(share), &text);
                }
                _ => return Err(Error::failure("a thread of the load generator ended")),
            }
        }
        progress.end();
        Ok(tally)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.commands.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One thread: every `threads`-th connection and its share of the clients.
fn work<W: Workload>(
    workload: &Arc<W>,
    thread: usize,
    mut commands: UnboundedReceiver<Arc<Phase>>,
    events: &Sender<Event>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = events.send(Event::Ready(Err(Failure(error.to_string()))));
            return;
        }
    };
    runtime.block_on(async {
        let mut clients = match prepare(workload, thread).await {
            Ok(clients) => clients,
            Err(failure) => {
                let _ = events.send(Event::Ready(Err(failure)));
                return;
            }
        };
        let _ = events.send(Event::Ready(Ok(())));
        while let Some(phase) = commands.recv().await {
            let tally = Arc::new(Mutex::new(Tally::new()));
            let mut running = JoinSet::new();
            for client in clients.drain(..) {
                running.spawn(turn(client, phase.clone(), tally.clone()));
            }
            while let Some(client) = running.join_next().await {
                clients.extend(client);
            }
            let tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = events.send(Event::Finished(Box::new(tally)));
        }
    });
}

async fn prepare<W: Workload>(
    workload: &Arc<W>,
    thread: usize,
) -> std::result::Result<Vec<W::Client>, Failure> {
    let setup = workload.setup();
    let options = &setup.options;
    let mut clients = Vec::new();
    for number in (thread..options.connections).step_by(options.threads) {
        let connection = workload.connect(number).await?;
        workload.attach(&connection, number).await?;
        for client in (number..options.clients).step_by(options.connections) {
            clients.push(workload.client(&connection, client).await?);
        }
    }
    Ok(clients)
}

/// One client's requests in one phase.
async fn turn<C: Client>(mut client: C, phase: Arc<Phase>, tally: Arc<Mutex<Tally>>) -> C {
    while let Some(begun) = phase.next().await {
        let result = client.once().await;
        let latency = begun.elapsed();
        let failed = result.is_err();
        phase.done.fetch_add(1, Ordering::Relaxed);
        tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .record(latency, result);
        if failed {
            // A broken connection fails at once; without a pause it would be all this thread does.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    client
}
