//! From what is told to what is noted: several events are written at a time, each by itself, and what is told
//! again while it is being written is written once more when that is done, however often it was told.

use super::correlate::{Correlator, Noted, Same};
use super::event::Told;
use super::remember::Remembered;
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::HashMap;
use std::future::Future;
use tokio::sync::mpsc;

/// Events that wait to be noted: those of a burst of ten thousand bindings, and what else is told meanwhile.
/// Each takes about half a kilobyte.
pub(super) const WAITING_MAX: usize = 16_384;
/// Events that are written at the same time. Few: while much is written that somebody waits for, each takes
/// longer, and so they leave it most of the store's time. In quiet they are written as fast as any.
const AT_ONCE: usize = 4;
/// Events that are remembered, so that the same one again is counted and not noted anew. Upstream's number.
const REMEMBERED_MAX: usize = 4096;

/// An event that is to be written.
pub(super) struct Note {
    /// As it was told last.
    pub(super) told: Told,
    /// How often it was told since it was last written.
    pub(super) times: i64,
    /// When the first of these times was, in microseconds since 1970.
    pub(super) first_us: i64,
}

/// An event that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its name.
    pub(super) name: String,
    /// How often it happened, as it says.
    pub(super) count: i64,
}

/// Notes events.
pub(super) struct Notes {
    receive: mpsc::Receiver<Told>,
    correlator: Correlator,
    known: Remembered<Same, Known>,
    /// Those that are being written, with what was told meanwhile.
    writing: HashMap<Same, Option<Note>>,
}

impl Notes {
    pub(super) fn new(receive: mpsc::Receiver<Told>) -> Notes {
        Notes {
            receive,
            correlator: Correlator::default(),
            known: Remembered::new(REMEMBERED_MAX),
            writing: HashMap::new(),
        }
    }

    /// Notes what is told, until nobody can tell anything any more. `write` writes an event, anew or over the
    /// one that is known, and says what there is afterwards; `None`: it was not written.
    pub(super) async fn run<F>(mut self, write: impl Fn(Note, Option<Known>) -> F)
    where
        F: Future<Output = Option<Known>>,
    {
        let one = |same: Same, note: Note, known: Option<Known>| {
            let written = write(note, known);
            async move { (same, written.await) }
        };
        let mut running = FuturesUnordered::new();
        loop {
            let next = tokio::select! {
                Some((same, known)) = running.next() => self.written(same, known),
                told = self.receive.recv(), if running.len() < AT_ONCE => match told {
                    Some(told) => self.told(told),
                    None if running.is_empty() => return,
                    // What was told is written to the end.
                    None => match running.next().await {
                        Some((same, known)) => self.written(same, known),
                        None => return,
                    },
                },
            };
            if let Some((same, note)) = next {
                let known = self.known.get(&same).cloned();
                running.push(one(same, note, known));
            }
        }
    }

    /// What is to be written now of what was told.
    fn told(&mut self, told: Told) -> Option<(Same, Note)> {
        let same = told.same();
        let Noted { same, message } = self.correlator.correlate(same, told.now_us)?;
        let note = Note {
            times: 1,
            first_us: told.now_us,
            told: Told { message, ..told },
        };
        match self.writing.get_mut(&same) {
            None => {
                self.writing.insert(same.clone(), None);
                Some((same, note))
            }
            Some(waiting) => {
                let before = waiting.take();
                *waiting = Some(match before {
                    None => note,
                    Some(before) => Note {
                        times: before.times + 1,
                        first_us: before.first_us,
                        ..note
                    },
                });
                None
            }
        }
    }

