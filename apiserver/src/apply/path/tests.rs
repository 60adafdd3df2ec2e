//! Sets against plain sets of paths, and their stored form.

use super::fields_v1::{Malformed, decode, encode};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(1)),
        Just(json!(1.0)),
        Just(json!(2.5)),
        Just(json!(true)),
        Just(Value::Null),
        "[ab<\"\\\\é]{0,2}".prop_map(Value::from),
    ]
}

fn element() -> impl Strategy<Value = Element> {
    prop_oneof![
        3 => "[abc]".prop_map(|name| Element::field(&name)),
        1 => ".{0,3}".prop_map(|name| Element::field(&name)),
        2 => vec(("[ab]", scalar()), 1..3).prop_map(|fields| {
            let unique: std::collections::BTreeMap<_, _> = fields.into_iter().collect();
            Element::key(unique.into_iter().map(|(name, value)| (name.into(), value)))
        }),
        1 => scalar().prop_map(Element::value),
        1 => (-1..2_i64).prop_map(Element::Index),
    ]
}

fn paths() -> impl Strategy<Value = Vec<Path>> {
    vec(vec(element(), 1..5).prop_map(Path), 0..16)
}

fn plain(set: &Set) -> BTreeSet<Path> {
    set.paths().into_iter().collect()
}

fn is_within(path: &Path, parents: &BTreeSet<Path>) -> bool {
    (1..=path.0.len()).any(|steps| parents.contains(&Path(path.0[..steps].to_vec())))
}

proptest! {
    #[test]
    fn sets_do_what_plain_sets_do(a in paths(), b in paths()) {
        let (left, right) = (Set::of(&a), Set::of(&b));
        let (a, b): (BTreeSet<_>, BTreeSet<_>) = (a.into_iter().collect(), b.into_iter().collect());
        prop_assert_eq!(&plain(&left), &a);
        prop_assert_eq!(left.len(), a.len());
        prop_assert_eq!(left.is_empty(), a.is_empty());
        prop_assert!(b.iter().all(|path| left.has(path) == a.contains(path)));
        prop_assert_eq!(plain(&left.union(&right)), &a | &b);
        prop_assert_eq!(plain(&left.intersection(&right)), &a & &b);
        prop_assert_eq!(plain(&left.difference(&right)), &a - &b);
        let outside = a.iter().filter(|path| !is_within(path, &b)).cloned();
        prop_assert_eq!(plain(&left.recursive_difference(&right)), outside.collect());
        prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
        let has_parts = |path: &Path| {
            a.iter().any(|other| other.0.len() > path.0.len() && other.0.starts_with(&path.0))
        };
        let leaves = a.iter().filter(|path| !has_parts(path)).cloned();
        prop_assert_eq!(plain(&left.leaves()), leaves.collect());
    }

    #[test]
    fn sets_obey_their_laws(a in paths(), b in paths(), c in paths()) {
        let (a, b, c) = (Set::of(&a), Set::of(&b), Set::of(&c));
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(&a.union(&a), &a);
        prop_assert_eq!(&a.difference(&b).union(&a.intersection(&b)), &a);
        prop_assert_eq!(a.difference(&b).intersection(&b), Set::default());
        prop_assert_eq!(
            a.intersection(&b.union(&c)),
            a.intersection(&b).union(&a.intersection(&c))
        );
        prop_assert!(a.recursive_difference(&b).is_subset(&a.difference(&b)));
    }

    #[test]
    fn a_set_comes_back_from_its_stored_form(a in paths()) {
        let set = Set::of(&a);
        let stored = encode(&set);
        let text = stored.to_string();
        let back = decode(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(&back, &set);
        prop_assert_eq!(encode(&back).to_string(), text, "the same set has the same bytes");
    }

    #[test]
    fn the_order_of_values_is_total(values in vec(scalar_of_any_size(), 3)) {
        let [a, b, c] = &values[..] else { unreachable!() };
        prop_assert_eq!(order::compare(a, b), order::compare(b, a).reverse());
        if order::compare(a, b) != Ordering::Greater && order::compare(b, c) != Ordering::Greater {
            prop_assert_ne!(order::compare(a, c), Ordering::Greater);
        }
    }
}

fn scalar_of_any_size() -> impl Strategy<Value = Value> {
    let near = (0..6_i64).prop_map(|step| json!(9_007_199_254_740_990 + step));
    let near_float = (0..6_u32).prop_map(|step| json!(9_007_199_254_740_990.0 + f64::from(step)));
    let edges = prop::sample::select(vec![
        json!(u64::MAX),
        json!(i64::MIN),
        json!(18_446_744_073_709_551_616.0),
        json!(1e300),
        json!(-1e300),
        json!(-0.0),
        json!(0),
        json!(-0.5),
        json!([1, 2]),
        json!([1]),
        json!({"a": 1}),
        json!({"a": 1.0, "b": 0}),
        Value::Null,
    ]);
    prop_oneof![near, near_float, edges, scalar()]
}

#[test]
fn paths_read_as_upstream_writes_them() {
    let key = [
        ("protocol".into(), json!("TCP")),
        ("containerPort".into(), json!(80)),
    ];
    let path = Path(vec![
        Element::field("spec"),
        Element::key(key),
        Element::value(json!("a\"b\n")),
        Element::value(json!(1.5)),
        Element::Index(3),
    ]);
    assert_eq!(
        path.to_string(),
        ".spec[containerPort=80,protocol=\"TCP\"][=\"a\\\"b\\n\"][=1.5][3]"
    );
}

#[test]
fn members_come_before_the_parts_of_fields() {
    let paths = [&["a", "x"][..], &["b"], &["a"], &["a", "x", "y"], &["c"]].map(Path::fields);
    let text: Vec<_> = Set::of(&paths)
        .paths()
        .iter()
        .map(Path::to_string)
        .collect();
    assert_eq!(text, [".a", ".b", ".c", ".a.x", ".a.x.y"]);
}

#[test]
fn the_stored_form_is_upstreams() {
    let stored = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {"v:\"x\"": {}}},
        "f:spec": {"f:ports": {"k:{\"port\":53,\"protocol\":\"UDP\"}": {".": {}, "f:port": {}}}},
        "f:old": {"i:0": {}},
    });
    let set = decode(&stored).unwrap();
    let text: Vec<_> = set.paths().iter().map(Path::to_string).collect();
    assert_eq!(
        text,
        [
            ".metadata.labels",
            ".metadata.finalizers[=\"x\"]",
            ".metadata.labels.app",
            ".old[0]",
            ".spec.ports[port=53,protocol=\"UDP\"]",
            ".spec.ports[port=53,protocol=\"UDP\"].port",
        ]
    );
    assert_eq!(encode(&set), stored);
    let html = Set::of(&[Path(vec![Element::value(json!("<&>"))])]);
    assert_eq!(encode(&html), json!({"v:\"\\u003c\\u0026\\u003e\"": {}}));
}

