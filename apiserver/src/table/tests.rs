//! Tables against those of a real server.
//!
//! `tests/*.jsonl` are objects, one a line, defaults filled in; `tests/*.txt` are the cells that the
//! printers of Kubernetes 1.35 gave for them at the same distance in time, wide columns included, and
//! `tests/columns.txt` is what they say of their columns (a star: for `-o wide`). A tilde stands before
//! cells that are not text.

mod custom;
mod whole;

use super::kinds;
use super::test_tables::{gvk, render, render_lines};
use super::*;
use crate::resource::everything;
use crate::schema::Gvk;
use serde_json::{Value, json};

/// Name, objects and tables of each file.
macro_rules! goldens {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("tests/", $name, ".jsonl")),
            include_str!(concat!("tests/", $name, ".txt")),
        )),*]
    };
}

const GOLDENS: &[(&str, &str, &str)] = goldens![
    "apps",
    "autoscaling",
    "batch",
    "config",
    "events",
    "networking",
    "nodes",
    "others",
    "pods",
    "services",
    "storage",
];

fn objects() -> impl Iterator<Item = Value> {
    let lines = GOLDENS.iter().flat_map(|(_, objects, _)| objects.lines());
    lines.map(|line| serde_json::from_str(line).unwrap())
}

#[test]
fn cells_are_those_of_a_real_server() {
    let mut differences = Vec::new();
    for (name, objects, expected) in GOLDENS {
        let actual = render_lines(objects);
        assert_eq!(actual.lines().count(), expected.lines().count(), "{name}");
        for (number, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
            if actual != expected {
                let line = number + 1;
                differences.push(format!("{name}.txt:{line}\n- {expected}\n+ {actual}"));
            }
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// One line of `columns.txt`.
fn columns_of(group: &str, kind: &str) -> String {
    let gvk = Gvk {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
    };
    let printer = Printer::new(&gvk);
    let columns = printer.columns().iter().map(|column| {
        let format = if column.format.is_empty() { "" } else { ":" };
        let star = ["", "*"][usize::from(column.priority != 0)];
        format!(
            "{}:{}{format}{}{star}",
            column.name, column.kind, column.format
        )
    });
    let group = if group.is_empty() { "core" } else { group };
    format!("{group} {kind}: {}", columns.collect::<Vec<_>>().join(", "))
}

#[test]
fn columns_are_those_of_a_real_server() {
    let expected = include_str!("tests/columns.txt");
    let mut own: Vec<_> = kinds::all()
        .map(|one| columns_of(one.group, one.kind))
        .collect();
    own.sort();
    // Its printer is the aggregator's, which the file does not cover.
    own.retain(|line| !line.starts_with("apiregistration.k8s.io"));
    for (own, expected) in own.iter().zip(expected.lines()) {
        assert_eq!(own, expected);
    }
    assert_eq!(own.len(), expected.lines().count());
}

#[test]
fn every_row_is_of_a_kind_that_is_served_and_has_no_twin() {
    for one in kinds::all() {
        let served = everything().all().iter().any(|resource| {
            let is_it = |gvk: &Gvk| gvk.group == one.group && gvk.kind == one.kind;
            is_it(&resource.gvk)
        });
        assert!(served || one.kind == "Scale", "{} {}", one.group, one.kind);
        let twins = kinds::all().filter(|other| (other.group, other.kind) == (one.group, one.kind));
        assert_eq!(twins.count(), 1, "{} {}", one.group, one.kind);
        for column in one.columns {
            assert!(
                !column.description.is_empty(),
                "{} {}",
                one.kind,
                column.name
            );
        }
    }
}

/// Which kinds are printed with a name and a time, so that a new one is not forgotten.
#[test]
fn what_has_no_columns_of_its_own_is_known() {
    let without: std::collections::BTreeSet<&str> = everything()
        .all()
        .iter()
        .filter(|resource| resource.verbs.contains(&crate::resource::Verb::List))
        .filter(|resource| kinds::find(&resource.gvk.group, &resource.gvk.kind).is_none())
        .map(|resource| resource.plural.as_str())
        .collect();
    let expected = [
        "clusterroles",
        "customresourcedefinitions",
        "limitranges",
        "roles",
    ];
    assert!(without.iter().eq(expected.iter()), "{without:?}");
}

#[test]
fn a_kind_without_columns_has_a_name_and_a_time() {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "edit", "creationTimestamp": "2026-05-29T08:00:00Z"},
    });
    let bare = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "new"}});
    assert_eq!(
        render(&Printer::new(&gvk(&role)), &[role, bare]),
        "NAME   CREATED AT\n\
         edit   2026-05-29T08:00:00Z\n\
         new    0001-01-01T00:00:00Z\n"
    );
}

#[test]
fn an_aggregated_service_says_why_it_is_not_there() {
    let service = |name: &str, spec: Value, conditions: Value| {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name, "creationTimestamp": "2026-06-01T11:00:00Z"},
            "spec": spec,
            "status": {"conditions": conditions},
        })
    };
    let remote = json!({"service": {"namespace": "kube-system", "name": "metrics"}});
    let said = |status: &str, reason: &str| json!([{"type": "Available", "status": status, "reason": reason}]);
    let all = [
        service("v1.", json!({}), said("True", "Local")),
        service("v1.a.io", remote.clone(), said("False", "MissingEndpoints")),
        service("v1.b.io", remote.clone(), said("False", "")),
        service("v1.c.io", remote, json!([])),
    ];
    assert_eq!(
        render(&Printer::new(&gvk(&all[0])), &all),
        "NAME      SERVICE               AVAILABLE                  AGE\n\
         v1.       Local                 True                       60m\n\
         v1.a.io   kube-system/metrics   False (MissingEndpoints)   60m\n\
         v1.b.io   kube-system/metrics   False                      60m\n\
         v1.c.io   kube-system/metrics   Unknown                    60m\n"
    );
}

/// Every object with each of its parts replaced by something else in turn.
#[test]
fn no_object_is_refused_and_cells_stay_as_many_as_columns() {
    let strange = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!("\u{e9}"),
        json!([1, null, {}]),
        json!({"a": {}}),
    ];
    for object in objects() {
        let printer = Printer::new(&gvk(&object));
        let expected = printer.cells(&object, test_tables::NOW_US).len();
        for pointer in pointers(&object) {
            for other in &strange {
                let mut changed = object.clone();
                *changed.pointer_mut(&pointer).unwrap() = other.clone();
                for now_us in [i64::MIN, test_tables::NOW_US, i64::MAX] {
                    let cells = printer.cells(&changed, now_us);
                    assert_eq!(cells.len(), expected, "{pointer} {changed}");
                }
            }
        }
    }
}

/// JSON pointers to all parts of a value, the whole included.
fn pointers(value: &Value) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut add = |name: &str, part: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        all.extend(
            pointers(part)
                .into_iter()
                .map(|rest| format!("/{name}{rest}")),
        );
    };
    match value {
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            parts.for_each(|(at, part)| add(&at.to_string(), part));
        }
        Value::Object(parts) => parts.iter().for_each(|(name, part)| add(name, part)),
        _ => {}
    }
    all
}
