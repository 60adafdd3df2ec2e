//! The faults, by name: their number in the plan, what they need, how long they last.

use crate::doctor::Capability;

/// A kind of fault, as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Nemesis {
    /// One member is killed, the leader as often as others.
    Kill,
    /// More than half of all are killed at one time.
    KillMajority,
    /// All are killed at one time.
    KillAll,
    /// One member loses power, and what its disk had not synced.
    Power,
    /// All lose power at one time.
    PowerAll,
    /// A member is stopped and goes on later: leader, follower or more than half.
    Pause,
    /// Wires are cut, in all shapes.
    Partition,
    /// Wires are cut and whole again, several times a second.
    Flap,
    /// What a member sends to the others, and they to it, goes through a thin pipe.
    Link,
    /// A disk does not answer for a while.
    Stall,
    /// A disk answers slowly.
    Slow,
    /// A disk is full.
    Full,
    /// A disk reports an error when it is asked to sync.
    SyncError,
    /// A disk reports an error when it is written to.
    WriteError,
    /// A disk reports an error when it is read.
    ReadError,
    /// The clock on the wall jumps.
    Clock,
    /// The newest file of a log ends in garbage after a kill, as a torn write leaves it.
    Torn,
    /// A member kills itself in the middle of something, at a failpoint of its program.
    Failpoint,
    /// Leadership is handed over.
    Transfer,
    /// A member gives space back to its disk.
    Defragment,
    /// A member is asked to stop, and started again.
    Restart,
    /// Members come and go, are promoted and replaced.
    Member,
    /// A byte of a member's log or state is not what was written.
    Damage,
    /// A member's data is gone, whole or in part, or another process uses it.
    LostData,
    /// A copy of a member's disk, taken while it works, is opened by a member alone.
    Image,
    /// A control that must fail: disks say that they have synced and have not, and all lose power.
    Lie,
    /// Some of the frames of a member's wires are lost.
    Lossy,
    /// Frames of a member's wires to the others come more than once.
    Duplicate,
    /// Some frames between a member and the others come late, and others overtake them.
    Late,
    /// A member gets a tenth of a processor.
    Starved,
    /// A member may open no more files, and no more connections.
    NoFiles,
    /// A member may take no more memory, and the kernel kills it when it does.
    NoMemory,
    /// A member gets no new thread.
    NoThreads,
    /// Clients that nobody records ask a member for far too much.
    Flood,
    /// A backup is taken and becomes a cluster of its own.
    Backup,
    /// The clock that only rises runs at twice or half the rate.
    ClockRate,
    /// The clock that only rises leaps ahead.
    ClockLeap,
    /// Frames between a member and the others are not what was sent.
    Corrupt,
}

/// Faults of one lane never overlap, those of different lanes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Processes and disks.
    Members,
    /// Wires.
    Network,
    /// Requests that stir things up.
    Requests,
}

/// What is known of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// As on the command line and in histories.
    pub name: &'static str,
    /// Its number in the plan.
    pub class: &'static str,
    /// Where it is in the way of others.
    pub lane: Lane,
    /// Without these it is skipped.
    pub needs: &'static [Capability],
    /// Shortest and longest time that it lasts, in milliseconds.
    pub length_ms: (u64, u64),
}

/// Wires whose frames a packet filter can lose.
const FILTERED: &[Capability] = &[Capability::Cuts, Capability::PacketFilter];
/// Wires whose frames traffic control can hold back or copy.
const SHAPED: &[Capability] = &[Capability::Cuts, Capability::TrafficControl];
/// Members whose calls of the system can be made to fail.
const TRACED: &[Capability] = &[Capability::SyscallErrors];
/// Members whose memory or threads can be limited.
const GROUPS: &[Capability] = &[Capability::ControlGroups];

const fn facts(
    name: &'static str,
    class: &'static str,
    lane: Lane,
    needs: &'static [Capability],
    length_ms: (u64, u64),
) -> Facts {
    Facts {
        name,
        class,
        lane,
        needs,
        length_ms,
    }
}

impl Nemesis {
    /// All of them.
    pub const ALL: [Nemesis; 38] = [
        Nemesis::Kill,
        Nemesis::KillMajority,
        Nemesis::KillAll,
        Nemesis::Power,
        Nemesis::PowerAll,
        Nemesis::Pause,
        Nemesis::Partition,
        Nemesis::Flap,
        Nemesis::Link,
        Nemesis::Stall,
        Nemesis::Slow,
        Nemesis::Full,
        Nemesis::SyncError,
        Nemesis::WriteError,
        Nemesis::ReadError,
        Nemesis::Clock,
        Nemesis::Torn,
        Nemesis::Failpoint,
        Nemesis::Transfer,
        Nemesis::Defragment,
        Nemesis::Restart,
        Nemesis::Member,
        Nemesis::Damage,
        Nemesis::LostData,
        Nemesis::Image,
        Nemesis::Lie,
        Nemesis::Lossy,
        Nemesis::Duplicate,
        Nemesis::Late,
        Nemesis::Starved,
        Nemesis::NoFiles,
        Nemesis::NoMemory,
        Nemesis::NoThreads,
        Nemesis::Flood,
        Nemesis::Backup,
        Nemesis::ClockRate,
        Nemesis::ClockLeap,
        Nemesis::Corrupt,
    ];

