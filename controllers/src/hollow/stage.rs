//! What comes next for a Pod: a table. The first row that fits counts; if none does, the Pod stays as it is.

use super::look::{Look, Phase, Waits};

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Stage {
    /// By which its delay can be changed.
    pub name: &'static str,
    /// What the Pod must look like: all of it.
    pub when: &'static [When],
    /// How long it has to look like that.
    pub delay: Delay,
    /// What happens then.
    pub then: Then,
}

/// What a Pod looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is to go.
    Going,
    /// Its phase.
    Is(Phase),
    /// What it waits for.
    Waits(Waits),
    /// Its node has not yet said that it knows it.
    New,
    /// An image of it cannot be had.
    LacksImage,
    /// All images can be had.
    HasImages,
    /// It is ready and should not be, or the other way round.
    ReadyAgainstWish,
    /// How it ends is of interest to others.
    MayEnd,
    /// It will end by itself.
    RunsToEnd,
    /// Its containers fail, and are started again.
    FailsAndRetries,
}

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// So many milliseconds, and up to so many more.
    Ms(u64, u64),
    /// As long as the Pod's containers run, counted from their start.
    RunFor,
    /// Longer after each failure of a container.
    BackOff,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Something else is said about it.
    Say(Saying),
    /// It is taken away.
    Remove,
}

/// What can be said about a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// Its containers are being made.
    Creating,
    /// An image could not be had.
    PullError,
    /// An image will be asked for again later.
    PullBackOff,
    /// Its containers run.
    Running,
    /// Its containers have run to their end.
    Finished,
    /// Its containers have failed and will be started again.
    Crashed,
    /// Its containers were stopped.
    Stopped,
}

/// The table.
pub const STAGES: &[Stage] = &[
    Stage {
        name: "remove",
        when: &[When::Going, When::Is(Phase::Ended)],
        delay: Delay::Ms(0, 50),
        then: Then::Remove,
    },
    // Whoever counts how Pods end wants to see it before they are gone.
    Stage {
        name: "stop",
        when: &[When::Going, When::Is(Phase::Running), When::MayEnd],
        delay: Delay::Ms(200, 200),
        then: Then::Say(Saying::Stopped),
    },
    Stage {
        name: "stop-and-remove",
        when: &[When::Going],
        delay: Delay::Ms(200, 200),
        then: Then::Remove,
    },
    Stage {
        name: "create",
        when: &[When::Is(Phase::Pending), When::New],
        delay: Delay::Ms(0, 0),
        then: Then::Say(Saying::Creating),
    },
    Stage {
        name: "start",
        when: &[When::Is(Phase::Pending), When::HasImages],
        delay: Delay::Ms(200, 200),
        then: Then::Say(Saying::Running),
    },
    Stage {
        name: "pull-error",
        when: &[
            When::Is(Phase::Pending),
            When::LacksImage,
            When::Waits(Waits::Nothing),
        ],
        delay: Delay::Ms(200, 200),
        then: Then::Say(Saying::PullError),
    },
    Stage {
        name: "pull-back-off",
        when: &[
            When::Is(Phase::Pending),
            When::LacksImage,
            When::Waits(Waits::PullError),
        ],
        delay: Delay::Ms(2000, 1000),
        then: Then::Say(Saying::PullBackOff),
    },
    Stage {
        name: "restart",
        when: &[When::Is(Phase::Running), When::Waits(Waits::CrashLoop)],
        delay: Delay::BackOff,
        then: Then::Say(Saying::Running),
    },
    Stage {
        name: "readiness",
        when: &[When::Is(Phase::Running), When::ReadyAgainstWish],
        delay: Delay::Ms(0, 100),
        then: Then::Say(Saying::Running),
    },
    Stage {
        name: "crash",
        when: &[
            When::Is(Phase::Running),
            When::RunsToEnd,
            When::FailsAndRetries,
        ],
        delay: Delay::RunFor,
        then: Then::Say(Saying::Crashed),
    },
    Stage {
        name: "finish",
        when: &[When::Is(Phase::Running), When::RunsToEnd],
        delay: Delay::RunFor,
        then: Then::Say(Saying::Finished),
    },
];

/// The row that fits, by its number.
pub fn next(look: &Look) -> Option<usize> {
    STAGES.iter().position(|stage| stage.fits(look))
}

/// The row that fits if this one and those before it are left out.
pub fn after(stage: usize, look: &Look) -> Option<usize> {
    (stage + 1..STAGES.len()).find(|at| STAGES[*at].fits(look))
}

impl Stage {
    fn fits(&self, look: &Look) -> bool {
        self.when.iter().all(|when| when.holds(look))
    }
}

impl When {
    fn holds(self, look: &Look) -> bool {
        match self {
            When::Going => look.is_going,
            When::Is(phase) => look.phase == phase,
            When::Waits(waits) => look.waits == waits,
            When::New => !look.is_accepted,
            When::LacksImage => look.lacks_image,
            When::HasImages => !look.lacks_image,
            When::ReadyAgainstWish => look.is_ready != look.wants_ready,
            When::MayEnd => look.may_end,
            When::RunsToEnd => look.runs_to_end,
            When::FailsAndRetries => look.fails && look.retries,
        }
    }
}
