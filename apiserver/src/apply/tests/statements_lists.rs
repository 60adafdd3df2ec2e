//! The contract of server-side apply: lists and maps.

use super::world::{World, core, deployment};
use crate::apply::path::{Element, Path};
use serde_json::{Value, json};

fn containers(list: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": list}}}))
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[test]
fn statement_76_elements_of_two_managers_live_side_by_side() {
    let mut world = World::deployment();
    world
        .apply("app", &containers(json!([{"name": "web", "image": "w:1"}])))
        .unwrap();
    world
        .apply(
            "mesh",
            &containers(json!([{"name": "proxy", "image": "p:1"}])),
        )
        .unwrap();
    world
        .apply("app", &containers(json!([{"name": "web", "image": "w:2"}])))
        .unwrap();
    assert_eq!(
        world.live()["spec"]["template"]["spec"]["containers"],
        json!([{"name": "web", "image": "w:2"}, {"name": "proxy", "image": "p:1"}])
    );
    world.apply("mesh", &containers(json!([]))).unwrap();
    assert_eq!(
        world.live()["spec"]["template"]["spec"]["containers"],
        json!([{"name": "web", "image": "w:2"}])
    );
    assert_eq!(world.owners(), ["app"]);
}

#[test]
fn statement_76_one_managers_fields_within_anothers_element_stay() {
    let mut world = World::deployment();
    world
        .apply("app", &containers(json!([{"name": "web", "image": "w:1"}])))
        .unwrap();
    let env = json!([{"name": "web", "env": [{"name": "DEBUG", "value": "1"}]}]);
    world.apply("debugger", &containers(env)).unwrap();
    world.apply("app", &containers(json!([]))).unwrap();
    assert_eq!(
        world.live()["spec"]["template"]["spec"]["containers"],
        json!([{"name": "web", "env": [{"name": "DEBUG", "value": "1"}]}]),
        "the element is shared, the image was not"
    );
}

#[test]
fn statement_76_an_absent_protocol_is_tcp() {
    let service = |ports: Value| core("Service", json!({"spec": {"ports": ports}}));
    let mut world = World::of("v1", "Service");
    let dns = json!([{"port": 53, "targetPort": 53}, {"port": 53, "protocol": "UDP"}]);
    world.apply("a", &service(dns)).unwrap();
    assert_eq!(world.live()["spec"]["ports"].as_array().unwrap().len(), 2);
    let tcp = "k:{\"port\":53,\"protocol\":\"TCP\"}";
    let udp = "k:{\"port\":53,\"protocol\":\"UDP\"}";
    let owned = json!({"f:spec": {"f:ports": {
        tcp: {".": {}, "f:port": {}, "f:targetPort": {}},
        udp: {".": {}, "f:port": {}, "f:protocol": {}},
    }}});
    assert_eq!(world.applied_by("a"), owned);

    // The same port, with and without the default.
    let named = service(json!([{"port": 53, "protocol": "TCP", "name": "dns-tcp"}]));
    world.apply("b", &named).unwrap();
    assert_eq!(
        world.live()["spec"]["ports"],
        json!([
            {"port": 53, "targetPort": 53, "protocol": "TCP", "name": "dns-tcp"},
            {"port": 53, "protocol": "UDP"},
        ])
    );
    assert_eq!(
        world.conflict("c", &service(json!([{"port": 53, "targetPort": "other"}]))),
        "Apply failed with 1 conflict: conflict with \"a\": .spec.ports[port=53,protocol=\"TCP\"].targetPort"
    );

    let twice = service(json!([{"port": 80}, {"port": 80, "protocol": "TCP"}]));
    let refused = world.apply("c", &twice).unwrap_err().to_string();
    let text = ".spec.ports: duplicate entries for key [port=80,protocol=\"TCP\"]";
    assert!(refused.ends_with(text), "{refused}");
    let refused = world
        .apply("c", &service(json!([{"name": "x"}])))
        .unwrap_err()
        .to_string();
    let text = ".spec.ports: element 0: associative list with keys has an element that omits key field \"port\" (and doesn't have default value)";
    assert!(refused.ends_with(text), "{refused}");
}

#[test]
fn statement_76_the_result_has_the_order_of_the_configuration() {
    let named = |names: &[&str]| {
        containers(
            names
                .iter()
                .map(|name| json!({"name": name, "image": "i"}))
                .collect(),
        )
    };
    let cases: [(&[&str], &[&str], &[&str]); 6] = [
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&["a", "x", "b"], &["b", "a"], &["x", "b", "a"]),
        (&["x", "a"], &["n", "a", "m"], &["x", "n", "a", "m"]),
        (&["x", "y"], &["a", "b"], &["x", "y", "a", "b"]),
        (
            &["a", "x", "b", "y"],
            &["a", "n", "b"],
            &["a", "x", "n", "b", "y"],
        ),
        (&["a", "b"], &["b", "n", "a"], &["b", "n", "a"]),
    ];
    for (live, config, expected) in cases {
        let mut world = World::deployment();
        world.put("creator", named(live));
        world.apply("m", &named(config)).unwrap();
        let result = &world.live()["spec"]["template"]["spec"]["containers"];
        assert_eq!(names(result), expected, "{config:?} on {live:?}");
    }
}

