//! The columns are always what one would count anew.

use super::*;
use crate::scheduler::tests::{node, pod, seen, seen_node, with};
use keelson_apiserver::selector::{Operator, Requirement};
use keelson_apiserver::status::Path;
use proptest::prelude::*;
use serde_json::json;

#[derive(Clone, Debug)]
enum Step {
    PutNode {
        at: usize,
        cpu: u32,
        has_zone: bool,
    },
    RemoveNode {
        at: usize,
    },
    Place {
        pod: usize,
        node: usize,
        cpu: u32,
        is_web: bool,
    },
    Remove {
        pod: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..5usize, 1..9u32, any::<bool>()).prop_map(|(at, cpu, has_zone)| Step::PutNode {
            at,
            cpu,
            has_zone
        }),
        (0..5usize).prop_map(|at| Step::RemoveNode { at }),
        (0..12usize, 0..5usize, 0..4u32, any::<bool>()).prop_map(|(pod, node, cpu, is_web)| {
            Step::Place {
                pod,
                node,
                cpu,
                is_web,
            }
        }),
        (0..12usize).prop_map(|pod| Step::Remove { pod }),
    ]
}

fn web() -> LabelSelector {
    let equals = Requirement::new("app", Operator::Equals, vec!["web".into()], &Path::none());
    LabelSelector::new(vec![equals.unwrap()])
}

/// Plain lists beside the table.
#[derive(Default)]
struct Model {
    nodes: BTreeMap<String, (u32, bool)>,
    pods: BTreeMap<String, (String, u32, bool)>,
}

fn take(step: &Step, table: &mut Table, model: &mut Model) {
    match *step {
        Step::PutNode { at, cpu, has_zone } => {
            let name = format!("n{at}");
            let mut object = node(&name, &cpu.to_string(), "8Gi");
            if has_zone {
                object["metadata"]["labels"][ZONE] = json!(format!("z{}", at % 2));
            }
            table.put_node(seen_node(&object));
            model.nodes.insert(name, (cpu, has_zone));
        }
        Step::RemoveNode { at } => {
            let name = format!("n{at}");
            let is_there = model.nodes.remove(&name).is_some();
            assert_eq!(table.remove_node(&name).is_some(), is_there);
        }
        Step::Place {
            pod: at,
            node,
            cpu,
            is_web,
        } => {
            let (name, node) = (format!("p{at}"), format!("n{node}"));
            let object = pod(&name, &cpu.to_string(), "1Mi");
            let labels = if is_web {
                json!({"app": "web"})
            } else {
                json!({})
            };
            let object = with(object, "/metadata/labels", labels);
            let port = json!([{"hostPort": 80 + at, "containerPort": 1}]);
            let object = with(object, "/spec/containers/0/ports", port);
            table.place(seen(&object), &node, false);
            model.pods.insert(name, (node, cpu, is_web));
        }
        Step::Remove { pod: at } => {
            let name = format!("p{at}");
            let is_there = model.pods.remove(&name).is_some();
            assert_eq!(
                table.remove(&Key::new("default", &name)).is_some(),
                is_there
            );
        }
    }
}

fn check(table: &mut Table, model: &Model) {
    table.arrange();
    table.divide(ZONE);
    assert_eq!(table.order().len(), model.nodes.len());
    for (name, (cpu, has_zone)) in &model.nodes {
        let row = table.row(name).expect("the node has a row");
        assert!(table.order().contains(&row));
        let on: Vec<_> = model
            .pods
            .values()
            .filter(|(node, ..)| node == name)
            .collect();
        let used: u32 = on.iter().map(|(_, cpu, _)| cpu).sum();
        let webs = on.iter().filter(|(.., is_web)| *is_web).count();
        assert_eq!(table.columns.cpu_m[row], i64::from(*cpu) * 1000);
        assert_eq!(table.columns.used_cpu_m[row], i64::from(used) * 1000);
        assert_eq!(table.columns.pods[row], on.len() as i64);
        assert_eq!(table.columns.used_memory[row], (on.len() as i64) << 20);
        assert_eq!(table.ports(row).len(), on.len());
        assert_eq!(table.pods_on(row).count(), on.len());
        assert_eq!(table.counted("default", &web()).unwrap()[row], webs as i64);
        let domain = table.domains(ZONE).unwrap().of_row[row];
        assert_eq!(domain.is_some(), *has_zone);
    }
}

proptest! {
    #[test]
    fn single_changes_add_up(steps in proptest::collection::vec(step(), 1..60)) {
        let (mut table, mut model) = (Table::default(), Model::default());
        table.count("default", &web());
        for step in &steps {
            take(step, &mut table, &mut model);
            check(&mut table, &model);
        }
        let known: BTreeSet<&str> = model.nodes.keys().map(String::as_str)
            .chain(model.pods.values().map(|(node, ..)| node.as_str())).collect();
        prop_assert_eq!(table.rows.len(), known.len(), "rows are given back");
    }
}

#[test]
fn a_counter_that_is_made_late_counts_what_is_there() {
    let mut table = Table::default();
    let labels = json!({"app": "web"});
    table.put_node(seen_node(&node("n", "1", "1Gi")));
    table.place(
        seen(&with(pod("p", "", ""), "/metadata/labels", labels)),
        "n",
        false,
    );
    table.count("default", &web());
    table.count("other", &web());
    assert_eq!(table.counted("default", &web()), Some(&[1][..]));
    assert_eq!(table.counted("other", &web()), Some(&[0][..]));
}

#[test]
fn zones_take_turns() {
    let mut table = Table::default();
    for (name, zone) in [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "")] {
        let mut object = node(name, "1", "1Gi");
        object["metadata"]["labels"][ZONE] = json!(zone);
        table.put_node(seen_node(&object));
    }
    table.arrange();
    let order: Vec<_> = table
        .order()
        .iter()
        .map(|row| &**table.name(*row))
        .collect();
    assert_eq!(order, ["e", "a", "d", "b", "c"]);
}
