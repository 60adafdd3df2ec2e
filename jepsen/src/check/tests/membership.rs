//! Changes of members: right orders pass, also where answers were lost, and what no order explains is flagged.

use crate::check::membership::check;
use crate::check::{Finding, Verdict};
use crate::history::*;

const FLAG: &str = "membership.not-linearizable";

fn urls(name: &str) -> Vec<String> {
    vec![format!("http://{name}")]
}

fn member(id: u64, learner: bool) -> MemberInfo {
    MemberInfo {
        id,
        peer_urls: urls(&format!("n{id}")),
        learner,
        ..MemberInfo::default()
    }
}

fn voters(ids: &[u64]) -> Vec<MemberInfo> {
    ids.iter().map(|id| member(*id, false)).collect()
}

fn add(id: u64, learner: bool) -> MemberCall {
    let peer_urls = urls(&format!("n{id}"));
    MemberCall::Add { peer_urls, learner }
}

fn remove(id: u64) -> MemberCall {
    MemberCall::Remove { id }
}

fn answered(added: Option<u64>, members: Vec<MemberInfo>) -> Outcome {
    Outcome::Ok(Reply::Member {
        header: Header::default(),
        reply: MemberReply { added, members },
    })
}

/// Operations one after the other, ten apart, five long. Without members the answer was lost.
fn judged(steps: Vec<(MemberCall, Option<Vec<MemberInfo>>)>) -> Finding {
    let operation = |(nth, (call, members)): (usize, (MemberCall, Option<Vec<MemberInfo>>))| {
        let at = nth as Nanos * 10;
        let added = match &call {
            MemberCall::Add { peer_urls, .. } => members.as_ref().and_then(|members| {
                let mut members = members.iter();
                members
                    .find(|one| one.peer_urls == *peer_urls)
                    .map(|one| one.id)
            }),
            _ => None,
        };
        let unknown = Outcome::Unknown {
            code: "DeadlineExceeded".to_owned(),
            text: String::new(),
        };
        Operation {
            id: nth as OpId,
            process: nth as Process,
            node: None,
            invoke: at,
            complete: Some(at + 5),
            call: Call::Member(call),
            intent: None,
            outcome: members.map_or(unknown, |members| answered(added, members)),
        }
    };
    check(&History {
        operations: steps.into_iter().enumerate().map(operation).collect(),
        ..History::default()
    })
}

fn list(members: Vec<MemberInfo>) -> (MemberCall, Option<Vec<MemberInfo>>) {
    (MemberCall::List { linearizable: true }, Some(members))
}

fn with(mut members: Vec<MemberInfo>, one: MemberInfo) -> Vec<MemberInfo> {
    members.push(one);
    members
}

#[test]
fn a_life_of_a_member_passes() {
    let moved = MemberInfo {
        peer_urls: urls("elsewhere"),
        ..member(4, false)
    };
    let finding = judged(vec![
        list(voters(&[1, 2, 3])),
        (
            add(4, true),
            Some(with(voters(&[1, 2, 3]), member(4, true))),
        ),
        (MemberCall::Promote { id: 4 }, Some(voters(&[1, 2, 3, 4]))),
        (
            MemberCall::Update {
                id: 4,
                peer_urls: urls("elsewhere"),
            },
            Some(with(voters(&[1, 2, 3]), moved)),
        ),
        (remove(4), Some(voters(&[1, 2, 3]))),
        list(voters(&[1, 2, 3])),
    ]);
    assert!(finding.verdict.is_pass(), "{finding:?}");
}