#[test]
fn statement_77_a_set_gives_up_one_value_and_keeps_the_others() {
    let with = |finalizers: Value| {
        let mut config = core("ConfigMap", json!({}));
        config["metadata"]["finalizers"] = finalizers;
        config
    };
    let mut world = World::of("v1", "ConfigMap");
    world.apply("a", &with(json!(["x/a", "x/both"]))).unwrap();
    world.apply("b", &with(json!(["x/b", "x/both"]))).unwrap();
    world.apply("a", &with(json!(["x/a2"]))).unwrap();
    assert_eq!(
        world.live()["metadata"]["finalizers"],
        json!(["x/b", "x/both", "x/a2"])
    );
    assert_eq!(
        world.applied_by("a"),
        json!({"f:metadata": {"f:finalizers": {"v:\"x/a2\"": {}}}})
    );
}

#[test]
fn statement_77_atomic_lists_maps_and_structures_are_owned_as_a_whole() {
    let pod = |spec: Value| core("Pod", json!({"spec": spec}));
    let mut world = World::pod();
    let spec = json!({
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "containers": [{"name": "c", "args": ["--v=2"]}],
    });
    world.apply("a", &pod(spec)).unwrap();
    assert_eq!(
        world.applied_by("a"),
        json!({"f:spec": {
            "f:nodeSelector": {},
            "f:tolerations": {},
            "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:args": {}}},
        }})
    );
    for (change, path) in [
        (json!({"nodeSelector": {"zone": "z"}}), ".spec.nodeSelector"),
        (json!({"tolerations": [{"key": "b"}]}), ".spec.tolerations"),
        (
            json!({"containers": [{"name": "c", "args": []}]}),
            ".spec.containers[name=\"c\"].args",
        ),
    ] {
        let text = format!("Apply failed with 1 conflict: conflict with \"a\": {path}");
        assert_eq!(world.conflict("b", &pod(change)), text);
    }
    world
        .force("b", &pod(json!({"nodeSelector": {"zone": "z"}})))
        .unwrap();
    assert_eq!(world.live()["spec"]["nodeSelector"], json!({"zone": "z"}));

    let mut world = World::deployment();
    let selector = |labels: Value| deployment(json!({"selector": {"matchLabels": labels}}));
    world.apply("a", &selector(json!({"app": "x"}))).unwrap();
    let conflict = world.conflict("b", &selector(json!({"tier": "y"})));
    assert!(conflict.ends_with(": .spec.selector"), "{conflict}");
}

#[test]
fn statement_81_a_live_object_with_duplicates_can_be_read_and_applied_to() {
    let doubled = json!([
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
        {"name": "A", "value": "3"},
    ]);
    let with_env = |env: Value| containers(json!([{"name": "web", "env": env}]));
    let env_of =
        |world: &World| world.live()["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    let mut world = World::deployment();
    world.put("old-client", with_env(doubled.clone()));
    let entry = &world.managers().entries.into_values().next().unwrap();
    let mut path = Path::fields(&["spec", "template", "spec", "containers"]);
    path.0.push(Element::key([("name".into(), json!("web"))]));
    path.0.push(Element::field("env"));
    path.0.push(Element::key([("name".into(), json!("A"))]));
    assert!(entry.fields.has(&path), "the double is owned as a whole");
    path.0.push(Element::field("value"));
    assert!(!entry.fields.has(&path));

    // Somebody else's element leaves them as they are.
    world
        .apply("m", &with_env(json!([{"name": "C", "value": "4"}])))
        .unwrap();
    let mut expected = doubled;
    expected
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "C", "value": "4"}));
    assert_eq!(env_of(&world), expected);

    // Naming the double conflicts; by force it becomes one element.
    let one = with_env(json!([{"name": "A", "value": "5"}, {"name": "C", "value": "4"}]));
    let conflict = world.conflict("m", &one);
    assert!(
        conflict.contains("conflict with \"old-client\" using apps/v1: "),
        "{conflict}"
    );
    world.force("m", &one).unwrap();
    assert_eq!(
        env_of(&world),
        json!([
            {"name": "A", "value": "5"},
            {"name": "B", "value": "2"},
            {"name": "C", "value": "4"},
        ])
    );
}

#[test]
fn a_null_takes_a_value_away_but_not_the_parts_of_a_map() {
    let mut world = World::of("v1", "ConfigMap");
    world.put(
        "creator",
        core("ConfigMap", json!({"data": {"k": "v"}, "immutable": true})),
    );
    let nulls = core("ConfigMap", json!({"data": null, "immutable": null}));
    world.force("m", &nulls).unwrap();
    assert_eq!(world.live()["data"], json!({"k": "v"}));
    assert_eq!(world.live()["immutable"], Value::Null);
    assert_eq!(
        world.applied_by("m"),
        json!({"f:data": {}, "f:immutable": {}})
    );
    let version = world.resource_version;
    world.apply("m", &nulls).unwrap();
    assert_eq!(world.resource_version, version);
}

#[test]
fn an_empty_list_takes_all_elements_away_and_stays() {
    let with = |finalizers: Value| {
        let mut config = core("ConfigMap", json!({"immutable": false}));
        config["metadata"]["finalizers"] = finalizers;
        config
    };
    let mut world = World::of("v1", "ConfigMap");
    world.apply("m", &with(json!(["x/a"]))).unwrap();
    world.apply("m", &with(json!([]))).unwrap();
    assert_eq!(world.live()["metadata"]["finalizers"], json!([]));
    let version = world.resource_version;
    world.apply("m", &with(json!([]))).unwrap();
    assert_eq!(
        world.resource_version, version,
        "the same again changes nothing"
    );
}
