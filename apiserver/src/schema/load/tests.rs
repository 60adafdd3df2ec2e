use super::{LoadError, load};
use crate::schema::{Gvk, ListTopology, Node, Patch, Scalar, TypeId};
use serde_json::json;
use std::sync::Arc;

const SMALL: &str = "\
# A comment.

package a.v1
type One
kind v1 One
kind g.io/v2 One
 any - any
 list 1 [Two] pointer keys:key,other patch:merge,retainKeys merge-key:key
 map 2.3 {[string]} always required atomic
 ref 4 Two granular
 text 5 string(b|c%20d) default:\"b\"
type Two atomic
 key 1 string always required
 other 2 int32
 whole 3 b.v1.Three

package b.v1
type Three
";

fn gvk(group: &str, version: &str, kind: &str) -> Gvk {
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}

#[test]
fn every_word_of_the_format_is_understood() {
    let table = load(SMALL).unwrap();
    let one = table.kind(&gvk("", "v1", "One")).unwrap();
    assert_eq!(table.kind(&gvk("g.io", "v2", "One")), Some(one));
    let one = table.get(one);
    assert_eq!(&*one.name, "a.v1.One");
    assert!(matches!(one.field("any").unwrap().node, Node::Any));
    assert!(one.field("any").unwrap().tags.is_empty());

    let list = one.field("list").unwrap();
    let Node::List(shape) = &list.node else {
        panic!("{list:?}")
    };
    let keys = ["key", "other"].map(Arc::from);
    assert_eq!(shape.topology, ListTopology::Map(Arc::from(keys)));
    assert!(matches!(shape.element, Node::Struct(TypeId(1))));
    let patch = Patch {
        merges: true,
        retains_keys: true,
        replaces: false,
        merge_key: Some(Arc::from("key")),
    };
    assert_eq!(list.patch, patch);
    assert!(list.is_pointer && !list.is_always_present && !list.is_required);

    let map = one.field("map").unwrap();
    assert_eq!(map.tags, [2, 3]);
    assert!(!map.is_pointer && map.is_always_present && map.is_required);
    let Node::Map(shape) = &map.node else {
        panic!("{map:?}")
    };
    assert!(shape.is_atomic && matches!(shape.value, Node::List(_)));

    let text = one.field("text").unwrap();
    let values = ["b", "c d"].map(Arc::from);
    let Node::Scalar(scalar) = &text.node else {
        panic!("{text:?}")
    };
    assert_eq!(*scalar, Scalar::String(Arc::from(values)));
    assert_eq!(text.default, Some(json!("b")));
}

#[test]
fn a_field_that_wants_an_atomic_type_granular_gets_a_copy_of_it() {
    let table = load(SMALL).unwrap();
    let one = table.get(TypeId(0));
    let Node::Struct(copy) = one.field("ref").unwrap().node else {
        panic!("no structure")
    };
    assert_eq!(copy, TypeId(3));
    let (original, copy) = (table.get(TypeId(1)), table.get(copy));
    assert_eq!((&*original.name, &*copy.name), ("a.v1.Two", "a.v1.Two"));
    assert!(original.is_atomic && !copy.is_atomic);
    assert_eq!(copy.fields.len(), 3);
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let head = "package a\ntype One\n";
    for (line, what) in [
        ("nonsense", "neither a package, a type, a kind nor a field"),
        ("type One", "One is there twice"),
        ("type Two big", "a type has no big"),
        ("kind v1", "a kind has two words"),
        (" a 1", "a field has a node"),
        (" a x string", "x are no protobuf tags"),
        (" a 0 string", "0 are no protobuf tags"),
        (" a 1. string", "1. are no protobuf tags"),
        (" a 1 String", "String is no type"),
        (" a 1 b.One", "b.One is no type"),
        (" a 1 [string", "[string is no type"),
        (
            " a 1 [[[[[[[[[string]]]]]]]]]",
            "more than 8 lists and maps in a row",
        ),
        (" a 1 string small", "a field has no small:"),
        (" a 1 string pointer:no", "a field has no pointer:no"),
        (" a 1 string keys:", "a field has no keys:"),
        (" a 1 string set", "only a list has a topology"),
        (" a 1 string keys:b", "only a list has a topology"),
        (" a 1 string atomic", "only a list or a map can be atomic"),
        (
            " a 1 string granular",
            "only a map or a structure can be granular",
        ),
        (" a 1 string patch:fold", "strategic merge has no fold"),
        (" a 1 string default:b", "expected value at line 1 column 1"),
    ] {
        let error = load(&format!("{head}{line}\n")).unwrap_err();
        let what = what.to_owned();
        assert_eq!(error, LoadError { line: 3, what }, "{line}");
    }
}

#[test]
fn order_and_doubles_are_checked() {
    for (text, line, what) in [
        (" a 1 string\n", 1, "stands before the first type"),
        ("kind v1 A\n", 1, "stands before the first type"),
        ("type A\n b 1 bool\n a 2 bool\n", 3, "a is not in order"),
        ("type A\n a 1 bool\n a 2 bool\n", 3, "a is not in order"),
        ("type A\nkind v1 A\nkind v1 A\n", 3, "A is a kind twice"),
    ] {
        let error = load(text).unwrap_err();
        assert_eq!((error.line, error.what.as_str()), (line, what));
    }
}
