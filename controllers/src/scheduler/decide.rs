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
