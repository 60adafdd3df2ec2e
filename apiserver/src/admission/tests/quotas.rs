//! Quotas.

use super::*;

/// A quota that says what is allowed, and that nothing is used yet.
pub(super) fn a_quota(hard: Value) -> Value {
    let names = hard.as_object().expect("an object").keys();
    let used: serde_json::Map<String, Value> =
        names.map(|name| (name.clone(), json!("0"))).collect();
    json!({
        "metadata": {"name": "q", "namespace": "ns"},
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": used},
    })
}

fn world(hard: Value) -> World {
    let world = World::new();
    world.put("resourcequotas", "ns", a_quota(hard));
    world
}

fn used(world: &World) -> Value {
    let quota = world.stored("resourcequotas", "ns", "q").expect("a quota");
    quota["status"]["used"].clone()
}

fn with(name: &str, resources: Value) -> Value {
    let mut pod = a_pod(name);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

#[test]
fn the_last_place_is_taken_once() {
    let world = world(json!({"pods": "1"}));
    world.create("pods", a_pod("x")).expect("a place");
    assert_eq!(used(&world), json!({"pods": "1"}));
    let failure = world.create("pods", a_pod("y")).expect_err("no place");
    assert_eq!(failure.code(), 403);
    assert_eq!(
        failure.message,
        "pods \"y\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    );
    assert_eq!(used(&world), json!({"pods": "1"}));
}

#[test]
fn of_two_at_the_same_time_one_is_asked_again() {
    let world = world(json!({"pods": "1"}));
    let (mut first, mut second) = (creation("pods", a_pod("x")), creation("pods", a_pod("y")));
    let places = [world.ask(&mut first), world.ask(&mut second)];
    let [Ok(one), Ok(other)] = places else {
        panic!("both see the free place: {places:?}");
    };
    assert!(world.commit(&first, one));
    assert!(!world.commit(&second, other), "somebody was faster");
    assert_eq!(world.stored("pods", "ns", "y"), None);
    assert_eq!(world.ask(&mut second).expect_err("no place").code(), 403);
    assert_eq!(used(&world), json!({"pods": "1"}));
}

#[test]
fn nothing_slips_in_behind_the_first_count() {
    let uncounted = |status: Value| {
        let mut quota = a_quota(json!({"pods": "1"}));
        quota["status"] = status;
        quota
    };
    let world = World::new();
    world.put("resourcequotas", "ns", uncounted(json!({})));
    let mut first = creation("pods", a_pod("x"));
    let admitted = world.ask(&mut first).expect("nothing counts yet");
    let mut other = creation(
        "configmaps",
        json!({"metadata": {"name": "m", "namespace": "ns"}}),
    );
    let unguarded = world.ask(&mut other).expect("nothing counts it ever");
    let counts = json!({"hard": {"pods": "1"}, "used": {}});
    world.put("resourcequotas", "ns", uncounted(counts));
    assert!(!world.commit(&first, admitted), "the quota counts by now");
    assert!(world.commit(&other, unguarded));
    let failure = world
        .ask(&mut first)
        .expect_err("nobody knows what is used");
    assert_eq!(
        failure.message,
        "pods \"x\" is forbidden: status unknown for quota: q, resources: pods"
    );
}

#[test]
fn processors_and_memory_add_up() {
    let world = world(json!({"requests.cpu": "2", "limits.memory": "1Gi"}));
    let pod = |name: &str, cpu: &str, memory: &str| {
        with(
            name,
            json!({"requests": {"cpu": cpu}, "limits": {"memory": memory}}),
        )
    };
    world
        .create("pods", pod("x", "500m", "512Mi"))
        .expect("a place");
    world
        .create("pods", pod("y", "500m", "256Mi"))
        .expect("a place");
    assert_eq!(
        used(&world),
        json!({"requests.cpu": "1", "limits.memory": "768Mi"})
    );
    assert_eq!(
        world
            .create("pods", pod("z", "1500m", "512Mi"))
            .expect_err("too much")
            .message,
        "pods \"z\" is forbidden: exceeded quota: q, requested: limits.memory=512Mi,requests.cpu=1500m, used: limits.memory=768Mi,requests.cpu=1, limited: limits.memory=1Gi,requests.cpu=2"
    );
}

#[test]
fn containers_have_to_say_what_is_counted() {
    let world = world(json!({"requests.cpu": "2", "limits.memory": "1Gi"}));
    assert_eq!(
        world
            .create("pods", a_pod("x"))
            .expect_err("says nothing")
            .message,
        "pods \"x\" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c"
    );
}

#[test]
fn a_quota_without_counters_lets_nothing_through() {
    let world = World::new();
    let mut quota = a_quota(json!({"pods": "1"}));
    quota["status"]["used"] = json!({});
    world.put("resourcequotas", "ns", quota.clone());
    assert_eq!(
        world
            .create("pods", a_pod("x"))
            .expect_err("not counted yet")
            .message,
        "pods \"x\" is forbidden: status unknown for quota: q, resources: pods"
    );
    quota["status"] = json!({});
    world.put("resourcequotas", "ns", quota);
    world.create("pods", a_pod("x")).expect("not in force yet");
}

#[test]
fn objects_are_counted() {
    let world =
        world(json!({"count/deployments.apps": "1", "configmaps": "1", "count/secrets": "0"}));
    world
        .create("deployments.apps", json!({}))
        .expect("a place");
    world.create("configmaps", json!({})).expect("a place");
    world
        .create("replicasets.apps", json!({}))
        .expect("not counted");
    assert_eq!(
        used(&world),
        json!({"count/deployments.apps": "1", "configmaps": "1", "count/secrets": "0"})
    );
    assert_eq!(
        world
            .create("secrets", json!({}))
            .expect_err("none allowed")
            .message,
        "secrets \"x\" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=0, limited: count/secrets=0"
    );
}

#[test]
fn services_and_claims_are_counted_by_what_they_take() {
    let world = world(json!({
        "services": "9",
        "services.nodeports": "2",
        "services.loadbalancers": "1",
        "requests.storage": "3Gi",
        "fast.storageclass.storage.k8s.io/requests.storage": "2Gi",
    }));
    let service = |kind: &str, ports: Value| json!({"spec": {"type": kind, "ports": ports}});
    world
        .create("services", service("NodePort", json!([{"port": 1}])))
        .expect("a place");
    let old = service("NodePort", json!([{"port": 1}]));
    let new = service("LoadBalancer", json!([{"port": 1}, {"port": 2}]));
    let mut change = update("services", old, new);
    let admitted = world.ask(&mut change).expect("a place");
    assert!(world.commit(&change, admitted));
    let claim = json!({"spec": {
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "2Gi"}},
    }});
    world
        .create("persistentvolumeclaims", claim.clone())
        .expect("a place");
    assert_eq!(
        used(&world),
        json!({
            "services": "1",
            "services.nodeports": "2",
            "services.loadbalancers": "1",
            "requests.storage": "2Gi",
            "fast.storageclass.storage.k8s.io/requests.storage": "2Gi",
        })
    );
    assert_eq!(
        world
            .create("persistentvolumeclaims", claim)
            .expect_err("too much")
            .message,
        "persistentvolumeclaims \"x\" is forbidden: exceeded quota: q, requested: fast.storageclass.storage.k8s.io/requests.storage=2Gi,requests.storage=2Gi, used: fast.storageclass.storage.k8s.io/requests.storage=2Gi,requests.storage=2Gi, limited: fast.storageclass.storage.k8s.io/requests.storage=2Gi,requests.storage=3Gi"
    );
}

