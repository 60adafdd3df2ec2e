//! What may not be told: by watches of everything, by lists, by watches of the Kubernetes API.

use super::scene::INFORMER;
use super::*;

/// Positions of what watches of everything told.
fn told(records: &[Record], wanted: WatchId) -> Vec<usize> {
    let is = |record: &Record| matches!(record, Record::Watch { watch: WatchRecord::Events { watch, .. }, .. } if *watch == wanted);
    let all = records.iter().enumerate();
    all.filter(|(_, record)| is(record))
        .map(|(at, _)| at)
        .collect()
}

/// Positions of what the informer was told.
fn events(records: &[Record]) -> Vec<usize> {
    let is = |record: &Record| {
        matches!(
            record,
            Record::Informer {
                informer: InformerRecord::Event { .. },
                ..
            }
        )
    };
    let all = records.iter().enumerate();
    all.filter(|(_, record)| is(record))
        .map(|(at, _)| at)
        .collect()
}

fn event(record: &mut Record) -> (&mut String, &mut Value) {
    match record {
        Record::Informer {
            informer: InformerRecord::Event { kind, object, .. },
            ..
        } => (kind, object),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_only_one_watch_of_everything_told_is_flagged() {
    flagged("chronicle.missing", |records, _| {
        let at = told(records, 1)[3];
        records.remove(at);
    });
}

#[test]
fn what_no_watch_of_everything_told_is_flagged() {
    flagged("chronicle.gap", |records, ops| {
        let at = revision(records, ops.ingress);
        records.retain(|record| {
            !matches!(record, Record::Watch { watch: WatchRecord::Events { revision, .. }, .. } if *revision == at)
        });
    });
}

#[test]
fn watches_of_everything_that_contradict_each_other_or_repeat_themselves_are_flagged() {
    flagged("chronicle.differs", |records, _| {
        let at = told(records, 2)[3];
        if let Record::Watch {
            watch: WatchRecord::Events { events, .. },
            ..
        } = &mut records[at]
        {
            events[0].kv.value = Blob::from("{}");
        }
    });
    flagged("chronicle.twice", |records, _| {
        let at = told(records, 1)[3];
        records.insert(at, records[at].clone());
    });
    flagged("chronicle.order", |records, _| {
        let all = told(records, 1);
        let (first, second) = (records[all[3]].clone(), records[all[4]].clone());
        records[all[3]] = second;
        records[all[4]] = first;
    });
}

#[test]
fn revisions_that_no_watch_of_everything_covered_are_unknown() {
    let (mut records, _) = history();
    for wanted in [1, 2] {
        for at in told(&records, wanted).into_iter().take(4).rev() {
            records.remove(at);
        }
    }
    for record in &mut records {
        if let Record::Watch {
            watch: WatchRecord::Open(open),
            ..
        } = record
        {
            open.start_revision = 6;
        }
    }
    let findings = judge(&History::of(records)).findings;
    let finding = findings.iter().find(|one| one.checker == "chronicle");
    let mut said = finding
        .into_iter()
        .flat_map(|one| std::iter::once(&one.verdict).chain(&one.more));
    let is_unseen =
        |one: &Verdict| matches!(one, Verdict::Unknown(text) if text.contains("history.unseen"));
    assert!(said.any(is_unseen), "{findings:?}");
}

fn data(records: &mut [Record]) -> &mut Vec<KeyValue> {
    let mut found = records.iter_mut().filter_map(|record| match record {
        Record::Observe {
            observation:
                Observation::FullRange {
                    reply: Observed::Got((_, kvs)),
                    ..
                },
            ..
        } => Some(kvs),
        _ => None,
    });
    found.next().unwrap()
}

#[test]
fn a_member_with_other_data_in_the_end_is_flagged() {
    flagged("chronicle.lost", |records, _| drop(data(records).pop()));
    flagged("chronicle.other", |records, _| {
        data(records)[0].version += 1
    });
    flagged("chronicle.resurrected", |records, _| {
        let mut risen = data(records)[0].clone();
        risen.key = Blob::from("/registry/configmaps/n/b");
        data(records).push(risen);
    });
}

#[test]
fn a_list_that_is_not_the_state_of_its_revision_is_flagged() {
    flagged("lists.missing", |records, ops| {
        let items = answer(records, ops.list)["items"].as_array_mut().unwrap();
        items.pop();
    });
    flagged("lists.differs", |records, ops| {
        answer(records, ops.list)["items"][0]["data"]["value"] = json!("x");
    });
    flagged("lists.differs", |records, ops| {
        let old = answer(records, ops.update).clone();
        answer(records, ops.list)["items"][0] = old;
    });
    flagged("lists.differs", |records, ops| {
        let items = answer(records, ops.list)["items"].as_array_mut().unwrap();
        items.swap(0, 1);
    });
}

#[test]
fn a_list_that_is_too_old_or_from_the_future_is_flagged() {
    flagged("lists.stale", |records, ops| {
        let at = revision(records, ops.list) - 1;
        answer(records, ops.list)["metadata"]["resourceVersion"] = json!(at.to_string());
    });
    flagged("lists.older-than-asked", |records, ops| {
        let wanted = revision(records, ops.list) + 1;
        call(records, ops.list).path = format!("{MAPS}?resourceVersion={wanted}");
    });
    flagged("lists.other-revision", |records, ops| {
        let wanted = revision(records, ops.list) - 1;
        let path = format!("{MAPS}?resourceVersion={wanted}&resourceVersionMatch=Exact");
        call(records, ops.list).path = path;
    });
    flagged("lists.future", |records, ops| {
        // That of a creation that was asked for when the list was there.
        let at = revision(records, ops.ingress) - 1;
        answer(records, ops.list)["metadata"]["resourceVersion"] = json!(at.to_string());
    });
}

#[test]
fn pages_that_are_no_whole_are_flagged() {
    flagged("lists.pages", |records, ops| {
        let at = revision(records, ops.pages[1]) - 1;
        answer(records, ops.pages[1])["metadata"]["resourceVersion"] = json!(at.to_string());
    });
    flagged("lists.differs", |records, ops| {
        let again = answer(records, ops.pages[0])["items"][1].clone();
        answer(records, ops.pages[1])["items"] = json!([again]);
    });
    flagged("lists.missing", |records, ops| {
        answer(records, ops.pages[1])["items"] = json!([]);
    });
}

#[test]
fn an_informer_that_is_not_told_or_told_twice_is_flagged() {
    flagged("informers.lost", |records, _| {
        let at = events(records)[3];
        records.remove(at);
    });
    flagged("informers.twice", |records, _| {
        let at = events(records)[3];
        records.insert(at, records[at].clone());
    });
}

#[test]
fn an_informer_that_is_told_something_else_is_flagged() {
    flagged("informers.content", |records, _| {
        let at = events(records)[3];
        *event(&mut records[at]).0 = "ADDED".to_owned();
    });
    flagged("informers.content", |records, _| {
        let at = events(records)[3];
        event(&mut records[at]).1["data"]["value"] = json!("x");
    });
    flagged("informers.invented", |records, ops| {
        let last = *events(records).last().unwrap();
        let mut other = answer(records, ops.read).clone();
        other["metadata"]["resourceVersion"] = json!("1000");
        let informer = InformerRecord::Event {
            informer: INFORMER,
            kind: "MODIFIED".to_owned(),
            object: other,
        };
        let at = records[last].at();
        records.insert(last + 1, Record::Informer { at, informer });
    });
}

#[test]
fn a_bookmark_ahead_of_what_was_told_is_flagged() {
    flagged("informers.bookmark", |records, _| {
        let at = events(records)[2];
        let (kind, object) = event(&mut records[at]);
        assert_eq!(kind, "BOOKMARK");
        let ahead = version(object) + 1;
        object["metadata"]["resourceVersion"] = json!(ahead.to_string());
    });
}

#[test]
fn a_state_that_a_watch_begins_with_and_that_there_was_not_is_flagged() {
    let spoilt = |spoil: fn(&mut Vec<Value>)| {
        move |records: &mut Vec<Record>, ops: &Ops| {
            let list = answer(records, ops.list).clone();
            let mut items = list["items"].as_array().unwrap().clone();
            spoil(&mut items);
            let at = records.last().unwrap().at();
            let path = format!("{MAPS}?sendInitialEvents=true&resourceVersion=1");
            let open = InformerOpen {
                informer: 7,
                process: 7,
                node: 1,
                path,
            };
            let mut mark = json!({"metadata": list["metadata"]});
            mark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            let added = items.into_iter().map(|item| ("ADDED", item));
            let all = added.chain([("BOOKMARK", mark)]);
            let all = all.map(|(kind, object)| InformerRecord::Event {
                informer: 7,
                kind: kind.to_owned(),
                object,
            });
            let all = std::iter::once(InformerRecord::Open(open)).chain(all);
            records.extend(all.map(|informer| Record::Informer { at, informer }));
        }
    };
    let (mut records, ops) = history();
    spoilt(|_| {})(&mut records, &ops);
    assert!(rules(records).is_empty());
    flagged("informers.state", spoilt(|items| drop(items.pop())));
    flagged(
        "informers.state",
        spoilt(|items| items.push(items[0].clone())),
    );
    flagged(
        "informers.state",
        spoilt(|items| items[0]["data"]["value"] = json!("x")),
    );
}
