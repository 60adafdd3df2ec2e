//! Lanes: work that goes on beside requests, for as long as a member runs.
//!
//! In a process each lane is a thread, because it blocks: for the disk, for a queue. In a simulation
//! there is one thread and no blocking, so the same work is done in steps, and the simulation decides when
//! the next one comes and how much time passes in between. Whoever writes such work puts what it *does*
//! into functions that both ways call; what is left to tell apart is how it waits.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle, available_parallelism, scope};
use std::time::Duration;

/// Threads that make what is wanted in order: more would wait for memory.
const MAKERS_MAX: usize = 4;

/// Work of a lane.
pub trait Work: Send + 'static {
    /// Does all of it, and waits in between. Returns when it is over.
    fn run(self)
    where
        Self: Sized;

    /// Does a part of it, without waiting for anything but the disk.
    fn step(&mut self) -> Step;
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was done, and there is more.
    More,
    /// There was nothing to do. Unless something happens, there is nothing to do for so long.
    Wait(Duration),
    /// It is over; there is no next step.
    Over,
}

/// Takes the work of a lane and its name, and does it in steps.
pub type Stepper = dyn Fn(&'static str, Box<dyn Work>) + Send + Sync;

/// Who carries out the work of lanes.
#[derive(Clone, Default)]
pub enum Lanes {
    /// A thread for each.
    #[default]
    Threads,
    /// A simulation, step by step.
    Steps(Arc<Stepper>),
}

impl Lanes {
    /// Starts `work`. What comes back can be waited for, if it is a thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(&self, name: &'static str, work: impl Work) -> io::Result<Option<JoinHandle<()>>> {
        match self {
            Lanes::Threads => Builder::new()
                .name(name.to_owned())
                .spawn(move || work.run())
                .map(Some),
            Lanes::Steps(stepper) => {
                stepper(name, Box::new(work));
                Ok(None)
            }
        }
    }

    /// Does two things, at the same time if there are threads, and `beside` before `here` if there are none.
    ///
    /// # Errors
    /// The system has no thread to give; then `here` was not done either.
    pub fn both<A: Send, B>(
        &self,
        name: &'static str,
        beside: impl FnOnce() -> A + Send,
        here: impl FnOnce() -> B,
    ) -> io::Result<(A, B)> {
        match self {
            Lanes::Threads => scope(|scope| {
                let beside = Builder::new()
                    .name(name.to_owned())
                    .spawn_scoped(scope, beside)?;
                let here = here();
                match beside.join() {
                    Ok(beside) => Ok((beside, here)),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }),
            Lanes::Steps(_) => Ok((beside(), here())),
        }
    }

    /// `make`s something of each number below `count`, several at a time if there are threads, and lets the
    /// caller `take` them one by one in their order. Each thread has a space of its own that `make` finds as
    /// it left it, and is at most two ahead. The first error of `take` ends it.
    ///
    /// # Errors
    /// That of `take`.
    pub fn in_order<S: Default, T: Send, E>(
        &self,
        name: &'static str,
        count: usize,
        make: impl Fn(&mut S, usize) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let makers = match self {
            Lanes::Threads => available_parallelism().map_or(1, usize::from),
            Lanes::Steps(_) => 0,
        };
        let makers = makers.min(MAKERS_MAX).min(count);
        scope(|scope| {
            let made: Vec<_> = (0..makers)
                .map(|first| {
                    let (give, made) = sync_channel(1);
                    let make = &make;
                    let work = move || {
                        let mut space = S::default();
                        let mine = (first..count).step_by(makers);
                        // Nobody takes any more once there was an error.
                        let _ = mine
                            .map(|number| give.send(make(&mut space, number)))
                            .try_for_each(|given| given);
                    };
                    let started = Builder::new()
                        .name(name.to_owned())
                        .spawn_scoped(scope, work);
                    started.ok().map(|_| made)
                })
                .collect();
            // Makes what no thread does: all of it without threads.
            let mut space = S::default();
            for number in 0..count {
                let maker = number
                    .checked_rem(makers)
                    .and_then(|maker| made[maker].as_ref());
                let next = match maker.map(|made| made.recv()) {
                    Some(Ok(next)) => next,
                    // It panicked, which the end of this scope passes on.
                    Some(Err(_)) => break,
                    None => make(&mut space, number),
                };
                take(next)?;
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for Lanes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Lanes::Threads => "Threads",
            Lanes::Steps(_) => "Steps",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Count {
        numbers: Receiver<u32>,
        sum: Sender<u32>,
        so_far: u32,
    }

    impl Work for Count {
        fn run(mut self) {
            while let Ok(number) = self.numbers.recv() {
                self.so_far += number;
            }
            self.sum.send(self.so_far).expect("somebody waits");
        }

        fn step(&mut self) -> Step {
            match self.numbers.try_recv() {
                Ok(number) => self.so_far += number,
                Err(std::sync::mpsc::TryRecvError::Empty) => return Step::Wait(Duration::ZERO),
                Err(_) => {
                    self.sum.send(self.so_far).expect("somebody waits");
                    return Step::Over;
                }
            }
            Step::More
        }
    }

    fn sum_with(lanes: &Lanes) -> u32 {
        let (give, numbers) = channel();
        let (sum, answer) = channel();
        let work = Count {
            numbers,
            sum,
            so_far: 0,
        };
        for number in [1, 2, 3] {
            give.send(number).expect("there");
        }
        drop(give);
        lanes.start("count", work).expect("started");
        answer.recv().expect("a sum")
    }

    #[test]
    fn a_lane_does_the_same_as_a_thread_and_in_steps() {
        let all_at_once = Lanes::Steps(Arc::new(
            |_, mut work: Box<dyn Work>| {
                while work.step() != Step::Over {}
            },
        ));
        assert_eq!(sum_with(&Lanes::Threads), 6);
        assert_eq!(sum_with(&all_at_once), 6);
    }

    fn ways() -> [Lanes; 2] {
        [Lanes::Threads, Lanes::Steps(Arc::new(|_, _| {}))]
    }

    #[test]
    fn two_things_are_done_and_both_results_come_back() {
        for lanes in ways() {
            let done = lanes.both("beside", || 1, || "two").expect("a thread");
            assert_eq!(done, (1, "two"));
        }
    }

    #[test]
    fn threads_do_two_things_at_the_same_time() {
        let (ask, asked) = channel();
        let (answer, answered) = channel();
        let beside = move || {
            ask.send(1).expect("somebody hears");
            answered.recv().expect("an answer")
        };
        let here = move || answer.send(asked.recv().expect("a question") + 1);
        let done = Lanes::Threads
            .both("beside", beside, here)
            .expect("a thread");
        assert_eq!(done, (2, Ok(())));
    }

    #[test]
    fn what_is_made_at_the_same_time_is_taken_in_order() {
        for lanes in ways() {
            for count in [0, 1, 2, 100] {
                let mut taken = Vec::new();
                let make = |made_before: &mut usize, number| {
                    *made_before += 1;
                    (number, *made_before)
                };
                let take = |(number, made)| {
                    assert!(made <= number + 1, "a space is only one thread's");
                    taken.push(number);
                    Ok::<(), ()>(())
                };
                assert_eq!(lanes.in_order("make", count, make, take), Ok(()));
                assert_eq!(taken, Vec::from_iter(0..count));
            }
        }
    }

    #[test]
    fn the_first_error_of_who_takes_ends_the_making() {
        for lanes in ways() {
            let mut taken = 0;
            let take = |number| {
                taken += 1;
                if number == 3 { Err(number) } else { Ok(()) }
            };
            let ended = lanes.in_order("make", usize::MAX, |_: &mut (), number| number, take);
            assert_eq!((ended, taken), (Err(3), 4));
        }
    }
}
