//! Priority and fairness.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, condition, int, text};
use serde_json::Value;
use std::cmp::Ordering;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind {
        group: GROUP,
        kind: "FlowSchema",
        columns: SCHEMA,
        cells: schema,
        conditions: None,
        order: Some(by_precedence),
    },
    Kind::new(GROUP, "PriorityLevelConfiguration", LEVEL, level),
];

const SCHEMA: &[Column] = &[
    NAME,
    Column::text("PriorityLevel", "The level that requests get"),
    Column::text(
        "MatchingPrecedence",
        "The smaller, the sooner it is looked at",
    ),
    Column::text("DistinguisherMethod", "What makes requests one flow"),
    AGE,
    Column::text("MissingPL", "Whether its level does not exist"),
];

const LEVEL: &[Column] = &[
    NAME,
    Column::text("Type", "Whether there is a limit"),
    Column::text("NominalConcurrencyShares", "Its share of what runs at once"),
    Column::text("Queues", "How many queues it has"),
    Column::text("HandSize", "Among how many of them a flow is dealt"),
    Column::text("QueueLengthLimit", "How long a queue can get"),
    AGE,
];

/// As requests meet them.
fn by_precedence(a: &Value, b: &Value) -> Ordering {
    let key = |schema| {
        let precedence = int(schema, "spec.matchingPrecedence");
        (precedence, text(schema, "metadata.name").to_owned())
    };
    key(a).cmp(&key(b))
}

fn schema(object: &Object<'_>) -> Vec<Value> {
    let method = at(object.value, "spec.distinguisherMethod");
    let dangling = condition(object.list("status.conditions"), "Dangling");
    vec![
        object.name(),
        object.text("spec.priorityLevelConfiguration.name").into(),
        object.int("spec.matchingPrecedence").into(),
        method
            .map_or("<none>", |method| text(method, "type"))
            .into(),
        object.age(),
        dangling.map_or("?", |one| text(one, "status")).into(),
    ]
}

fn level(object: &Object<'_>) -> Vec<Value> {
    let limited = at(object.value, "spec.limited");
    let queuing = limited.and_then(|limited| at(limited, "limitResponse.queuing"));
    let number = |holder: Option<&Value>, field| match holder {
        Some(holder) => Value::from(int(holder, field)),
        None => Value::from("<none>"),
    };
    vec![
        object.name(),
        object.text("spec.type").into(),
        number(limited, "nominalConcurrencyShares"),
        number(queuing, "queues"),
        number(queuing, "handSize"),
        number(queuing, "queueLengthLimit"),
        object.age(),
    ]
}
