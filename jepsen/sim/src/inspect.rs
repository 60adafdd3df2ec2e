//! Looks at every member after each tick, and asks the rules.
//!
//! What a member says of itself is not believed where it matters: whether something is durable is read
//! from what a crash of its disk would leave, by opening that as a log.

use crate::image::{Image, contains};
use crate::member::Member;
use crate::rules::{
    Broken, Committed, Configurations, Entry, Matching, Rising, States, covered, own_vote, quorum,
};
use crate::trace::Trace;
use keelson_store::engine::Family;
use keelson_store::mvcc;
use keelson_store::raft::probe::{self, Probe, Sighting};
use keelson_store::wal::{self, LogId, Vote};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// States are compared once in so many ticks.
const STATES_EVERY: u64 = 20;
/// What is committed is looked for on disks once in so many ticks.
const DISKS_EVERY: u64 = 5;
/// Bytes of entries that are read at once.
const READ_BYTES: usize = 1 << 20;

/// The rules, and what they have not seen yet.
#[derive(Default)]
pub struct Inspector {
    matching: Matching,
    committed: Committed,
    rising: Rising,
    states: States,
    /// For each member, the last entry of its log that was looked at.
    looked: BTreeMap<u64, LogId>,
    /// For each member, up to where its committed entries were looked at.
    decided: BTreeMap<u64, u64>,
    /// What was found on a quorum of disks.
    durable: Option<LogId>,
    /// Leaders whose election was looked at.
    elected: BTreeSet<(u64, u64)>,
    images: BTreeMap<PathBuf, Image>,
    configurations: Configurations,
    /// Who lives where: the log's directory, and the member's id.
    homes: BTreeMap<PathBuf, u64>,
    shown: BTreeMap<u64, (Vote, Option<LogId>, u64)>,
}

impl Inspector {
    /// Looks at all members.
    ///
    /// # Errors
    /// What is wrong.
    pub fn look(
        &mut self,
        tick: u64,
        members: &[Arc<Member>],
        trace: &mut Trace,
    ) -> Result<(), Broken> {
        for member in members {
            let probe = member.running.lock().clone();
            let Some(probe) = probe else { continue };
            let seen = probe.look();
            let id = probe.handle().identity().member_id;
            let life = member.life.load(Ordering::SeqCst);
            self.homes.insert(member.log_directory(), id);
            own_vote(id, &seen)?;
            self.rising.see(id, life, &seen)?;
            if let Some(purged) = seen.purged {
                covered(&member.name, seen.purged, member.shelf.durable())?;
                let log = format!("what {} has cut off its log", member.name);
                self.committed.ends(&log, purged)?;
            }
            self.read_log(id, &probe, &seen)?;
            self.read_committed(id, &probe, &seen)?;
            self.show(tick, member, id, &seen, trace);
            if seen.leads && self.elected.insert((seen.vote.term, seen.vote.node_id)) {
                let (wal, state) = (probe.wal(), probe.state_log_id());
                let state = state.map_err(|error| error.to_string())?;
                self.committed.lead(seen.vote, |id| {
                    wal.log_id_at(id.index) == Some(id) || contains(state, id)
                })?;
                let voted = self.who(members, |image| image.voted(seen.vote))?;
                let what = format!("{:?}, which leads,", seen.vote);
                quorum(&what, [&probe.voters()], &voted)?;
            }
            if tick.is_multiple_of(STATES_EVERY) {
                self.compare_state(&probe)?;
            }
        }
        if tick.is_multiple_of(DISKS_EVERY) {
            self.look_for_committed(members)?;
        }
        Ok(())
    }

    /// Compares the state of a member with all that ended with the same entry.
    ///
    /// # Errors
    /// They differ, or it cannot be read.
    pub fn compare_state(&mut self, probe: &Probe) -> Result<(), Broken> {
        let read = |error: keelson_store::engine::EngineError| error.to_string();
        match probe.state_log_id().map_err(read)? {
            Some(applied) => {
                self.committed.ends("a state", applied)?;
                self.states.see(applied, fingerprint(&probe.store())?)
            }
            None => Ok(()),
        }
    }

    fn show(&mut self, tick: u64, member: &Member, id: u64, seen: &Sighting, trace: &mut Trace) {
        let shown = (seen.vote, seen.last, seen.applied_index);
        if self.shown.insert(id, shown) != Some(shown) {
            let Sighting {
                vote,
                leads,
                last,
                applied_index,
                revision,
                ..
            } = seen;
            trace.note(tick, || {
                let (term, name) = (vote.term, &member.name);
                let last = last.map_or(0, |last| last.index);
                format!("{name} term {term} leads {leads} last {last} applied {applied_index} revision {revision}")
            });
        }
    }

