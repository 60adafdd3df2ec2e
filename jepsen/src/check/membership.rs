//! Who is a member: one change after the other.
//!
//! *A pass proves* that there is an order of all changes and linearizable lists of members that
//! respects real time, in which every answer names exactly the members that the changes before it
//! leave, ids are unique, and who was removed never comes back under the old id. Found by the search
//! that trusts nothing; too hard a history is unknown. Lists that may be old are left out, and so are changes that were
//! not answered and that no answer shows: if one took place, it did so where nobody looked. Where only the lists in
//! answers to changes do not fit, the rule says so: `membership.answer-late`.

use super::verdict::{Court, Finding, Violation};
use super::wgl::{Model, Searched, Timed, minimise, search};
use crate::history::{
    Call, History, MemberCall, MemberInfo, MemberReply, Nanos, OpId, Outcome, Reply,
};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of the search.
const STEPS: u64 = 2_000_000;
/// How often a smaller history is tried.
const TRIES: usize = 300;

/// Where peers find a member; its id, once known, and if it does not vote.
type ByUrls = BTreeMap<Vec<String>, (Option<u64>, bool)>;

/// Members by where their peers find them: an id is known once an answer has named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Members {
    /// Nothing until the first answer.
    now: Option<ByUrls>,
    removed: BTreeSet<u64>,
}

struct Configuration;

type Asked = (OpId, MemberCall, Option<MemberReply>);

fn as_map(members: &[MemberInfo]) -> ByUrls {
    let one = |member: &MemberInfo| {
        let mut urls = member.peer_urls.clone();
        urls.sort();
        (urls, (Some(member.id), member.learner))
    };
    members.iter().map(one).collect()
}

/// The state after an answer, if it agrees with what is known.
fn agree(mut state: Members, reply: Option<&MemberReply>) -> Vec<Members> {
    let Some(reply) = reply else {
        return vec![state];
    };
    let said = as_map(&reply.members);
    let ids: BTreeSet<u64> = reply.members.iter().map(|member| member.id).collect();
    let is_sound = ids.len() == reply.members.len()
        && said.len() == reply.members.len()
        && ids.is_disjoint(&state.removed);
    let agrees = state.now.as_ref().is_none_or(|now| {
        now.len() == said.len()
            && now.iter().all(|(urls, (id, learner))| {
                said.get(urls)
                    .is_some_and(|(named, is)| is == learner && (id.is_none() || id == named))
            })
    });
    state.now = Some(said);
    Vec::from_iter((is_sound && agrees).then_some(state))
}

/// The removal of somebody whose id no answer has named: any of the nameless, or nobody if there was
/// no answer that says so.
fn remove_nameless(
    state: &Members,
    nameless: &[Vec<String>],
    reply: Option<&MemberReply>,
) -> Vec<Members> {
    let without = |urls: &Vec<String>| {
        let mut state = state.clone();
        if let Some(now) = &mut state.now {
            now.remove(urls);
        }
        agree(state, reply)
    };
    let mut states: Vec<Members> = nameless.iter().flat_map(without).collect();
    if reply.is_none() {
        states.push(state.clone());
    }
    states
}

impl Model for Configuration {
    type Op = Asked;
    type State = Members;

    fn step(&self, state: &Members, (_, call, reply): &Asked) -> Vec<Members> {
        let mut after = state.clone();
        let Some(now) = &mut after.now else {
            if let MemberCall::Remove { id } = call {
                after.removed.insert(*id);
            }
            return agree(after, reply.as_ref());
        };
        match call {
            MemberCall::List { .. } => {}
            MemberCall::Add { peer_urls, learner } => {
                let mut urls = peer_urls.clone();
                urls.sort();
                let added = reply.as_ref().and_then(|reply| reply.added);
                if now.insert(urls, (added, *learner)).is_some() {
                    return Vec::new();
                }
            }
            MemberCall::Remove { id } => {
                let is_known = now.values().any(|(one, _)| *one == Some(*id));
                now.retain(|_, (one, _)| *one != Some(*id));
                let nameless = now.iter().filter(|(_, (one, _))| one.is_none());
                let nameless: Vec<Vec<String>> = nameless.map(|(urls, _)| urls.clone()).collect();
                after.removed.insert(*id);
                if !is_known {
                    return remove_nameless(&after, &nameless, reply.as_ref());
                }
            }
            MemberCall::Promote { id } => {
                for (one, learner) in now.values_mut() {
                    *learner &= *one != Some(*id);
                }
            }
            MemberCall::Update { id, peer_urls } => {
                let mut urls = peer_urls.clone();
                urls.sort();
                let old = now.iter().find(|(_, (one, _))| *one == Some(*id));
                if let Some((old, member)) = old.map(|(urls, member)| (urls.clone(), *member)) {
                    now.remove(&old);
                    now.insert(urls, member);
                }
            }
        }
        agree(after, reply.as_ref())
    }
}

