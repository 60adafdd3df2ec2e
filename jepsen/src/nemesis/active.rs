//! A fault that goes on: what it is, and what its end needs to know.

use super::plan::Step;
use super::{backup, bytes, duty, flood_clients, image, lie, lost, members, scarce, slow, storage};
use crate::history::FaultRecord;
use rand::rngs::StdRng;

/// A fault that goes on.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) step: Step,
    pub(super) record: FaultRecord,
    pub(super) victims: Vec<usize>,
    pub(super) means: Means,
    pub(super) is_effective: bool,
    /// Whether it had to go before its time, because another one was due.
    pub(super) is_cut_short: bool,
    /// How the victim ended by itself, if it did.
    pub(super) ended: Option<String>,
    /// How long the log of the first victim was at the beginning.
    pub(super) log_from: usize,
    pub(super) random: StdRng,
}

/// What a fault needs to remember until its end.
#[derive(Debug)]
pub(super) enum Means {
    /// Nothing.
    None,
    /// Members that are down.
    Down,
    /// Wires that are cut, now or now and then.
    Cut(Vec<crate::net::Cut>, bool),
    /// A write that waits for the disk.
    Probe(storage::Probe),
    /// A disk that stands still now and then, and a write that waits for it.
    Slow(slow::Beats, storage::Probe),
    /// A program that is attached to a member.
    Tracer(keelson_kit::process::Process, std::path::PathBuf),
    /// A member that dies at failpoints, and how often it had done so before.
    Armed(usize),
    /// Changes of members, one after the other.
    Story(Box<members::Story>),
    /// A byte that is wrong.
    Damaged(bytes::Damage),
    /// Data that was put aside.
    Aside(lost::Aside),
    /// A copy of a disk that is looked at.
    Looking(image::Looking),
    /// Disks that lie.
    Lying(Vec<lie::Liar>),
    /// Frames that came out of order, or wrong, before, on all hosts.
    Counted(u64),
    /// A member that stands still most of the time.
    Duty(duty::Duty),
    /// A member that may open nothing.
    Files(scarce::Files),
    /// A member whose memory becomes less and less.
    Memory(crate::limits::Group),
    /// A member that gets no new thread.
    Threads(crate::limits::ThreadLimit),
    /// Clients that ask for too much.
    Flood(flood_clients::Flood),
    /// A backup that is about to be a cluster.
    Backup(backup::Trial),
}

impl Active {
    /// When it has lasted as long as it was to, in milliseconds of the plan.
    pub(super) fn ends_ms(&self) -> u64 {
        self.step.at_ms + self.step.length_ms
    }

    /// What it means that it had no effect, if that says nothing about the host: not covered, and no more than that.
    pub(super) fn without_effect(&self) -> Option<&'static str> {
        let cut_short = "another one was due before it had lasted";
        let why = self.step.nemesis.without_effect();
        why.or(self.is_cut_short.then_some(cut_short))
    }

    /// Whether it can be taken away at any time, or has come to its end.
    pub(super) fn may_end(&self) -> bool {
        match &self.means {
            Means::Story(story) => story.may_end(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::FaultPhase;
    use crate::nemesis::Nemesis;
    use crate::nemesis::plan::Role;
    use rand::SeedableRng;

    #[test]
    fn a_fault_without_effect_says_nothing_of_the_host_if_it_had_to_go_before_its_time() {
        let mut slow = active(Nemesis::Slow);
        assert_eq!(slow.without_effect(), None);
        slow.is_cut_short = true;
        assert_eq!(
            slow.without_effect(),
            Some("another one was due before it had lasted")
        );
        let mut late = active(Nemesis::Late);
        late.is_cut_short = true;
        assert_eq!(late.without_effect(), Nemesis::Late.without_effect());
    }

    fn active(nemesis: Nemesis) -> Active {
        Active {
            step: Step {
                at_ms: 0,
                length_ms: 1000,
                nemesis,
                role: Role::Follower,
                seed: 1,
            },
            record: FaultRecord {
                fault: 1,
                kind: nemesis.name().to_owned(),
                class: String::new(),
                nodes: vec![1],
                phase: FaultPhase::Start {
                    detail: String::new(),
                },
            },
            victims: vec![0],
            means: Means::None,
            is_effective: false,
            is_cut_short: false,
            ended: None,
            log_from: 0,
            random: StdRng::seed_from_u64(1),
        }
    }
}