    /// Looks at the entries of a log that are new.
    fn read_log(&mut self, id: u64, probe: &Probe, seen: &Sighting) -> Result<(), Broken> {
        let Some(last) = seen.last else { return Ok(()) };
        let wal = probe.wal();
        let decided = self.decided.get(&id).copied();
        let looked = self.looked.get(&id).copied();
        let mut before = looked.filter(|looked| wal.log_id_at(looked.index) == Some(*looked));
        if before.is_none() {
            // Entries went away since. What is committed stays.
            let purged = seen.purged.map(|purged| purged.index);
            before = decided.max(purged).and_then(|index| wal.log_id_at(index));
        }
        let first = before.map_or(0, |before| before.index + 1);
        // A disk without power cannot be asked.
        let Ok(entries) = wal.read(first, last.index + 1, READ_BYTES) else {
            return Ok(());
        };
        for entry in entries {
            self.matching.see(before, sum(&entry))?;
            let voters = probe::voters(&entry).map_err(|error| error.to_string())?;
            if let Some(voters) = voters {
                self.configurations.see(entry.log_id, voters);
            }
            before = Some(entry.log_id);
        }
        if let Some(before) = before {
            self.looked.insert(id, before);
        }
        Ok(())
    }

    /// Looks at the entries that a member newly takes for committed.
    fn read_committed(&mut self, id: u64, probe: &Probe, seen: &Sighting) -> Result<(), Broken> {
        // While a snapshot is on its way into a member, its log does not reach what it knows to be committed,
        // and what is in it may be what the snapshot is there to replace.
        let last = seen.last.map_or(0, |last| last.index);
        let reached = seen.committed.filter(|committed| last >= committed.index);
        let Some(committed) = reached else {
            return Ok(());
        };
        let next = self.decided.get(&id).map_or(0, |decided| decided + 1);
        let purged = seen.purged.map_or(0, |purged| purged.index + 1);
        let Ok(entries) = probe
            .wal()
            .read(next.max(purged), committed.index + 1, READ_BYTES)
        else {
            return Ok(());
        };
        for entry in entries {
            self.committed.see(sum(&entry))?;
            self.decided.insert(id, entry.log_id.index);
        }
        Ok(())
    }

    /// What is committed must be on a quorum of disks.
    fn look_for_committed(&mut self, members: &[Arc<Member>]) -> Result<(), Broken> {
        let last = self.committed.last();
        if let Some(last) = last
            && self.durable != Some(last)
        {
            let have = self.who(members, |image| image.holds(last))?;
            let what = format!("{last:?}, which is committed,");
            quorum(&what, self.configurations.of(last, &self.committed), &have)?;
            self.durable = Some(last);
        }
        Ok(())
    }

    /// Who has something on a disk that a crash leaves there.
    fn who(
        &mut self,
        members: &[Arc<Member>],
        has: impl Fn(&Image) -> bool,
    ) -> Result<BTreeSet<u64>, Broken> {
        let mut who = BTreeSet::new();
        for member in members {
            let home = member.log_directory();
            let Some(id) = self.homes.get(&home) else {
                continue;
            };
            let operations = member.disk.operations();
            let image = self.images.remove(&home);
            let mut image = match image.filter(|image| image.operations == operations) {
                Some(image) => image,
                None => Image::of(member)?,
            };
            image.state = member.shelf.durable();
            if has(&image) {
                who.insert(*id);
            }
            self.images.insert(home, image);
        }
        Ok(who)
    }
}

fn sum(entry: &wal::Entry) -> Entry {
    let mut hasher = DefaultHasher::new();
    match &entry.payload {
        wal::Payload::Blank => 0.hash(&mut hasher),
        wal::Payload::Commands(bytes) => (1, bytes).hash(&mut hasher),
        wal::Payload::Membership(bytes) => (2, bytes).hash(&mut hasher),
    }
    Entry {
        id: entry.log_id,
        checksum: hasher.finish() as u32,
    }
}

/// Of everything that members have in common.
fn fingerprint(store: &mvcc::Store) -> Result<u64, Broken> {
    let mut hasher = DefaultHasher::new();
    let hash = store.hash(0).map_err(|error| error.to_string())?;
    (hash.hash, hash.compact_revision, hash.revision).hash(&mut hasher);
    let engine = store.engine();
    let parts: [(Family, &[u8], &[u8]); 4] = [
        (Family::Meta, b"apply/", b"apply0"),
        (Family::Lease, b"", b""),
        (Family::Member, b"", b""),
        (Family::Auth, b"", b""),
    ];
    for (family, from, to) in parts {
        let scanned = engine.scan(family, from, to, &mut |key, value| {
            (family, key, value).hash(&mut hasher);
            ControlFlow::Continue(())
        });
        scanned.map_err(|error| error.to_string())?;
    }
    Ok(hasher.finish())
}