    /// What is to be written after an event was.
    fn written(&mut self, same: Same, known: Option<Known>) -> Option<(Same, Note)> {
        match known {
            Some(known) => self.known.put(same.clone(), known),
            None => self.known.forget(&same),
        }
        match self.writing.get_mut(&same).and_then(Option::take) {
            Some(note) => Some((same, note)),
            None => {
                self.writing.remove(&same);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Meta;
    use crate::runtime::event::{About, Recorder};
    use std::cell::{Cell, RefCell};
    use tokio::sync::Semaphore;

    fn about(name: &str) -> About {
        let row = keelson_apiserver::resource::builtin().find("", "v1", "pods");
        let meta = Meta {
            name: name.to_owned(),
            ..Meta::default()
        };
        About::of(row.expect("pods"), &meta)
    }

    fn tell(recorder: &Recorder, name: &str, now_us: i64) {
        recorder.tell(about(name), false, "Scheduled", "it is".to_owned(), now_us);
    }

    /// How many of so many events about as many Pods are noted, if they are all told before one is noted.
    async fn noted(told: usize) -> usize {
        let (recorder, notes) = Recorder::new("test");
        for number in 0..told {
            tell(&recorder, &format!("p{number}"), 0);
        }
        drop(recorder);
        let count = Cell::new(0);
        let write = |_: Note, _: Option<Known>| {
            count.set(count.get() + 1);
            std::future::ready(None)
        };
        notes.run(write).await;
        count.get()
    }

    #[tokio::test]
    async fn m7_the_events_of_a_burst_of_bindings_are_all_noted_and_what_waits_is_bounded() {
        assert_eq!(noted(10_000).await, 10_000);
        assert_eq!(noted(WAITING_MAX + 100).await, WAITING_MAX);
    }

    #[tokio::test]
    async fn several_events_are_written_at_a_time_and_no_more_than_that() {
        let (recorder, notes) = Recorder::new("test");
        for number in 0..100 {
            tell(&recorder, &format!("p{number}"), 0);
        }
        drop(recorder);
        let (running, most, gate) = (Cell::new(0), Cell::new(0), Semaphore::new(0));
        let write = |_: Note, _: Option<Known>| async {
            running.set(running.get() + 1);
            most.set(running.get().max(most.get()));
            let _permit = gate.acquire().await;
            running.set(running.get() - 1);
            None
        };
        let opening = async {
            // As many as there will ever be have begun long before that.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            gate.add_permits(1000);
        };
        tokio::join!(notes.run(write), opening);
        assert_eq!(most.get(), AT_ONCE);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_not_written_over() {
        let (recorder, notes) = Recorder::new("test");
        let (mut outcomes, seen) = (RefCell::new(vec![]), RefCell::new(Vec::new()));
        let known = |count| Known {
            name: "e".to_owned(),
            count,
        };
        // The last is the first.
        *outcomes.get_mut() = vec![Some(known(9)), None, Some(known(1))];
        let write = |_: Note, known: Option<Known>| {
            seen.borrow_mut().push(known);
            std::future::ready(outcomes.borrow_mut().pop().flatten())
        };
        let telling = async {
            for now_us in 1..=3 {
                tell(&recorder, "a", now_us);
                while seen.borrow().len() < usize::try_from(now_us).expect("a number") {
                    tokio::task::yield_now().await;
                }
            }
            drop(recorder);
        };
        tokio::join!(notes.run(write), telling);
        assert_eq!(*seen.borrow(), [None, Some(known(1)), None]);
    }

    #[tokio::test]
    async fn what_is_told_again_while_it_is_written_is_written_once_more_with_its_count() {
        let (recorder, notes) = Recorder::new("test");
        let (gate, done) = (Semaphore::new(0), RefCell::new(Vec::new()));
        let gate = &gate;
        let done_so_far = &done;
        let write = |note: Note, known: Option<Known>| async move {
            let _permit = gate.acquire().await;
            let count = known.map_or(0, |known| known.count) + note.times;
            let name = note.told.about;
            let span = (note.first_us, note.told.now_us);
            done_so_far
                .borrow_mut()
                .push((name, note.times, span, count));
            Some(Known {
                name: "e".to_owned(),
                count,
            })
        };
        for now_us in 1..=5 {
            tell(&recorder, "a", now_us);
        }
        tell(&recorder, "b", 9);
        let telling = async {
            // All have been taken in before the first is written.
            while recorder.waits() {
                tokio::task::yield_now().await;
            }
            gate.add_permits(1000);
            drop(recorder);
        };
        tokio::join!(notes.run(write), telling);
        let mut done = done.take();
        done.sort_by_key(|(_, _, span, _)| *span);
        let expected = [
            (about("a"), 1, (1, 1), 1),
            (about("a"), 4, (2, 5), 5),
            (about("b"), 1, (9, 9), 1),
        ];
        assert_eq!(done, expected);
    }
}