/// Leaves out changes without an answer whose effect no answer shows. Each of them might take place at any time, and
/// with some of them the search would try all orders of all their subsets.
fn leave_out_unseen(asked: &mut Vec<Timed<Asked>>) {
    let answers: Vec<(Nanos, Nanos, MemberReply)> = asked
        .iter()
        .filter_map(|one| Some((one.invoke, one.returned, one.op.2.clone()?)))
        .collect();
    let any = |shows: &dyn Fn(&MemberInfo) -> bool| {
        let mut members = answers.iter().flat_map(|(.., reply)| &reply.members);
        members.any(shows)
    };
    let names = |reply: &MemberReply, id| reply.members.iter().any(|member| member.id == id);
    // Whoever knows an id that no answer has named knows somebody whom no answer shows.
    let some_are_nameless = asked.iter().any(|one| match one.op.1 {
        MemberCall::Remove { id } | MemberCall::Promote { id } | MemberCall::Update { id, .. } => {
            !answers.iter().any(|(.., reply)| names(reply, id))
        }
        MemberCall::Add { .. } | MemberCall::List { .. } => false,
    });
    asked.retain(|one| match &one.op {
        (_, _, Some(_)) | (_, MemberCall::List { .. }, _) => true,
        (_, MemberCall::Add { peer_urls, .. }, _) => {
            some_are_nameless || any(&|member| same_urls(&member.peer_urls, peer_urls))
        }
        (_, MemberCall::Update { id, peer_urls }, _) => {
            any(&|member| member.id == *id && same_urls(&member.peer_urls, peer_urls))
        }
        // Who votes does so for ever: another promotion changes nothing.
        (_, MemberCall::Promote { id }, _) => {
            let votes = |member: &MemberInfo| member.id == *id && !member.learner;
            let known = |(_, returned, reply): &(Nanos, Nanos, MemberReply)| {
                *returned < one.invoke && reply.members.iter().any(votes)
            };
            any(&votes) && !answers.iter().any(known)
        }
        // Who is removed never comes back: it was there as long as answers name it.
        (_, MemberCall::Remove { id }, _) => {
            let named = answers.iter().filter(|(.., reply)| names(reply, *id));
            let last = named.map(|(invoke, ..)| *invoke).max().unwrap_or(0);
            let mut others = answers.iter().filter(|(.., reply)| !names(reply, *id));
            others.any(|(_, returned, _)| *returned >= last)
        }
    });
}

/// The same where a change and the list of members in its answer are two things, both between its call and its
/// return: what is explained by that is a milder mistake.
fn apart(asked: &[Timed<Asked>]) -> Vec<Timed<Asked>> {
    let mut parts: Vec<Timed<Asked>> = Vec::new();
    for one in asked {
        let (mut change, mut list) = (one.clone(), one.clone());
        let is_list = matches!(one.op.1, MemberCall::List { .. });
        if !is_list && change.op.2.take().is_some() {
            list.op.1 = MemberCall::List { linearizable: true };
            parts.push(list);
        }
        parts.push(change);
    }
    parts
}

fn same_urls(some: &[String], others: &[String]) -> bool {
    let sorted = |urls: &[String]| BTreeSet::from_iter(urls.iter().cloned());
    sorted(some) == sorted(others)
}

/// Checks the history of the configuration.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("membership");
    let mut asked: Vec<Timed<Asked>> = Vec::new();
    for operation in &history.operations {
        let Call::Member(call) = &operation.call else {
            continue;
        };
        let is_list = matches!(call, MemberCall::List { .. });
        let reply = match &operation.outcome {
            Outcome::Ok(Reply::Member { reply, .. }) => Some(reply.clone()),
            Outcome::Failed { .. } => continue,
            _ => None,
        };
        let is_old = matches!(
            call,
            MemberCall::List {
                linearizable: false
            }
        );
        if is_old || (is_list && reply.is_none()) {
            continue;
        }
        asked.push(Timed {
            invoke: operation.invoke,
            returned: operation.returned(),
            op: (operation.id, call.clone(), reply),
        });
    }
    asked.sort_by_key(|one| one.invoke);
    leave_out_unseen(&mut asked);
    court.look(asked.len());
    let searched = |ops: &[Timed<Asked>]| search(&Configuration, Members::default(), ops, STEPS);
    match searched(&asked) {
        Searched::Linearizable => {}
        Searched::OutOfSteps => court.doubt("the changes of members are too hard to order"),
        Searched::Illegal => {
            // Lists may go; changes may not, for others depend on them.
            let is_list = |one: &&Timed<Asked>| matches!(one.op.1, MemberCall::List { .. });
            let lists: Vec<OpId> = asked.iter().filter(is_list).map(|one| one.op.0).collect();
            let with = |kept: &[OpId]| -> Vec<Timed<Asked>> {
                let stays = |one: &&Timed<Asked>| !is_list(one) || kept.contains(&one.op.0);
                asked.iter().filter(stays).cloned().collect()
            };
            let kept = minimise(&lists, TRIES, |kept| {
                searched(&with(kept)) == Searched::Illegal
            });
            let ids: Vec<OpId> = with(&kept).iter().map(|one| one.op.0).collect();
            let (rule, text) = match searched(&apart(&asked)) {
                Searched::Linearizable => (
                    "membership.answer-late",
                    "an order explains the changes and the lists, but answers to changes show members of another moment",
                ),
                _ => (
                    "membership.not-linearizable",
                    "no order explains the answers about members",
                ),
            };
            court.violation(Violation::new(rule, text).by(ids));
        }
    }
    court.close()
}