#[test]
fn keys_of_any_spelling_name_the_same_element() {
    let stored = json!({
        "k:{\"b\":1,\"a\":2}": {"f:x": {}},
        "k:{ \"a\": 2.0, \"b\": 1 }": {".": {}, "f:y": {}},
        "z:later": {"f:x": {}},
    });
    let set = decode(&stored).unwrap();
    let expected = json!({"k:{\"a\":2.0,\"b\":1}": {".": {}, "f:x": {}, "f:y": {}}});
    assert_eq!(
        encode(&set),
        expected,
        "one element; the unknown kind is left out"
    );
}

#[test]
fn malformed_sets_are_refused() {
    let refused = |stored: Value| decode(&stored).unwrap_err().0;
    assert_eq!(refused(json!([])), "fields must be an object");
    assert_eq!(refused(json!({"f:x": 1})), "fields must be an object");
    assert_eq!(refused(json!({"f": {}})), "key must be 2 characters long:");
    assert_eq!(refused(json!({"field": {}})), "missing colon: field");
    for key in ["v:", "v:{", "k:1", "k:", "i:x", "i:99999999999999999999"] {
        assert!(decode(&json!({key: {}})).is_err(), "{key}");
    }
    let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({"f:x": inner}));
    assert_eq!(decode(&nested(MAX_DEPTH)).unwrap().len(), 1);
    let text = format!("fields are nested deeper than {MAX_DEPTH}");
    assert_eq!(decode(&nested(MAX_DEPTH + 1)), Err(Malformed(text)));
}

#[test]
fn a_large_set_in_any_order_is_read_in_a_moment() {
    // Keyed elements sort otherwise than their texts do.
    let keys = (0..100_000).map(|at| (format!("k:{{\"n\":{at}}}"), json!({})));
    let set = decode(&Value::Object(keys.collect())).unwrap();
    assert_eq!(set.len(), 100_000);
    assert!(set.has(&Path(vec![Element::key([("n".into(), json!(77_777))])])));
}
