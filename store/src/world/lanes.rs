//! Lanes: work that goes on beside requests, for as long as a member runs.
//!
//! In a process each lane is a thread, because it blocks: for the disk, for a queue. In a simulation
//! there is one thread and no blocking, so the same work is done in steps, and the simulation decides when
//! the next one comes and how much time passes in between. Whoever writes such work puts what it *does*
//! into functions that both ways call; what is left to tell apart is how it waits.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

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
            Lanes::Threads => std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work.run())
                .map(Some),
            Lanes::Steps(stepper) => {
                stepper(name, Box::new(work));
                Ok(None)
            }
        }
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
}
