//! Whether leases ended when they may, and whatever was changed had a reason.
//!
//! A lease lives for as long as it was granted or renewed for, counted from a moment that lies between
//! the question and its answer. So it must not end before that time has gone by since the last question
//! whose answer was there by then. That it ends at all is waited for when everything is healthy.

use crate::asked::{Asked, Change, Operation, Told};
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Default)]
struct Lease {
    /// Seconds that it was granted.
    ttl_s: i64,
    /// When it was granted or renewed: asked and told.
    begun_ms: Vec<(u64, u64)>,
    /// When somebody first asked to end it.
    revoked_ms: Option<u64>,
}

impl Lease {
    /// Why it cannot have ended by then, if so.
    fn lives(&self, now_ms: u64) -> Option<String> {
        if self.revoked_ms.is_some_and(|asked| asked <= now_ms) {
            return None;
        }
        let begun = self.begun_ms.iter().filter(|(_, told)| *told < now_ms);
        let begun = begun.map(|(asked, _)| *asked).max()?;
        let end_ms = begun + self.ttl_s as u64 * 1000;
        (now_ms < end_ms).then(|| format!("begun at {begun} ms, it lives until {end_ms} ms"))
    }
}

/// What clients asked for, by what it explains.
struct Reasons<'a> {
    values: HashSet<&'a str>,
    /// By key: when it was asked for, and the revision if that is known.
    deletions: HashMap<&'a str, Vec<(u64, Option<i64>)>>,
    leases: HashMap<i64, Lease>,
}

