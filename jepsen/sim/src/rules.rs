//! What must hold at every moment, as pure functions of what was seen.
//!
//! The rules know nothing of how a member works: they are given facts, remember what they need, and say
//! what is wrong. Each one is shown to fail in its test.

use keelson_store::raft::probe::{Sighting, Voters};
use keelson_store::wal::{LogId, Vote};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wrong.
pub type Broken = String;

/// An entry: its name, and a checksum of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: LogId,
    /// Of its content.
    pub checksum: u32,
}

/// Log matching: an entry's name decides its content and all that stands before it.
#[derive(Debug, Default)]
pub struct Matching {
    known: HashMap<LogId, (Option<LogId>, u32)>,
}

impl Matching {
    /// `entry` stands behind `before` in some log. `before` is `None` if that is not known.
    pub fn see(&mut self, before: Option<LogId>, entry: Entry) -> Result<(), Broken> {
        let known = self.known.entry(entry.id);
        let (known_before, checksum) = *known.or_insert((before, entry.checksum));
        if checksum != entry.checksum {
            return Err(format!(
                "log matching: two entries are called {:?}",
                entry.id
            ));
        }
        match (known_before, before) {
            (Some(one), Some(other)) if one != other => Err(format!(
                "log matching: {:?} stands behind {one:?} and behind {other:?}",
                entry.id
            )),
            (None, Some(_)) => {
                self.known.insert(entry.id, (before, checksum));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// State machine safety and leader completeness: what is committed stays, everywhere.
#[derive(Debug, Default)]
pub struct Committed {
    entries: BTreeMap<u64, Entry>,
}

impl Committed {
    /// A member takes `entry` for committed.
    pub fn see(&mut self, entry: Entry) -> Result<(), Broken> {
        let known = *self.entries.entry(entry.id.index).or_insert(entry);
        if known != entry {
            return Err(format!(
                "state machine safety: {:?} and {:?} are both committed",
                known.id, entry.id
            ));
        }
        Ok(())
    }

    /// Whether it is known to be committed.
    pub fn has(&self, id: LogId) -> bool {
        self.entries
            .get(&id.index)
            .is_some_and(|entry| entry.id == id)
    }

    /// Something that holds only what is committed ends with the entry `id`.
    pub fn ends(&self, what: &str, id: LogId) -> Result<(), Broken> {
        match self.entries.get(&id.index) {
            Some(known) if known.id != id => Err(format!(
                "state machine safety: {what} ends with {id:?}, but {:?} is committed",
                known.id
            )),
            _ => Ok(()),
        }
    }

    /// The newest.
    pub fn last(&self) -> Option<LogId> {
        self.entries.last_key_value().map(|(_, entry)| entry.id)
    }

    /// A member leads by `vote`. `holds` says what it has, in its log or in its state.
    pub fn lead(&self, vote: Vote, holds: impl Fn(LogId) -> bool) -> Result<(), Broken> {
        // Of leaders before this one.
        let older = |id: &LogId| (id.term, id.node_id) < (vote.term, vote.node_id);
        match self.last().filter(older) {
            Some(last) if !holds(last) => Err(format!(
                "leader completeness: the leader by {vote:?} has not {last:?}, which is committed"
            )),
            _ => Ok(()),
        }
    }
}

/// Where a log has been shortened its entries live on in the state, durably.
pub fn covered(member: &str, purged: Option<LogId>, state: Option<LogId>) -> Result<(), Broken> {
    let index = |id: Option<LogId>| id.map_or(0, |id| id.index);
    if index(purged) > index(state) {
        return Err(format!(
            "committed means durable: the log of {member} is shortened up to {purged:?}, and a crash would leave a state up to {state:?}"
        ));
    }
    Ok(())
}

/// Enough members have something durably, by one of these configurations at least.
pub fn quorum<'a>(
    what: &str,
    configurations: impl IntoIterator<Item = &'a Voters>,
    have: &BTreeSet<u64>,
) -> Result<(), Broken> {
    let enough = |voters: &BTreeSet<u64>| voters.intersection(have).count() * 2 > voters.len();
    let mut looked = Vec::new();
    for voters in configurations {
        if !voters.is_empty() && voters.iter().all(enough) {
            return Ok(());
        }
        looked.push(voters);
    }
    Err(format!(
        "{what} is durable on {have:x?}, which is no quorum of {looked:x?}"
    ))
}

/// Who decides, entry by entry.
#[derive(Debug, Default)]
pub struct Configurations {
    known: BTreeMap<u64, Vec<(LogId, Voters)>>,
}

impl Configurations {
    /// The entry `id` of some log says who decides.
    pub fn see(&mut self, id: LogId, voters: Voters) {
        let here = self.known.entry(id.index).or_default();
        if here.iter().all(|(known, _)| *known != id) {
            here.push((id, voters));
        }
    }

    /// By whom a committed entry may have been committed: by the newest configuration up to it, or
    /// by a later one, which its leader went by already.
    pub fn of(&self, last: LogId, committed: &Committed) -> impl Iterator<Item = &Voters> {
        let upto = self.known.range(..=last.index).rev();
        let mut upto = upto.flat_map(|(_, here)| here);
        let newest = upto.find(|(id, _)| committed.has(*id));
        let later = self.known.range(last.index + 1..);
        let later = later.flat_map(|(_, here)| here);
        newest.into_iter().chain(later).map(|(_, voters)| voters)
    }
}

/// Who leads leads by its own vote, of which there is one.
pub fn own_vote(member: u64, seen: &Sighting) -> Result<(), Broken> {
    if seen.leads && !(seen.vote.committed && seen.vote.node_id == member) {
        return Err(format!(
            "election safety: {member:x} leads by {:?}",
            seen.vote
        ));
    }
    Ok(())
}

/// Nothing goes backwards while a member lives, and what is durable outlives it.
#[derive(Debug, Default)]
pub struct Rising {
    before: HashMap<u64, (u32, Sighting)>,
}

impl Rising {
    /// A `member`, in its `life` of this number.
    pub fn see(&mut self, member: u64, life: u32, now: &Sighting) -> Result<(), Broken> {
        let before = self.before.insert(member, (life, now.clone()));
        let Some((lived, before)) = before else {
            return Ok(());
        };
        let mut pairs = vec![("applied", before.durable_index, now.applied_index)];
        if lived == life {
            let index = |id: Option<LogId>| id.map_or(0, |id| id.index);
            pairs.extend([
                ("applied", before.applied_index, now.applied_index),
                ("durable", before.durable_index, now.durable_index),
                ("committed", index(before.committed), index(now.committed)),
                ("purged", index(before.purged), index(now.purged)),
                ("term", before.vote.term, now.vote.term),
                ("revision", before.revision as u64, now.revision as u64),
            ]);
        }
        match pairs.into_iter().find(|(_, old, new)| old > new) {
            Some((what, old, new)) => Err(format!(
                "{what} went back from {old} to {new} at {member:x}"
            )),
            None => Ok(()),
        }
    }
}

/// A state is decided by the last entry in it.
#[derive(Debug, Default)]
pub struct States {
    known: HashMap<LogId, u64>,
}

impl States {
    /// A member's state says that `applied` is its last entry, and has this fingerprint.
    pub fn see(&mut self, applied: LogId, fingerprint: u64) -> Result<(), Broken> {
        let known = *self.known.entry(applied).or_insert(fingerprint);
        if known != fingerprint {
            return Err(format!("two states differ that both end with {applied:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(term: u64, index: u64) -> LogId {
        LogId {
            term,
            node_id: term % 3,
            index,
        }
    }

    fn entry(term: u64, index: u64, checksum: u32) -> Entry {
        Entry {
            id: id(term, index),
            checksum,
        }
    }

    fn vote(term: u64) -> Vote {
        Vote {
            term,
            node_id: term % 3,
            committed: true,
        }
    }

    fn seen(term: u64) -> Sighting {
        Sighting {
            vote: vote(term),
            leads: false,
            committed: Some(id(term, 10)),
            applied_index: 9,
            durable_index: 5,
            last: Some(id(term, 12)),
            purged: Some(id(1, 3)),
            revision: 7,
            compacted: -1,
        }
    }

    #[test]
    fn logs_that_do_not_match_are_found() {
        let mut rule = Matching::default();
        rule.see(None, entry(1, 4, 9)).expect("new");
        rule.see(Some(id(1, 3)), entry(1, 4, 9)).expect("the same");
        rule.see(Some(id(1, 3)), entry(1, 4, 8))
            .expect_err("other content");
        rule.see(Some(id(2, 3)), entry(1, 4, 9))
            .expect_err("another past");
    }

    #[test]
    fn two_committed_entries_at_one_place_are_found() {
        let mut rule = Committed::default();
        rule.see(entry(1, 4, 9)).expect("new");
        rule.see(entry(1, 4, 9)).expect("the same");
        rule.see(entry(1, 4, 8)).expect_err("other content");
        rule.see(entry(2, 4, 9)).expect_err("another leader's");
    }

    #[test]
    fn a_leader_without_a_committed_entry_is_found() {
        let mut rule = Committed::default();
        rule.see(entry(2, 4, 9)).expect("new");
        rule.lead(vote(3), |_| true).expect("it has it");
        rule.lead(vote(3), |_| false).expect_err("it lacks it");
        rule.lead(vote(1), |_| false)
            .expect("it is of the past, and can commit nothing");
    }

    #[test]
    fn a_state_that_ends_with_another_entry_is_found() {
        let mut rule = Committed::default();
        rule.see(entry(2, 4, 9)).expect("new");
        rule.ends("a state", id(2, 4)).expect("the same");
        rule.ends("a state", id(3, 5)).expect("not seen yet");
        rule.ends("a state", id(3, 4)).expect_err("another");
    }

    #[test]
    fn a_log_that_is_shorter_than_its_state_allows_is_found() {
        covered("n1", None, None).expect("a whole log");
        covered("n1", Some(id(1, 4)), Some(id(1, 4))).expect("all of it is in the state");
        covered("n1", Some(id(1, 5)), Some(id(1, 4))).expect_err("an entry is nowhere");
        covered("n1", Some(id(1, 5)), None).expect_err("there is no state");
    }

    fn voters(sets: &[&[u64]]) -> Voters {
        let set = |set: &&[u64]| set.iter().copied().collect();
        sets.iter().map(set).collect()
    }

    fn quorum_of(have: &[u64], sets: &[&[u64]]) -> Result<(), Broken> {
        let have = have.iter().copied().collect();
        quorum("a vote", [&voters(sets)], &have)
    }

    #[test]
    fn less_than_a_quorum_is_found() {
        quorum_of(&[1, 2], &[&[1, 2, 3]]).expect("two of three");
        quorum_of(&[1, 7, 8], &[&[1, 2, 3]]).expect_err("one of three, and others");
        quorum_of(&[1, 2], &[&[1, 2, 3, 4]]).expect_err("half");
        quorum_of(&[1], &[&[1]]).expect("all");
        quorum_of(&[1], &[]).expect_err("nobody decides");
    }

    #[test]
    fn while_voters_change_both_sets_must_agree() {
        let both: &[&[u64]] = &[&[1, 2, 3], &[3, 4, 5]];
        quorum_of(&[1, 3, 4], both).expect("two of each");
        quorum_of(&[1, 2, 3], both).expect_err("one of the new ones");
    }

    #[test]
    fn an_entry_is_committed_by_those_who_decide_at_its_place() {
        let mut committed = Committed::default();
        let mut configurations = Configurations::default();
        for (at, set) in [(id(1, 0), 1), (id(1, 4), 2), (id(1, 8), 3)] {
            configurations.see(at, voters(&[&[set]]));
            committed.see(entry(at.term, at.index, 0)).expect("new");
        }
        configurations.see(id(2, 6), voters(&[&[9]]));
        let of = |index| -> Vec<u64> {
            let of = configurations.of(id(1, index), &committed);
            of.filter_map(|voters| voters[0].first().copied()).collect()
        };
        assert_eq!(of(3), [1, 2, 9, 3]);
        assert_eq!(of(4), [2, 9, 3]);
        assert_eq!(of(7), [2, 3], "the one at 6 was never committed");
        assert_eq!(of(9), [3]);
    }

    #[test]
    fn a_leader_by_anothers_vote_is_found() {
        let leads = |member, committed| {
            let mut seen = seen(1);
            (seen.leads, seen.vote.committed) = (true, committed);
            own_vote(member, &seen)
        };
        leads(1, true).expect("its own");
        leads(2, true).expect_err("another's");
        leads(1, false).expect_err("not decided");
    }

    #[test]
    fn what_goes_back_is_found() {
        type Change = fn(&mut Sighting);
        let changes: [(&str, Change); 6] = [
            ("applied", |seen| seen.applied_index -= 1),
            ("durable", |seen| seen.durable_index -= 1),
            ("committed", |seen| seen.committed = Some(id(1, 9))),
            ("purged", |seen| seen.purged = None),
            ("term", |seen| seen.vote.term -= 1),
            ("revision", |seen| seen.revision -= 1),
        ];
        for (what, change) in changes {
            let mut rule = Rising::default();
            rule.see(1, 0, &seen(4)).expect("first");
            rule.see(1, 0, &seen(4)).expect("the same");
            let mut later = seen(4);
            change(&mut later);
            let broken = rule.see(1, 0, &later).expect_err(what);
            assert!(broken.contains(what), "{broken}");
        }
    }

    #[test]
    fn a_durable_state_that_is_gone_is_found() {
        let mut rule = Rising::default();
        rule.see(1, 0, &seen(4)).expect("first");
        let mut reborn = seen(4);
        reborn.applied_index = 5;
        rule.see(1, 1, &reborn)
            .expect("what was not durable may go");
        reborn.applied_index = 4;
        rule.see(1, 2, &reborn)
            .expect_err("what was durable may not");
    }

    #[test]
    fn states_that_differ_are_found() {
        let mut rule = States::default();
        rule.see(id(1, 4), 9).expect("new");
        rule.see(id(1, 5), 8).expect("another entry");
        rule.see(id(1, 4), 8).expect_err("it was 9");
    }
}
