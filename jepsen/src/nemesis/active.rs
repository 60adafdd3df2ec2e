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
    /// Whether it can be taken away at any time, or has come to its end.
    pub(super) fn may_end(&self) -> bool {
        match &self.means {
            Means::Story(story) => story.may_end(),
            _ => true,
        }
    }
}