    /// What is known of it.
    pub fn facts(self) -> Facts {
        use Capability::{Cuts, FakeTime, Images, PowerLoss, SyscallErrors, TrafficControl};
        use Lane::{Members, Network, Requests};
        match self {
            Nemesis::Kill => facts("kill", "F1", Members, &[], (300, 4_000)),
            Nemesis::KillMajority => facts("kill-majority", "F2", Members, &[], (300, 3_000)),
            Nemesis::KillAll => facts("kill-all", "F2", Members, &[], (100, 1_500)),
            Nemesis::Power => facts("power", "F3", Members, &[PowerLoss], (300, 3_000)),
            Nemesis::PowerAll => facts("power-all", "F3", Members, &[PowerLoss], (100, 1_500)),
            Nemesis::Pause => facts("pause", "F6", Members, &[], (50, 8_000)),
            Nemesis::Partition => facts("partition", "F7", Network, &[Cuts], (500, 8_000)),
            Nemesis::Flap => facts("flap", "F7", Network, &[Cuts], (2_000, 6_000)),
            Nemesis::Link => facts(
                "link",
                "F9",
                Network,
                &[Cuts, TrafficControl],
                (2_000, 6_000),
            ),
            Nemesis::Stall => facts("stall", "F13", Members, &[Images], (1_000, 8_000)),
            Nemesis::Slow => facts("slow", "F13", Members, &[Images], (2_000, 6_000)),
            Nemesis::Full => facts("full", "F11", Members, &[Images], (2_000, 6_000)),
            Nemesis::SyncError => facts("sync-error", "F12", Members, TRACED, (1_000, 3_000)),
            Nemesis::WriteError => facts("write-error", "F12", Members, TRACED, (1_000, 3_000)),
            Nemesis::ReadError => facts("read-error", "F12", Members, TRACED, (2_000, 5_000)),
            Nemesis::Clock => facts("clock", "F10", Requests, &[FakeTime], (1_000, 8_000)),
            Nemesis::Torn => facts("torn", "F14", Members, &[], (300, 1_500)),
            Nemesis::Failpoint => facts("failpoint", "F5", Members, &[], (800, 4_000)),
            Nemesis::Transfer => facts("transfer", "F20", Requests, &[], (200, 1_000)),
            Nemesis::Defragment => facts("defragment", "F21", Requests, &[], (200, 1_000)),
            Nemesis::Restart => facts("restart", "F22", Members, &[], (200, 1_500)),
            Nemesis::Member => facts("member", "F19", Members, &[], (1_000, 6_000)),
            Nemesis::Damage => facts("damage", "F15", Members, &[], (500, 3_000)),
            Nemesis::LostData => facts("lost-data", "F16", Members, &[], (300, 2_000)),
            Nemesis::Image => facts("image", "F4", Members, &[Images, Cuts], (500, 3_000)),
            Nemesis::Lie => facts(
                "lie",
                "F17",
                Members,
                &[PowerLoss, SyscallErrors],
                (2_000, 6_000),
            ),
            Nemesis::Lossy => facts("lossy", "F9", Network, FILTERED, (2_000, 6_000)),
            Nemesis::Duplicate => facts("duplicate", "F9", Network, SHAPED, (2_000, 6_000)),
            Nemesis::Late => facts("late", "F9", Network, SHAPED, (2_000, 6_000)),
            Nemesis::Corrupt => facts("corrupt", "F9", Network, FILTERED, (2_000, 6_000)),
            Nemesis::Starved => facts("starved", "F18", Members, &[], (2_000, 6_000)),
            Nemesis::NoFiles => facts("no-files", "F18", Members, &[], (1_500, 5_000)),
            Nemesis::NoMemory => facts("no-memory", "F18", Members, GROUPS, (2_000, 5_000)),
            Nemesis::NoThreads => facts("no-threads", "F18", Members, GROUPS, (2_000, 5_000)),
            Nemesis::Flood => facts("flood", "F24", Requests, &[], (2_000, 6_000)),
            Nemesis::Backup => facts("backup", "F25", Requests, &[], (1_000, 4_000)),
            Nemesis::ClockRate => facts("clock-rate", "F10", Requests, &[FakeTime], (2_000, 8_000)),
            Nemesis::ClockLeap => facts("clock-leap", "F10", Requests, &[FakeTime], (200, 1_000)),
        }
    }

    /// What it means that a fault had no effect, if that is the members' doing and not the host's. Such a one is
    /// not covered, and the run says nothing less about the others; any other one must be seen to work.
    pub fn without_effect(self) -> Option<&'static str> {
        match self {
            Nemesis::Failpoint => Some("no member came to one of the failpoints"),
            Nemesis::NoMemory => Some("it never wanted more memory than it had"),
            Nemesis::NoThreads => Some("it never wanted another thread"),
            Nemesis::Late | Nemesis::Link => Some("no frame had to wait"),
            Nemesis::ReadError => Some("it read nothing from its disk"),
            // As a follower whose wires are cut.
            Nemesis::SyncError | Nemesis::WriteError => Some("it wrote nothing to its disk"),
            Nemesis::Lossy => Some("no frame came that could be lost"),
            Nemesis::Duplicate => Some("no frame came that could be copied"),
            Nemesis::Corrupt => Some("no frame came that was worth changing"),
            _ => None,
        }
    }

    /// Whether members must have been started so that their clocks listen.
    pub fn is_of_clocks(self) -> bool {
        self.facts().needs.contains(&Capability::FakeTime)
    }

    /// As on the command line and in histories.
    pub fn name(self) -> &'static str {
        self.facts().name
    }
}
