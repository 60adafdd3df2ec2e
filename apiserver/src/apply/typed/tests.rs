//! Walks over objects, one at a time.

use super::*;
use crate::apply::path::{Element, Path, Set, fields_v1};
use crate::apply::tests::table::{BUILT_IN, table};
use crate::schema::Gvk;
use serde_json::{Value, json};

fn typed(group: &str, kind: &str) -> Typed<'static> {
    let gvk = Gvk {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
    };
    Typed {
        table: &BUILT_IN,
        id: BUILT_IN.kind(&gvk).unwrap(),
    }
}

fn pod(spec: Value) -> Value {
    json!({"spec": spec})
}

fn stored(set: &Set) -> Value {
    fields_v1::encode(set)
}

#[test]
fn a_blank_object_has_what_is_always_there() {
    assert_eq!(
        blank(typed("apps", "Deployment")),
        json!({
            "metadata": {"creationTimestamp": null},
            "spec": {
                "selector": null,
                "strategy": {},
                "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": null}},
            },
            "status": {},
        })
    );
}

#[test]
fn empty_and_null_are_owned_like_leaves_but_an_empty_list_is_not() {
    let object = pod(json!({
        "securityContext": {},
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [],
        "tolerations": [],
        "serviceAccountName": null,
    }));
    assert_eq!(
        stored(&owned(typed("", "Pod"), &object)),
        json!({"f:spec": {
            "f:securityContext": {},
            "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
            "f:tolerations": {},
            "f:serviceAccountName": {},
        }})
    );
    assert_eq!(
        stored(&everything(
            typed("", "Pod"),
            &pod(json!({"containers": []}))
        )),
        json!({"f:spec": {".": {}, "f:containers": {}}})
    );
}

#[test]
fn undeclared_fields_of_a_stored_object_belong_to_nobody() {
    let object = pod(json!({"nonsense": {"a": 1}, "serviceAccountName": "s"}));
    let set = owned(typed("", "Pod"), &object);
    assert_eq!(
        stored(&set),
        json!({"f:spec": {"f:serviceAccountName": {}}})
    );
    let mut merged = object.clone();
    merge(
        typed("", "Pod"),
        &mut merged,
        &pod(json!({"serviceAccountName": "t"})),
    );
    assert_eq!(merged["spec"]["nonsense"], object["spec"]["nonsense"]);
}

#[test]
fn kept_fields_are_owned_key_by_key_and_lists_in_them_as_a_whole() {
    let table = table("kind core/v1 Free kept\n  spec Spec\ntype Spec\n  size int\n");
    let gvk = Gvk {
        group: "".into(),
        version: "v1".into(),
        kind: "Free".into(),
    };
    let typed = Typed {
        table: &table,
        id: table.kind(&gvk).unwrap(),
    };
    let object = json!({"other": {"map": {"k": 1}, "list": [{"k": 1}]}, "spec": {"size": 1}});
    assert_eq!(
        stored(&owned(typed, &object)),
        json!({
            "f:other": {
                ".": {},
                "f:map": {".": {}, "f:k": {}},
                "f:list": {},
            },
            "f:spec": {"f:size": {}},
        })
    );
    assert_eq!(validate(typed, &object), Ok(()));
    let turned = json!({"other": {"map": ["k"], "list": {"k": 1}}, "spec": {"size": 1}});
    let changes = compare(typed, &object, &turned);
    let other = |fields: Value| json!({"f:other": fields});
    assert_eq!(
        stored(&changes.modified),
        other(json!({"f:map": {}, "f:list": {}}))
    );
    assert_eq!(
        stored(&changes.removed),
        other(json!({"f:map": {"f:k": {}}}))
    );
    assert_eq!(
        stored(&changes.added),
        other(json!({"f:list": {"f:k": {}}}))
    );
}

#[test]
fn stored_values_of_the_wrong_kind_are_owned_as_a_whole() {
    let object = pod(json!({
        "containers": [{"image": "no name"}, {"name": "c"}],
        "volumes": "none",
        "securityContext": 7,
    }));
    let typed = typed("", "Pod");
    let fields = json!({"f:containers": {}, "f:volumes": {}, "f:securityContext": {}});
    assert_eq!(stored(&owned(typed, &object)), json!({"f:spec": fields}));
    let mended = pod(json!({"containers": [{"name": "c"}], "volumes": [], "securityContext": {}}));
    let changes = compare(typed, &object, &mended);
    assert_eq!(stored(&changes.modified), json!({"f:spec": fields}));
    let mut merged = object;
    merge(typed, &mut merged, &mended);
    assert_eq!(merged, mended);
}

