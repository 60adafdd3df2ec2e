//! One look for a node for one Pod: with the Pods in mind for which room is being made, and with an eye
//! on who could make room.

use super::cycle::Cycle;
use super::framework::Round;
use super::message::Diagnosis;
use super::nominations::Nominations;
use super::pod::PodInfo;
use super::preempt;
use super::snapshot::{Row, Table};
use keelson_apiserver::selector::LabelSelector;
use std::sync::Arc;

/// Who makes room.
#[derive(Debug)]
pub enum PushOut {
    /// These, on this node.
    Victims {
        /// The node.
        node: Arc<str>,
        /// Those that have to go.
        pods: Vec<Arc<PodInfo>>,
    },
    /// Nobody can.
    Nobody,
    /// Somebody does already.
    Wait,
}

/// What came out of a look.
#[derive(Debug)]
pub enum Decision {
    /// It goes there.
    Node(Row),
    /// No node will do.
    None {
        /// Why.
        diagnosis: Diagnosis,
        /// Why, for people.
        text: String,
        /// Who makes room.
        push_out: PushOut,
    },
}

/// See the module.
#[derive(Clone, Copy)]
pub struct Look<'l> {
    /// The Pod.
    pub pod: &'l PodInfo,
    /// The Pods that it stands beside.
    pub group: Option<&'l LabelSelector>,
}

impl<'l> Look<'l> {
    /// The look on a table as it is now.
    pub fn round<'r>(&self, table: &'r Table) -> Round<'r>
    where
        'l: 'r,
    {
        Round {
            pod: self.pod,
            table,
            group: self.group,
        }
    }

    /// Looks. The table is as it was afterwards.
    pub fn decide(
        self,
        cycle: &mut Cycle,
        table: &mut Table,
        nominations: &Nominations,
    ) -> Decision {
        Cycle::prepare(self.pod, self.group, table);
        let nominated = nominations.node(&self.pod.key);
        let nominated = nominated.and_then(|node| table.row(node));
        let others = nominations.place(self.pod, table);
        let own = nominated.filter(|&row| cycle.rejection(&self.round(table), row).is_none());
        let found = match own {
            // Where room was made for it.
            Some(row) => Ok(vec![row]),
            None => cycle.feasible(&self.round(table)),
        };
        let decision = match found {
            Ok(rows) => Ok(rows),
            Err(diagnosis) => Err(self.push_out(cycle, table, diagnosis, nominated)),
        };
        for key in &others {
            table.remove(key);
        }
        let round = self.round(table);
        match decision {
            Err(decision) => decision,
            Ok(rows) if others.is_empty() => Decision::Node(cycle.pick(&round, &rows)),
            // Nobody may rest on one that is not there yet, either.
            Ok(rows) => match cycle.keep(&round, rows) {
                Ok(kept) => Decision::Node(cycle.pick(&round, &kept)),
                Err(diagnosis) => none(diagnosis, None, PushOut::Wait),
            },
        }
    }

    fn push_out(
        self,
        cycle: &mut Cycle,
        table: &mut Table,
        diagnosis: Diagnosis,
        nominated: Option<Row>,
    ) -> Decision {
        match preempt::look(self, cycle, table, &diagnosis, nominated) {
            Ok(push_out) => none(diagnosis, None, push_out),
            Err((why, push_out)) => none(diagnosis, Some(&why), push_out),
        }
    }
}

fn none(diagnosis: Diagnosis, preemption: Option<&str>, push_out: PushOut) -> Decision {
    Decision::None {
        text: diagnosis.text(preemption),
        diagnosis,
        push_out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::tests::{node, pod, seen, table, with};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn decide(cycle: &mut Cycle, pod: &Value, table: &mut Table) -> Result<String, String> {
        let look = Look {
            pod: &seen(pod),
            group: None,
        };
        match look.decide(cycle, table, &Nominations::default()) {
            Decision::Node(row) => Ok(table.name(row).to_string()),
            Decision::None { text, .. } => Err(text),
        }
    }

    fn named(name: &str) -> Value {
        let field = json!({"key": "metadata.name", "operator": "In", "values": [name]});
        let terms = json!([{"matchFields": [field]}]);
        let affinity = json!({"nodeAffinity":
            {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
        with(pod("p", "2", ""), "/spec/affinity", affinity)
    }

    #[test]
    fn a_pod_that_names_its_node_is_not_tried_on_others() {
        let nodes = [
            node("a", "4", "8Gi"),
            node("b", "1", "8Gi"),
            node("c", "4", "8Gi"),
        ];
        let mut table = table(&nodes, &[]);
        let mut cycle = Cycle::new(Box::new(|_| 0));
        for _ in 0..3 {
            assert_eq!(
                decide(&mut cycle, &named("c"), &mut table),
                Ok("c".to_owned())
            );
        }
        let others = "2 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are \
                      available: 3 Preemption is not helpful for scheduling.";
        let said = decide(&mut cycle, &named("b"), &mut table);
        let expected = format!("0/3 nodes are available: 1 Insufficient cpu, {others}");
        assert_eq!(said, Err(expected));
        let said = decide(&mut cycle, &named("x"), &mut table);
        assert!(
            said.unwrap_err()
                .starts_with("0/3 nodes are available: 3 node(s) didn't satisfy")
        );
    }

    #[test]
    fn of_many_nodes_all_get_their_turn() {
        let nodes: Vec<_> = (0..300)
            .map(|at| node(&format!("n{at}"), "4", "8Gi"))
            .collect();
        let mut table = table(&nodes, &[]);
        let mut cycle = Cycle::new(Box::new(|bound| bound - 1));
        let picked = (0..6).map(|_| decide(&mut cycle, &pod("p", "1", ""), &mut table));
        let picked: BTreeSet<String> = picked.map(Result::unwrap).collect();
        // Nobody is placed, so all nodes are the same; but each look begins where the last one ended.
        assert!(picked.len() >= 3, "{picked:?}");
    }

    #[test]
    fn without_nodes_there_is_nothing_to_say_about_any() {
        let mut cycle = Cycle::new(Box::new(|_| 0));
        let said = decide(&mut cycle, &pod("p", "", ""), &mut Table::default());
        assert_eq!(said, Err("no nodes available to schedule pods".to_owned()));
    }
}
