//! A table made by hand, with a field for each way of patching.

use crate::schema::{
    Field, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
use std::collections::HashMap;
use std::sync::Arc;

pub const POD: TypeId = TypeId(0);
const METADATA: TypeId = TypeId(1);
const SPEC: TypeId = TypeId(2);
const CONTAINER: TypeId = TypeId(3);
const ENV: TypeId = TypeId(4);
const PORT: TypeId = TypeId(5);
const TOLERATION: TypeId = TypeId(6);
const VOLUME: TypeId = TypeId(7);
const STRATEGY: TypeId = TypeId(8);

fn text() -> Node {
    Node::Scalar(Scalar::String(Arc::from([])))
}

fn number() -> Node {
    Node::Scalar(Scalar::Int(32))
}

fn map_of(value: Node) -> Node {
    let is_atomic = false;
    Node::Map(Arc::new(Map { value, is_atomic }))
}

fn list_of(element: Node) -> Node {
    let topology = ListTopology::Atomic;
    Node::List(Arc::new(List { element, topology }))
}

fn by_key(key: &str) -> Patch {
    Patch {
        merges: true,
        merge_key: Some(key.into()),
        ..Patch::default()
    }
}

fn set() -> Patch {
    Patch {
        merges: true,
        ..Patch::default()
    }
}

fn field(name: &str, node: Node, patch: Patch) -> Field {
    Field {
        name: name.into(),
        description: "".into(),
        node,
        tags: Vec::new(),
        is_pointer: false,
        is_always_present: false,
        is_required: false,
        default: None,
        patch,
    }
}

fn plain(name: &str, node: Node) -> Field {
    field(name, node, Patch::default())
}

fn kind(name: &str, mut fields: Vec<Field>) -> Type {
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Type {
        name: name.into(),
        description: "".into(),
        fields,
        unknown: Unknown::Pruned,
        is_atomic: false,
    }
}

fn spec() -> Type {
    let retaining = Patch {
        retains_keys: true,
        ..by_key("name")
    };
    kind(
        "Spec",
        vec![
            field(
                "containers",
                list_of(Node::Struct(CONTAINER)),
                by_key("name"),
            ),
            plain("tolerations", list_of(Node::Struct(TOLERATION))),
            field("volumes", list_of(Node::Struct(VOLUME)), retaining),
            field(
                "strategy",
                Node::Struct(STRATEGY),
                Patch {
                    retains_keys: true,
                    ..Patch::default()
                },
            ),
            field(
                "dns",
                map_of(text()),
                Patch {
                    replaces: true,
                    ..Patch::default()
                },
            ),
            plain("nodeSelector", map_of(text())),
            plain("nodeName", text()),
            plain("extra", Node::Any),
        ],
    )
}

pub fn table() -> Table {
    let texts = || list_of(text());
    let types = vec![
        kind(
            "Pod",
            vec![
                plain("metadata", Node::Struct(METADATA)),
                plain("spec", Node::Struct(SPEC)),
            ],
        ),
        kind(
            "ObjectMeta",
            vec![
                plain("name", text()),
                plain("labels", map_of(text())),
                field("finalizers", texts(), set()),
            ],
        ),
        spec(),
        kind(
            "Container",
            vec![
                plain("name", text()),
                plain("image", text()),
                plain("args", texts()),
                plain("limits", map_of(text())),
                field("env", list_of(Node::Struct(ENV)), by_key("name")),
                field(
                    "ports",
                    list_of(Node::Struct(PORT)),
                    by_key("containerPort"),
                ),
            ],
        ),
        kind(
            "EnvVar",
            vec![plain("name", text()), plain("value", text())],
        ),
        kind(
            "ContainerPort",
            vec![
                plain("containerPort", number()),
                plain("name", text()),
                plain("protocol", text()),
            ],
        ),
        kind(
            "Toleration",
            vec![plain("key", text()), plain("value", text())],
        ),
        kind(
            "Volume",
            vec![
                plain("name", text()),
                plain("emptyDir", map_of(text())),
                plain("hostPath", map_of(text())),
            ],
        ),
        kind(
            "Strategy",
            vec![
                plain("type", text()),
                plain("rollingUpdate", map_of(number())),
            ],
        ),
    ];
    Table {
        types,
        kinds: HashMap::new(),
    }
}