#[test]
fn changes_are_told_apart() {
    let typed = typed("apps", "Deployment");
    let before = json!({"spec": {
        "replicas": 1,
        "minReadySeconds": 5,
        "strategy": {"rollingUpdate": {"maxSurge": 1}},
        "template": {"spec": {"containers": [
            {"name": "gone", "image": "g"},
            {"name": "web", "image": "w:1", "ports": [{"containerPort": 80}]},
        ]}},
    }});
    let after = json!({"spec": {
        "replicas": 2.0,
        "minReadySeconds": 5.0,
        "strategy": {},
        "template": {"spec": {"containers": [
            {"name": "web", "image": "w:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"name": "new"},
        ]}},
    }});
    let changes = compare(typed, &before, &after);
    let in_containers =
        |fields: Value| json!({"f:spec": {"f:template": {"f:spec": {"f:containers": fields}}}});
    assert_eq!(
        stored(&changes.added),
        in_containers(json!({
            "k:{\"name\":\"new\"}": {".": {}, "f:name": {}},
            "k:{\"name\":\"web\"}": {"f:ports": {
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {"f:protocol": {}},
            }},
        }))
    );
    assert_eq!(
        stored(&changes.modified),
        json!({"f:spec": {"f:replicas": {}}})
    );
    let mut removed = in_containers(json!({
        "k:{\"name\":\"gone\"}": {".": {}, "f:name": {}, "f:image": {}},
    }));
    removed["f:spec"]["f:strategy"] = json!({"f:rollingUpdate": {".": {}, "f:maxSurge": {}}});
    assert_eq!(stored(&changes.removed), removed);
    assert!(compare(typed, &before, &before).is_empty());
}

#[test]
fn a_map_that_empties_changes_nothing_but_its_keys() {
    let typed = typed("", "ConfigMap");
    let full = json!({"data": {"k": "v"}});
    for empty in [json!({}), Value::Null] {
        let empty = json!({"data": empty});
        let changes = compare(typed, &full, &empty);
        assert_eq!(stored(&changes.removed), json!({"f:data": {"f:k": {}}}));
        assert!(changes.modified.is_empty() && changes.added.is_empty());
        let back = compare(typed, &empty, &full);
        assert_eq!(stored(&back.added), json!({"f:data": {"f:k": {}}}));
    }
    let changes = compare(typed, &json!({"data": {}}), &json!({"data": null}));
    assert_eq!(
        stored(&changes.modified),
        json!({"f:data": {}}),
        "empty and null differ"
    );
}

#[test]
fn duplicates_are_compared_together() {
    let typed = typed("", "Pod");
    let env = |env: Value| pod(json!({"containers": [{"name": "c", "env": env}]}));
    let [a1, a2] = ["1", "2"].map(|value| json!({"name": "A", "value": value}));
    let element = |fields: Value| {
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {"f:env": {
            "k:{\"name\":\"A\"}": fields,
        }}}}})
    };
    let (one, two) = (env(json!([a1])), env(json!([a1, a2])));
    let swapped = env(json!([a2, a1]));
    assert_eq!(
        stored(&compare(typed, &two, &swapped).modified),
        element(json!({}))
    );
    let doubled = compare(typed, &one, &two);
    assert_eq!(stored(&doubled.added), element(json!({})));
    let parts = json!({".": {}, "f:name": {}, "f:value": {}});
    assert_eq!(stored(&doubled.removed), element(parts.clone()));
    let single = compare(typed, &two, &one);
    assert_eq!(stored(&single.added), element(parts));
    assert_eq!(stored(&single.removed), element(json!({})));
    assert_eq!(
        stored(&compare(typed, &two, &env(json!([]))).removed),
        element(json!({}))
    );
}

#[test]
fn removing_takes_members_whole_and_goes_into_others() {
    let typed = typed("", "Pod");
    let mut object = json!({
        "metadata": {"finalizers": ["x", "y"], "labels": {"a": "1"}},
        "spec": {
            "containers": [
                {"name": "a", "image": "i"},
                {"name": "b", "image": "i", "ports": [{"containerPort": 1}]},
            ],
            "nodeSelector": {"k": "v"},
        },
    });
    let set = json!({
        "f:metadata": {"f:finalizers": {"v:\"x\"": {}}, "f:labels": {"f:a": {}}},
        "f:spec": {
            "f:containers": {
                "k:{\"name\":\"a\"}": {},
                "k:{\"name\":\"b\"}": {"f:image": {}, "f:ports": {
                    "k:{\"containerPort\":1,\"protocol\":\"TCP\"}": {"f:containerPort": {}},
                }},
            },
            "f:nodeSelector": {"f:k": {}},
            "f:absent": {},
        },
    });
    remove(typed, &mut object, &fields_v1::decode(&set).unwrap());
    assert_eq!(
        object,
        json!({
            "metadata": {"finalizers": ["y"], "labels": {}},
            "spec": {
                "containers": [{"name": "b", "ports": [{}]}],
                "nodeSelector": {"k": "v"},
            },
        }),
        "a part of a whole is not taken"
    );
}