#[test]
fn scopes_pick_pods() {
    let best_effort = || a_pod("x");
    let paid = || with("x", json!({"requests": {"cpu": "1"}}));
    let ending = || {
        let mut pod = a_pod("x");
        pod["spec"]["activeDeadlineSeconds"] = json!(5);
        pod
    };
    let classed = || {
        let mut pod = a_pod("x");
        pod["spec"]["priorityClassName"] = json!("high");
        pod
    };
    let in_class = json!({"matchExpressions": [
        {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]},
    ]});
    let scopes = |scope: &str| json!({"scopes": [scope]});
    for (spec, inside, outside) in [
        (scopes("BestEffort"), best_effort(), paid()),
        (scopes("NotBestEffort"), paid(), best_effort()),
        (scopes("Terminating"), ending(), best_effort()),
        (scopes("NotTerminating"), best_effort(), ending()),
        (json!({"scopeSelector": in_class}), classed(), best_effort()),
    ] {
        let world = World::new();
        let class = json!({"metadata": {"name": "high"}, "value": 1});
        world.put("priorityclasses.scheduling.k8s.io", "", class);
        let mut quota = a_quota(json!({"pods": "0"}));
        for (field, value) in spec.as_object().expect("an object") {
            quota["spec"][field] = value.clone();
        }
        world.put("resourcequotas", "ns", quota);
        assert_eq!(
            world.create("pods", inside).expect_err("counted").code(),
            403,
            "{spec}"
        );
        world.create("pods", outside).expect("not counted");
    }
}

#[test]
fn every_quota_is_asked() {
    let world = world(json!({"pods": "5"}));
    let mut other = a_quota(json!({"pods": "0"}));
    other["metadata"]["name"] = json!("r");
    world.put("resourcequotas", "ns", other);
    let failure = world
        .create("pods", a_pod("x"))
        .expect_err("the other has no place");
    assert!(
        failure.message.contains("exceeded quota: r"),
        "{}",
        failure.message
    );
    assert_eq!(used(&world), json!({"pods": "0"}));
}

#[test]
fn a_pod_that_is_resized_takes_what_it_grows_by_and_no_more_than_there_is() {
    let world = world(json!({"pods": "5", "requests.cpu": "1"}));
    let cpu = |cpu: &str| with("x", json!({"requests": {"cpu": cpu}}));
    world.create("pods", cpu("500m")).expect("room");
    let resize = |from: &str, to: &str| {
        let mut request = update("pods", cpu(from), cpu(to));
        request.target.subresource = "resize".to_owned();
        request
    };
    let mut grown = resize("500m", "800m");
    let admitted = world.ask(&mut grown).expect("room");
    assert!(world.commit(&grown, admitted));
    assert_eq!(used(&world), json!({"pods": "1", "requests.cpu": "800m"}));
    assert_eq!(
        world.refuse(resize("800m", "1100m")).message,
        "pods \"x\" is forbidden: exceeded quota: q, requested: requests.cpu=300m, \
         used: requests.cpu=800m, limited: requests.cpu=1"
    );
    // What is given back is found out by who counts, and of other parts nothing is asked.
    let mut shrunk = resize("800m", "100m");
    assert_eq!(world.ask(&mut shrunk), Ok(Admitted::default()));
    let mut status = resize("500m", "9");
    status.target.subresource = "status".to_owned();
    assert_eq!(world.ask(&mut status), Ok(Admitted::default()));
}