impl<'a> Reasons<'a> {
    fn of(operations: &'a [Operation]) -> Reasons<'a> {
        let mut reasons = Reasons {
            values: HashSet::new(),
            deletions: HashMap::new(),
            leases: HashMap::new(),
        };
        for operation in operations {
            reasons.add(operation);
        }
        reasons
    }

    fn add(&mut self, operation: &'a Operation) {
        let Operation {
            asked_ms,
            told_ms,
            asked,
            told,
        } = operation;
        match (asked, told) {
            (_, Told::Refused) => {}
            (Asked::Put(_, value) | Asked::Swap(_, _, value) | Asked::Lend(_, value, _), _) => {
                self.values.insert(value);
            }
            (Asked::Delete(key), Told::Done(revision, true)) => {
                let known = (*asked_ms, Some(*revision));
                self.deletions.entry(key).or_default().push(known);
            }
            (Asked::Delete(key), Told::Unknown) => {
                let unknown = (*asked_ms, None);
                self.deletions.entry(key).or_default().push(unknown);
            }
            (Asked::Grant(id, asked_s), told) => {
                let lease = self.leases.entry(*id).or_default();
                lease.ttl_s = match told {
                    Told::Lease(ttl_s) => *ttl_s,
                    _ => *asked_s,
                };
                lease.begun_ms.push((*asked_ms, *told_ms));
            }
            (Asked::Renew(id), Told::Lease(1..)) => {
                let lease = self.leases.entry(*id).or_default();
                lease.begun_ms.push((*asked_ms, *told_ms));
            }
            (Asked::Revoke(id), _) => {
                let lease = self.leases.entry(*id).or_default();
                let first = lease.revoked_ms.unwrap_or(u64::MAX);
                lease.revoked_ms = Some(first.min(*asked_ms));
            }
            _ => {}
        }
    }

    /// Why a key with a lease cannot have been removed by a change, if so.
    fn denies(&self, removal: &Change, lease: i64) -> Option<String> {
        let asked = self.deletions.get(removal.key.as_str());
        let asked = asked.map_or(&[][..], Vec::as_slice);
        if asked.iter().any(|(asked_ms, revision)| match revision {
            Some(revision) => *revision == removal.revision,
            None => *asked_ms <= removal.seen_ms,
        }) {
            return None;
        }
        match self.leases.get(&lease) {
            Some(lease) => lease.lives(removal.seen_ms),
            None => Some("nobody asked for it, and it hangs on no lease".to_owned()),
        }
    }
}

/// Says which change has no reason, and which lease did not end as it should.
///
/// # Errors
/// The first such change, in words.
pub fn judge(operations: &[Operation], changes: &[Change]) -> Result<(), String> {
    let reasons = Reasons::of(operations);
    let mut lent: BTreeMap<&str, i64> = BTreeMap::new();
    for change in changes {
        match &change.value {
            Some(value) if reasons.values.contains(value.as_str()) => {
                lent.insert(&change.key, change.lease);
            }
            Some(_) => return Err(format!("nobody has asked for {change:?}")),
            None => {
                let lease = lent.remove(change.key.as_str()).unwrap_or(0);
                if let Some(why) = reasons.denies(change, lease) {
                    return Err(format!("lease {lease:x}: {change:?} has no reason: {why}"));
                }
            }
        }
    }
    let revocation = |one: &Operation| match (&one.asked, &one.told) {
        (Asked::Revoke(id), Told::Done(revision, _)) => Some((*id, *revision)),
        _ => None,
    };
    for (id, revision) in operations.iter().filter_map(revocation) {
        check_revoked(id, revision, changes)?;
    }
    Ok(())
}

/// Nothing hangs on a lease that was revoked by `revision`, and nothing comes to.
fn check_revoked(id: i64, revision: i64, changes: &[Change]) -> Result<(), String> {
    let mut hangs = HashSet::new();
    for change in changes {
        if change.lease != id {
            if change.revision <= revision {
                hangs.remove(&change.key);
            }
        } else if change.revision > revision {
            return Err(format!(
                "lease {id:x} was revoked by {revision}: {change:?}"
            ));
        } else {
            hangs.insert(&change.key);
        }
    }
    match hangs.iter().next() {
        Some(key) => Err(format!(
            "lease {id:x} was revoked by {revision}, and {key} still hangs on it"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at_ms: (u64, u64), asked: Asked, told: Told) -> Operation {
        Operation {
            asked_ms: at_ms.0,
            told_ms: at_ms.1,
            asked,
            told,
        }
    }

    fn change(revision: i64, value: Option<&str>, lease: i64, seen_ms: u64) -> Change {
        Change {
            revision,
            key: "k".to_owned(),
            value: value.map(str::to_owned),
            lease,
            seen_ms,
        }
    }

    /// A lease of two seconds, granted at 10 ms, with a key; and what else was asked for.
    fn ended_at(seen_ms: u64, more: &[Operation]) -> Result<(), String> {
        let lend = Asked::Lend("k".into(), "v".into(), 7);
        let mut operations = vec![
            asked((10, 20), Asked::Grant(7, 1), Told::Lease(2)),
            asked((30, 40), lend, Told::Done(2, true)),
        ];
        operations.extend_from_slice(more);
        judge(
            &operations,
            &[change(2, Some("v"), 7, 35), change(3, None, 0, seen_ms)],
        )
    }

    #[test]
    fn a_lease_lives_for_its_time() {
        ended_at(2_010, &[]).expect("it was over");
        ended_at(2_009, &[]).expect_err("too early");
    }

    #[test]
    fn a_renewed_lease_lives_for_its_time_again() {
        let renewed = |told| [asked((1_000, 1_100), Asked::Renew(7), told)];
        ended_at(3_000, &renewed(Told::Lease(2))).expect("it was over");
        ended_at(2_999, &renewed(Told::Lease(2))).expect_err("too early");
        ended_at(2_999, &renewed(Told::Lease(0))).expect("it was not renewed");
        ended_at(2_999, &renewed(Told::Unknown)).expect("perhaps it was not renewed");
    }

    #[test]
    fn a_key_goes_for_a_reason() {
        let revoke = asked((50, 60), Asked::Revoke(7), Told::Unknown);
        ended_at(55, &[revoke]).expect("it may have been revoked");
        let delete = |told| [asked((50, 60), Asked::Delete("k".into()), told)];
        ended_at(55, &delete(Told::Done(3, true))).expect("it was asked for");
        ended_at(55, &delete(Told::Unknown)).expect("it was asked for");
        ended_at(55, &delete(Told::Done(4, true))).expect_err("that was another one");
        judge(&[], &[change(2, Some("v"), 0, 5)]).expect_err("nobody has written it");
    }

    #[test]
    fn nothing_hangs_on_a_revoked_lease() {
        let revoked = [asked((50, 60), Asked::Revoke(7), Told::Done(3, true))];
        ended_at(55, &revoked).expect("it went with the lease");
        let still = |revision| check_revoked(7, 3, &[change(revision, Some("v"), 7, 70)]);
        still(3).expect_err("it is still there");
        still(4).expect_err("it came later");
    }
}