#[test]
fn declared_fields_around_a_set_become_members() {
    let set = json!({
        "f:metadata": {"f:labels": {"f:a": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {"f:resources": {"f:limits": {"f:cpu": {}}}}}},
        "f:undeclared": {"f:x": {}},
    });
    let named = with_named(typed("", "Pod"), fields_v1::decode(&set).unwrap());
    assert_eq!(
        stored(&named),
        json!({
            "f:metadata": {".": {}, "f:labels": {".": {}, "f:a": {}}},
            "f:spec": {".": {}, "f:containers": {".": {}, "k:{\"name\":\"c\"}": {
                "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}},
            }}},
            "f:undeclared": {"f:x": {}},
        })
    );
}

#[test]
fn faults_are_worded_as_upstream_words_them() {
    let faults = |spec: Value| {
        validate(typed("", "Pod"), &pod(spec))
            .unwrap_err()
            .to_string()
    };
    for (spec, text) in [
        (
            json!({"containers": {}}),
            ".spec.containers: expected list, got &{map[]}",
        ),
        (
            json!({"containers": "x"}),
            ".spec.containers: expected list, got &{x}",
        ),
        (
            json!({"securityContext": [1, "a"]}),
            ".spec.securityContext: expected map, got &{[1 a]}",
        ),
        (
            json!({"securityContext": {"runAsNonRoot": "yes"}}),
            ".spec.securityContext.runAsNonRoot: expected boolean, got &{yes}",
        ),
        (
            json!({"terminationGracePeriodSeconds": {"a": null}}),
            ".spec.terminationGracePeriodSeconds: expected numeric (int or float), got map[string]interface {}",
        ),
        (
            json!({"serviceAccountName": {"a": ["b"]}}),
            ".spec.serviceAccountName: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"a\":[]interface {}{\"b\"}}}",
        ),
        (
            json!({"tolerations": [{"key": true}]}),
            ".spec.tolerations[0].key: expected string, got &value.valueUnstructured{Value:true}",
        ),
        (
            json!({"containers": [null]}),
            ".spec.containers: element 0: associative list with keys may not have a null element",
        ),
        (
            json!({"containers": ["c"]}),
            ".spec.containers: element 0: associative list with keys may not have non-map elements",
        ),
        (
            json!({"containers": [{"name": "c", "resources": {"limits": {"cpu": []}}}]}),
            ".spec.containers[name=\"c\"].resources.limits.cpu: expected any scalar, got &{[]}",
        ),
    ] {
        assert_eq!(faults(spec), text);
    }
    let in_set = |item: Value| {
        let object = json!({"metadata": {"finalizers": [item]}});
        validate(typed("", "Pod"), &object).unwrap_err().to_string()
    };
    let path = ".metadata.finalizers: element 0: ";
    let text = "associative list without keys has an element that's a map type";
    assert_eq!(in_set(json!({})), format!("{path}{text}"));
    let text = "not supported: associative list with lists as elements";
    assert_eq!(in_set(json!([])), format!("{path}{text}"));
    let text = "associative list without keys has an element that's an explicit null";
    assert_eq!(in_set(Value::Null), format!("{path}{text}"));
    assert_eq!(
        validate(typed("", "Pod"), &json!([]))
            .unwrap_err()
            .to_string(),
        "expected map, got &{[]}"
    );
}

#[test]
fn a_hundred_faults_are_enough() {
    let labels: Value = (0..1_000).map(|at| (format!("l{at}"), json!(at))).collect();
    let faults = validate(typed("", "Pod"), &json!({"metadata": {"labels": labels}}));
    assert_eq!(faults.unwrap_err().0.len(), 100);
}

#[test]
fn long_lists_merge_in_a_moment() {
    let containers = |names: &mut dyn Iterator<Item = usize>| {
        let list: Vec<_> = names.map(|at| json!({"name": at.to_string()})).collect();
        pod(json!({"containers": list}))
    };
    // New elements first, then the live ones backwards.
    let live = containers(&mut (0..20_000));
    let config = containers(&mut (20_000..40_000).chain((0..20_000).rev()));
    let mut merged = live;
    merge(typed("", "Pod"), &mut merged, &config);
    assert_eq!(
        merged["spec"]["containers"].as_array().unwrap().len(),
        40_000
    );
    let path = Path(vec![
        Element::field("spec"),
        Element::field("containers"),
        Element::key([("name".into(), json!("39999"))]),
    ]);
    assert!(owned(typed("", "Pod"), &merged).has(&path));
}
