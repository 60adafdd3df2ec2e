use super::{FILES, File, TextError, describe};
use crate::schema::{Node, Table, Type, TypeId, builtin, load};
use std::collections::BTreeSet;

const SMALL: &str = "\
package a.v1
type Thing
kind a/v1 Thing
 kind - string
 metadata 1 Meta
 size 2 int32
type ThingList
kind a/v1 ThingList
 items 1 [Thing]
type Meta
 kind 1 string

package a.v1beta1
type Thing
kind a/v1beta1 Thing
 kind - string
 metadata 1 a.v1.Meta
 size 2 int32
type Template
 metadata 1 a.v1.Meta
";

const COMMON: File = (
    "common",
    "*List\tA list.\n*.kind\tIts kind.\n*.metadata\tIts name.\n",
);
const OWN: File = (
    "a.v1-1",
    "# A comment.\n\nThing\tA thing.\nThing.size\tIn litres.\n",
);
const OTHER: File = ("a.v1-2", "Meta.kind\tOf whom.\n");
const BETA: File = (
    "a.v1beta1",
    "like a.v1\nTemplate\tOf a thing.\nThing.size\tIn pints.\n",
);

/// What a name has in the small table. The part behind the last dot is a field, and empty for the type.
fn text<'a>(table: &'a Table, package: &str, name: &str) -> &'a str {
    let (owner, field) = name.split_once('.').unwrap_or((name, ""));
    let full = format!("{package}.{owner}");
    let owner = table.types.iter().find(|one| *one.name == *full).unwrap();
    match field {
        "" => &owner.description,
        field => &owner.field(field).unwrap().description,
    }
}

#[test]
fn a_name_has_its_own_text_or_that_of_the_package_it_is_like_or_the_common_one() {
    let mut table = load(SMALL).unwrap();
    describe(&mut table, &[COMMON, OWN, OTHER, BETA]).unwrap();
    for (package, name, expected) in [
        ("a.v1", "Thing", "A thing."),
        ("a.v1", "Thing.size", "In litres."),
        ("a.v1", "Thing.kind", "Its kind."),
        ("a.v1", "Thing.metadata", "Its name."),
        ("a.v1", "ThingList", "A list."),
        ("a.v1", "ThingList.items", ""),
        ("a.v1", "Meta", ""),
        ("a.v1", "Meta.kind", "Of whom."),
        ("a.v1beta1", "Thing", "A thing."),
        ("a.v1beta1", "Thing.size", "In pints."),
        ("a.v1beta1", "Thing.kind", "Its kind."),
        ("a.v1beta1", "Template", "Of a thing."),
        ("a.v1beta1", "Template.metadata", "Its name."),
    ] {
        assert_eq!(text(&table, package, name), expected, "{package} {name}");
    }
}

#[test]
fn what_is_no_object_has_no_common_text() {
    let mut table = load(SMALL).unwrap();
    describe(&mut table, &[COMMON]).unwrap();
    assert_eq!(text(&table, "a.v1", "Meta.kind"), "");
}

#[test]
fn a_line_that_is_wrong_is_named() {
    for (line, what) in [
        ("Thing", "a name, a TAB, a text"),
        ("Thing\t", "Thing has no proper text"),
        ("Thing\tA thing. ", "Thing has no proper text"),
        ("Thing\tA\tthing.", "Thing has no proper text"),
        ("Thing.size\tIn litres.", "Thing.size is there twice"),
        ("Think\tA thing.", "a.v1 has no Think"),
        ("Thing.length\tIn feet.", "a.v1 has no Thing length"),
        ("Thing.\tA thing.", "Thing. has no proper text"),
        ("*.kind\tIts kind.", "a.v1 has no * kind"),
        ("like b.v1", "there are no texts of b.v1"),
    ] {
        let mut table = load(SMALL).unwrap();
        let content = format!("Thing.size\tIn litres.\n{line}\n");
        let content: &'static str = content.leak();
        let error = describe(&mut table, &[("a.v1", content)]).unwrap_err();
        let expected = TextError {
            file: "a.v1",
            line: 2,
            what: what.to_owned(),
        };
        assert_eq!(error, expected, "{line}");
    }
    let mut table = load(SMALL).unwrap();
    let error = describe(
        &mut table,
        &[("common", "*.size\tIn litres.\n*.color\tBlue.\n")],
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "common.txt, line 2: common has no * color"
    );
}

#[test]
fn every_file_of_the_directory_is_in_the_list() {
    // Cargo starts tests in the directory of their package.
    let entries = std::fs::read_dir("src/schema/texts").unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<_> = names
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    let listed: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, there.into_iter().collect::<Vec<_>>());
}

/// The types that stable kinds have or refer to.
fn reachable() -> BTreeSet<TypeId> {
    fn refers(node: &Node) -> Option<TypeId> {
        match node {
            Node::Struct(id) => Some(*id),
            Node::List(list) => refers(&list.element),
            Node::Map(map) => refers(&map.value),
            Node::Scalar(_) | Node::Any => None,
        }
    }
    let stable = |version: &str| version[1..].bytes().all(|b| b.is_ascii_digit());
    let kinds = builtin().kinds.iter();
    let stable = kinds.filter(|(gvk, _)| stable(&gvk.version));
    let mut waiting: Vec<TypeId> = stable.map(|(_, id)| *id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            let fields = builtin().get(id).fields.iter();
            waiting.extend(fields.filter_map(|field| refers(&field.node)));
        }
    }
    seen
}

fn missing_of(one: &Type) -> Vec<String> {
    let fields = one.fields.iter();
    let fields = fields.filter(|field| field.description.is_empty());
    let mut missing: Vec<_> = fields
        .map(|field| format!("{}.{}", one.name, field.name))
        .collect();
    if one.description.is_empty() {
        missing.insert(0, one.name.to_string());
    }
    missing
}

#[test]
fn everything_that_a_stable_kind_reaches_has_a_text() {
    let types = reachable();
    assert!(types.len() > 400, "the walk is broken: {}", types.len());
    let missing = types.iter().flat_map(|id| missing_of(builtin().get(*id)));
    let missing: Vec<_> = missing.collect();
    assert!(
        missing.is_empty(),
        "{} texts are missing:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

#[test]
fn a_text_is_a_sentence_or_two() {
    let types = builtin().types.iter();
    let texts = types.flat_map(|one| {
        let fields = one.fields.iter();
        let fields = fields.map(|f| (format!("{}.{}", one.name, f.name), &*f.description));
        std::iter::once((one.name.to_string(), &*one.description)).chain(fields)
    });
    let improper = |text: &str| !text.ends_with('.') || !(10..=300).contains(&text.len());
    let improper: Vec<_> = texts
        .filter(|(_, text)| !text.is_empty() && improper(text))
        .collect();
    assert!(improper.is_empty(), "{improper:#?}");
}

/// What `kubectl explain` would print of these.
#[test]
fn a_deployment_is_described() {
    for (package, name) in [
        ("io.k8s.api.apps.v1", "Deployment"),
        ("io.k8s.api.apps.v1", "Deployment.apiVersion"),
        ("io.k8s.api.apps.v1", "Deployment.metadata"),
        ("io.k8s.api.apps.v1", "DeploymentSpec.strategy"),
        ("io.k8s.api.apps.v1", "DeploymentStrategy"),
        ("io.k8s.api.apps.v1", "RollingUpdateDeployment.maxSurge"),
    ] {
        assert_ne!(text(builtin(), package, name), "", "{package} {name}");
    }
}
