//! The judges find what is wrong. One honest history is falsified in every way that they look for.

use super::judge::{Seen, judge};
use super::lease::terms;
use keelson_kit::kubernetes::Change;
use serde_json::{Value, json};
use std::time::Instant;

/// The revision as of which programs list.
const BEGAN: i64 = 10;

fn change(revision: i64, name: &str, object: Option<Value>) -> Change {
    Change {
        revision,
        key: format!("/registry/configmaps/watched/{name}"),
        object,
        at: Instant::now(),
    }
}

fn map(value: &str) -> Option<Value> {
    Some(json!({"data": {"value": value}}))
}

/// One object is there from the beginning; another comes, changes, goes and comes again.
fn history() -> Vec<Change> {
    vec![
        change(9, "seed", map("s")),
        change(12, "a", map("1")),
        change(15, "a", map("2")),
        change(16, "seed", map("t")),
        change(20, "a", None),
        change(21, "a", map("3")),
    ]
}

fn seen(event: &str, name: &str, version: i64, value: &str) -> Seen {
    Seen {
        event: event.to_owned(),
        name: name.to_owned(),
        version,
        value: Some(value.to_owned()),
    }
}

/// What an honest program prints of it.
fn honest() -> Vec<Seen> {
    vec![
        seen("added", "seed", 9, "s"),
        seen("added", "a", 12, "1"),
        seen("modified", "a", 15, "2"),
        seen("modified", "seed", 16, "t"),
        seen("deleted", "a", 20, "2"),
        seen("added", "a", 21, "3"),
    ]
}

fn complaints(lie: impl Fn(&mut Vec<Seen>)) -> String {
    let mut told = honest();
    lie(&mut told);
    judge(&history(), BEGAN, &told).join("; ")
}

#[test]
fn what_is_as_it_was_is_not_complained_about() {
    assert_eq!(complaints(|_| {}), "");
    let same = |told: &mut Vec<Seen>| told.insert(3, seen("listed again", "seed", 9, "s"));
    assert_eq!(complaints(same), "");
}

#[test]
fn whatever_is_wrong_about_an_event_is_found() {
    type Lie = fn(&mut Vec<Seen>);
    let lies: [(&str, Lie); 12] = [
        ("1 changes are missing, the first at 15", |told| {
            drop(told.remove(2))
        }),
        ("1 changes are missing, the first at 21", |told| {
            drop(told.pop())
        }),
        ("2 changes are missing, the first at 20", |told| {
            told.truncate(4)
        }),
        ("not listed: seed", |told| drop(told.remove(0))),
        ("told twice", |told| told.push(told[5].clone())),
        ("told after 16", |told| told.swap(2, 3)),
        ("told again", |told| told.push(told[0].clone())),
        ("there is no such change", |told| told[2].version = 14),
        ("it was a with Some(\"2\")", |told| told[2].value = None),
        ("it was another kind of change", |told| {
            told[5].event = "modified".into()
        }),
        ("it was another kind of change", |told| {
            told[4].event = "vanished".into()
        }),
        ("it was not so at the beginning", |told| {
            told[0].value = Some("t".into())
        }),
    ];
    for (complaint, lie) in lies {
        let told = complaints(lie);
        assert!(told.contains(complaint), "{complaint}: {told:?}");
    }
}

/// Held by one from second 10 on, renewed at 14, taken by another at 21.
fn lease() -> Vec<Change> {
    let spec = |holder: &str, acquired: u32, renewed: u32| {
        let time = |second: u32| format!("2026-01-31T23:59:{second:02}.000000Z");
        Some(
            json!({"spec": {"holderIdentity": holder, "leaseDurationSeconds": 6,
            "acquireTime": time(acquired), "renewTime": time(renewed)}}),
        )
    };
    vec![
        change(1, "lease", spec("one", 10, 10)),
        change(2, "lease", spec("one", 10, 14)),
        change(3, "lease", Some(json!({"spec": {}}))),
        change(4, "lease", spec("two", 21, 21)),
    ]
}

#[test]
fn whatever_is_wrong_about_a_lease_is_found() {
    let (found, wrong) = terms(&lease());
    let holders: Vec<&str> = found.iter().map(|term| term.holder.as_str()).collect();
    assert_eq!((holders, wrong), (vec!["one", "two"], Vec::new()));
    assert_eq!(found[1].acquired_s - found[0].renewed_s, 7.0);

    type Lie = fn(&mut Vec<Change>);
    fn spec(change: &mut Change) -> &mut Value {
        &mut change.object.as_mut().expect("an object")["spec"]
    }
    let lies: [(&str, Lie); 4] = [
        ("4: two took what one held", |all| {
            spec(&mut all[3])["acquireTime"] = "2026-01-31T23:59:19.900000Z".into();
        }),
        ("2: one renewed it backwards", |all| {
            spec(&mut all[1])["renewTime"] = "2026-01-31T23:59:09.000000Z".into();
        }),
        ("2: times are missing", |all| {
            spec(&mut all[1])["renewTime"] = Value::Null
        }),
        ("3: it is gone", |all| all[2].object = None),
    ];
    for (complaint, lie) in lies {
        let mut changes = lease();
        lie(&mut changes);
        let told = terms(&changes).1.join("; ");
        assert!(told.contains(complaint), "{complaint}: {told:?}");
    }
}
