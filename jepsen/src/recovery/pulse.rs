//! Clients that ask at a steady pace, whether they were answered or not.
//!
//! A client that waits for each answer would measure how long one unlucky request is kept: some servers keep what
//! was asked at the moment of the loss for many seconds, and answer what is asked later long before. Here a new
//! request goes out every few milliseconds through every member, and what counts is when anything is answered.

use keelson_kit::check::{Check, Failure};
use keelson_kit::client::Client;
use keelson_kit::request::{get, put};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two requests of a kind through one member: what is measured is not sharper than this.
pub const PACE: Duration = Duration::from_millis(20);
/// Longer is not waited for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests of a kind through one member that wait for their answers: as many as are sent in that time. Beyond
/// them none is sent.
const WAITING: usize = 250;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A linearizable read of one key.
    Read,
    /// A write of one key.
    Write,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
struct Answer {
    at_ns: u64,
    member: usize,
    ask: Ask,
}

/// All clients, on a thread and a runtime of their own: faults must not slow them down. They keep a few words of
/// each answer; a measurement lasts minutes.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    answers: Arc<Mutex<Vec<Answer>>>,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Pulse {
    /// Starts to ask.
    ///
    /// # Errors
    ///
    /// For a malformed URL, or when there can be no thread.
    pub fn start(endpoints: &[String]) -> Check<Pulse> {
        let (stop, stopped) = watch::channel(false);
        let answers = Arc::<Mutex<Vec<Answer>>>::default();
        let began = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (endpoints, told) = (endpoints.to_owned(), Arc::clone(&answers));
        let thread = std::thread::Builder::new().name("pulse".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                let mut over = stopped.clone();
                for (member, endpoint) in endpoints.iter().enumerate() {
                    for ask in [Ask::Read, Ask::Write] {
                        // A malformed URL shows as a member that never answers.
                        let Ok(client) = Client::new(std::slice::from_ref(endpoint)) else {
                            continue;
                        };
                        let (answers, over) = (Arc::clone(&told), stopped.clone());
                        let beat = Beat {
                            client,
                            member,
                            ask,
                            began,
                            answers,
                        };
                        tokio::spawn(beat.go_on(over));
                    }
                }
                // An error says that whoever would stop it is gone.
                let _ = over.wait_for(|over| *over).await;
            });
        })?;
        Ok(Pulse {
            began,
            answers,
            stop,
            thread: Some(thread),
        })
    }

    /// The present, in nanoseconds since the start.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// When something was answered: by these members, in order.
    pub fn answers(&self, ask: Ask, by: impl Fn(usize) -> bool) -> Vec<u64> {
        let answers = self.answers.lock();
        let wanted = answers
            .iter()
            .filter(|one| one.ask == ask && by(one.member));
        let mut moments: Vec<u64> = wanted.map(|one| one.at_ns).collect();
        moments.sort_unstable();
        moments
    }

    /// If a member has answered both kinds since a moment.
    pub fn has_answered_since(&self, member: usize, since: u64) -> bool {
        let answered = |ask| {
            let answers = self.answers.lock();
            let mut late = answers.iter().rev().take_while(|one| one.at_ns > since);
            late.any(|one| one.member == member && one.ask == ask)
        };
        answered(Ask::Read) && answered(Ask::Write)
    }

    /// Stops asking.
    ///
    /// # Errors
    ///
    /// When a client panicked.
    pub fn stop(mut self) -> Check {
        let _ = self.stop.send(true);
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        match ended {
            Some(Err(_)) => Err(Failure::new("the clients panicked")),
            _ => Ok(()),
        }
    }
}

/// Asks one thing of one member.
struct Beat {
    client: Client,
    member: usize,
    ask: Ask,
    began: Instant,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Beat {
    async fn go_on(self, over: watch::Receiver<bool>) {
        let beat = Arc::new(self);
        let room = Arc::new(Semaphore::new(WAITING));
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*over.borrow() {
            ticks.tick().await;
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                continue;
            };
            let beat = Arc::clone(&beat);
            tokio::spawn(async move {
                beat.once().await;
                drop(place);
            });
        }
    }

    async fn once(&self) {
        let key = format!("pulse/{}", self.member);
        let is_answered = match self.ask {
            Ask::Read => timeout(PATIENCE, self.client.range(get(key)))
                .await
                .is_ok_and(|one| one.is_ok()),
            Ask::Write => timeout(PATIENCE, self.client.put(put(key, "beat")))
                .await
                .is_ok_and(|one| one.is_ok()),
        };
        if is_answered {
            let at_ns = self.began.elapsed().as_nanos() as u64;
            let (member, ask) = (self.member, self.ask);
            self.answers.lock().push(Answer { at_ns, member, ask });
        }
    }
}