#[test]
fn what_no_change_explains_is_flagged() {
    let three = || voters(&[1, 2, 3]);
    let learner = || with(three(), member(4, true));
    let wrong = [
        (
            "somebody whom nobody added",
            vec![list(three()), list(voters(&[1, 2, 3, 4]))],
        ),
        (
            "somebody whom nobody removed is gone",
            vec![list(three()), list(voters(&[1, 2]))],
        ),
        (
            "a list from before a change",
            vec![
                list(three()),
                (add(4, true), Some(learner())),
                list(three()),
            ],
        ),
        (
            "somebody removed who is back under the old id",
            vec![
                list(three()),
                (remove(3), Some(voters(&[1, 2]))),
                (add(3, false), Some(three())),
            ],
        ),
        (
            "a learner who votes and was never promoted",
            vec![(add(4, true), Some(learner())), list(voters(&[1, 2, 3, 4]))],
        ),
        (
            "a voter who is a learner again",
            vec![
                (add(4, true), Some(learner())),
                (MemberCall::Promote { id: 4 }, Some(voters(&[1, 2, 3, 4]))),
                list(learner()),
            ],
        ),
        (
            "two with one id",
            vec![list(with(
                three(),
                MemberInfo {
                    peer_urls: urls("else"),
                    ..member(3, false)
                },
            ))],
        ),
        (
            "a removal that happened although it was not answered, and was taken back",
            vec![
                list(three()),
                (remove(3), None),
                list(voters(&[1, 2])),
                list(three()),
            ],
        ),
    ];
    for (what, steps) in wrong {
        let finding = judged(steps);
        assert_eq!(finding.verdict.rule(), Some(FLAG), "{what}: {finding:?}");
    }
}

#[test]
fn answers_to_changes_that_show_another_moment_are_flagged_by_a_rule_of_their_own() {
    let three = || voters(&[1, 2, 3]);
    let blind = judged(vec![list(three()), (add(4, true), Some(three()))]);
    assert_eq!(blind.verdict.rule(), Some("membership.answer-late"));
    // Two at once: the first is in the second one's answer, and so is the second in the first one's.
    let mut both = changes_at_once(voters(&[1, 2, 4]));
    assert!(check(&both).verdict.is_pass());
    both.operations[1].outcome = answered(None, voters(&[1, 2, 4]));
    assert_eq!(check(&both).verdict.rule(), Some("membership.answer-late"));
    both.operations[1].outcome = answered(None, voters(&[1, 4]));
    assert_eq!(check(&both).verdict.rule(), Some(FLAG));
}

/// A list of three, the removal of the third, and meanwhile a fourth is added, with this answer.
fn changes_at_once(members: Vec<MemberInfo>) -> History {
    let operation = |nth: u64, (invoke, complete), call, outcome| Operation {
        id: nth,
        process: nth as Process,
        node: None,
        invoke,
        complete: Some(complete),
        call: Call::Member(call),
        intent: None,
        outcome,
    };
    let (start, _) = list(Vec::new());
    History {
        operations: vec![
            operation(1, (0, 5), start, answered(None, voters(&[1, 2, 3]))),
            operation(2, (10, 30), remove(3), answered(None, voters(&[1, 2]))),
            operation(3, (20, 40), add(4, false), answered(Some(4), members)),
        ],
        ..History::default()
    }
}

#[test]
fn changes_without_an_answer_may_happen_late_or_never() {
    let three = || voters(&[1, 2, 3]);
    let finding = judged(vec![
        list(three()),
        (add(4, true), None),
        (remove(3), None),
        list(three()),
        list(with(three(), member(4, true))),
        (MemberCall::Promote { id: 4 }, None),
        list(with(three(), member(4, true))),
        list(voters(&[1, 2, 4])),
    ]);
    assert!(finding.verdict.is_pass(), "{finding:?}");
}

#[test]
fn many_changes_that_nobody_answered_or_saw_do_not_stop_the_judge() {
    let mut steps = vec![list(voters(&[1, 2, 3]))];
    for nth in 0..40 {
        steps.push((add(100 + nth, true), None));
        steps.push((remove(1 + nth % 3), None));
        steps.push((MemberCall::Promote { id: 1 }, None));
        let peer_urls = urls(&format!("moved{nth}"));
        steps.push((MemberCall::Update { id: 2, peer_urls }, None));
        steps.extend((0..20).map(|_| list(voters(&[1, 2, 3]))));
    }
    let verdict = judged(steps.clone()).verdict;
    assert_eq!(verdict, Verdict::Pass);
    steps.push(list(voters(&[1, 2])));
    steps.push(list(voters(&[1, 2, 3])));
    assert_eq!(judged(steps).verdict.rule(), Some(FLAG));
}
