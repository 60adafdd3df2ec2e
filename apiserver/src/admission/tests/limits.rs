//! LimitRanges.

use super::*;

fn world(limits: Value) -> World {
    let world = World::new();
    let range = json!({"metadata": {"name": "l", "namespace": "ns"}, "spec": {"limits": limits}});
    world.put("limitranges", "ns", range);
    world
}

fn with(resources: Value) -> AdmissionRequest {
    let mut pod = a_pod("x");
    pod["spec"]["containers"][0]["resources"] = resources;
    creation("pods", pod)
}

/// The message without its beginning.
fn why(world: &World, request: AdmissionRequest) -> String {
    let failure = world.refuse(request);
    assert_eq!(failure.code(), 403);
    let (_, why) = failure
        .message
        .split_once(" is forbidden: ")
        .expect("a reason");
    why.to_owned()
}

#[test]
fn containers_get_defaults_and_the_pod_says_so() {
    let world = world(json!([{
        "type": "Container",
        "default": {"cpu": "2", "memory": "1Gi"},
        "defaultRequest": {"cpu": "1"},
    }]));
    let pod = world.admit(with(json!({"requests": {"cpu": "500m"}})));
    assert_eq!(
        pod["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "2", "memory": "1Gi"}})
    );
    assert_eq!(
        pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu, memory limit for container c"
    );
    let pod = world.admit(with(json!({})));
    assert_eq!(
        pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c"
    );
    let full = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "1"}});
    let pod = world.admit(with(full.clone()));
    assert_eq!(pod["spec"]["containers"][0]["resources"], full);
    assert_eq!(pod["metadata"].get("annotations"), None);
}

#[test]
fn a_minimum() {
    let world = world(json!([{"type": "Container", "min": {"cpu": "100m"}}]));
    world.admit(with(json!({"requests": {"cpu": "100m"}})));
    assert_eq!(
        why(&world, with(json!({}))),
        "minimum cpu usage per Container is 100m.  No request is specified"
    );
    assert_eq!(
        why(&world, with(json!({"requests": {"cpu": "50m"}}))),
        "minimum cpu usage per Container is 100m, but request is 50m"
    );
    assert_eq!(
        why(
            &world,
            with(json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "60m"}}))
        ),
        "minimum cpu usage per Container is 100m, but limit is 60m"
    );
}

#[test]
fn a_maximum() {
    let world = world(json!([{"type": "Container", "max": {"cpu": "1", "memory": "1Gi"}}]));
    world.admit(with(json!({"limits": {"cpu": "1", "memory": "1Gi"}})));
    assert_eq!(
        why(&world, with(json!({"limits": {"cpu": "1"}}))),
        "maximum memory usage per Container is 1Gi.  No limit is specified"
    );
    assert_eq!(
        why(
            &world,
            with(json!({"limits": {"cpu": "2", "memory": "2Gi"}}))
        ),
        "[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]"
    );
}

#[test]
fn a_ratio() {
    let world = world(json!([{"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}]));
    world.admit(with(
        json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}),
    ));
    assert_eq!(
        why(
            &world,
            with(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}))
        ),
        "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"
    );
    assert_eq!(
        why(&world, with(json!({"limits": {"cpu": "3"}}))),
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"
    );
    assert_eq!(
        why(&world, with(json!({"requests": {"cpu": "3"}}))),
        "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"
    );
}

#[test]
fn a_pod_is_all_its_containers() {
    let world = world(json!([{"type": "Pod", "max": {"cpu": "3"}}]));
    let pod = |first: &str, second: &str, before: &str| {
        let container = |name: &str, cpu: &str| json!({"name": name, "resources": {"limits": {"cpu": cpu}, "requests": {"cpu": cpu}}});
        let mut pod = a_pod("x");
        pod["spec"]["containers"] = json!([container("a", first), container("b", second)]);
        pod["spec"]["initContainers"] = json!([container("i", before)]);
        creation("pods", pod)
    };
    world.admit(pod("1", "2", "3"));
    let message = "maximum cpu usage per Pod is 3, but limit is 4";
    assert_eq!(why(&world, pod("2", "2", "1")), message);
    assert_eq!(why(&world, pod("1", "1", "4")), message);
}

#[test]
fn claims() {
    let world = world(json!([{
        "type": "PersistentVolumeClaim",
        "min": {"storage": "1Gi"},
        "max": {"storage": "2Gi"},
    }]));
    let claim = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
    world.admit(creation("persistentvolumeclaims", claim("1Gi")));
    assert_eq!(
        why(&world, creation("persistentvolumeclaims", claim("512Mi"))),
        "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi"
    );
    let grown = || update("persistentvolumeclaims", claim("1Gi"), claim("3Gi"));
    assert_eq!(
        why(&world, grown()),
        "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"
    );
    let mut going = grown();
    let object = going.object.as_mut().expect("an object");
    object["metadata"]["deletionTimestamp"] = json!("2025-01-01T00:00:00Z");
    world.admit(going);
}
