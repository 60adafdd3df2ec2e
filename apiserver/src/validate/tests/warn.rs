//! What is let in and yet told.

use crate::schema::Gvk;
use crate::validate::warn::{of_change, of_new};
use serde_json::{Value, json};

fn gvk(group: &str, kind: &str) -> Gvk {
    Gvk {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
    }
}

/// What is told of a new Pod with this spec.
fn told(spec: Value) -> Vec<String> {
    let pod = json!({"metadata": {"name": "p"}, "spec": spec});
    of_new(&gvk("", "Pod"), &pod)
}

#[test]
fn a_pod_with_nothing_odd_is_not_told_of() {
    let spec = json!({
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "terminationGracePeriodSeconds": 0,
        "imagePullSecrets": [{"name": "a"}, {"name": "b"}],
        "containers": [{
            "name": "c",
            "resources": {"requests": {"memory": "1Gi", "cpu": "100m"}},
            "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}],
            "ports": [
                {"containerPort": 53, "protocol": "UDP"},
                {"containerPort": 53, "protocol": "TCP"},
            ],
        }],
    });
    assert_eq!(told(spec), [""; 0]);
}

#[test]
fn old_labels_of_nodes_are_told() {
    let term = json!({"matchExpressions": [
        {"key": "kubernetes.io/os", "operator": "Exists"},
        {"key": "beta.kubernetes.io/os", "operator": "Exists"},
    ]});
    let spec = json!({
        "nodeSelector": {"beta.kubernetes.io/arch": "amd64"},
        "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}],
        }},
        "topologySpreadConstraints": [
            {"topologyKey": "failure-domain.beta.kubernetes.io/zone", "labelSelector": {}},
            {"topologyKey": "topology.kubernetes.io/zone"},
        ],
    });
    let affinity = "spec.affinity.nodeAffinity";
    let during = "DuringSchedulingIgnoredDuringExecution";
    let os = "is deprecated since v1.14; use \"kubernetes.io/os\" instead";
    let expected = [
        "spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use \
         \"kubernetes.io/arch\" instead"
            .to_owned(),
        format!(
            "{affinity}.required{during}.nodeSelectorTerms[0].matchExpressions[1].key: \
             beta.kubernetes.io/os {os}"
        ),
        format!(
            "{affinity}.preferred{during}[0].preference.matchExpressions[1].key: \
             beta.kubernetes.io/os {os}"
        ),
        "spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is \
         deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
            .to_owned(),
        "spec.topologySpreadConstraints[1].labelSelector: a null labelSelector results in matching no \
         pod"
            .to_owned(),
    ];
    assert_eq!(told(spec), expected);
}

#[test]
fn selectors_of_pods_that_select_nothing_are_told() {
    let spec = json!({"affinity": {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a"}]},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "a", "labelSelector": {}}},
            {"weight": 1, "podAffinityTerm": {"topologyKey": "a"}},
        ]},
    }});
    let nothing = "labelSelector: a null labelSelector results in matching no pod";
    let expected = [
        format!(
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].{nothing}"
        ),
        format!(
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[1].\
             podAffinityTerm.{nothing}"
        ),
    ];
    assert_eq!(told(spec), expected);
}

#[test]
fn what_comes_twice_is_told() {
    let spec = json!({
        "hostAliases": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}],
        "imagePullSecrets": [{"name": "a"}, {"name": "a"}, {"name": ""}],
        "containers": [{"name": "c", "env": [
            {"name": "A", "value": "1"},
            {"name": "A", "value": "2"},
            {"name": "A", "value": "$(A)"},
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "A", "value": "x$(A)"},
        ]}],
    });
    let hides = "hides previous definition of \"A\", which may be dropped when using apply";
    let expected = [
        "spec.hostAliases[1].ip: duplicate ip \"1.1.1.1\"".to_owned(),
        "spec.imagePullSecrets[1].name: duplicate name \"a\"".to_owned(),
        "spec.imagePullSecrets[2].name: invalid empty name \"\"".to_owned(),
        format!("spec.containers[0].env[1]: {hides}"),
        format!("spec.containers[0].env[2]: {hides}"),
        format!("spec.containers[0].env[3]: {hides}"),
    ];
    assert_eq!(told(spec), expected);
}

#[test]
fn ports_in_each_others_way_are_told() {
    let port = |host_ip: &str, host_port: i64| json!({"containerPort": 80, "protocol": "TCP", "hostIP": host_ip, "hostPort": host_port});
    let spec = json!({
        "initContainers": [{"name": "i", "ports": [port("", 0)]}],
        "containers": [
            {"name": "c", "ports": [port("", 0), port("", 8080)]},
            {"name": "d", "ports": [port("127.0.0.1", 8080), port("127.0.0.2", 0)]},
        ],
    });
    let (first, second) = (
        "spec.initContainers[0].ports[0]",
        "spec.containers[0].ports",
    );
    let third = "spec.containers[1].ports";
    let expected = [
        format!("{second}[0]: duplicate port definition with {first}"),
        format!("{second}[1]: overlapping port definition with {first}"),
        format!("{second}[1]: overlapping port definition with {second}[0]"),
        format!("{third}[0]: overlapping port definition with {first}"),
        format!("{third}[0]: overlapping port definition with {second}[0]"),
        format!("{third}[0]: dangerously ambiguous port definition with {second}[1]"),
        format!(
            "{third}[1]: hostIP set without hostPort: {{Name: HostPort:0 ContainerPort:80 \
             Protocol:TCP HostIP:127.0.0.2}}"
        ),
        format!("{third}[1]: overlapping port definition with {first}"),
        format!("{third}[1]: overlapping port definition with {second}[0]"),
        format!("{third}[1]: overlapping port definition with {second}[1]"),
        format!("{third}[1]: overlapping port definition with {third}[0]"),
    ];
    assert_eq!(told(spec), expected);
}

#[test]
fn fractions_of_bytes_and_negative_times_are_told() {
    let spec = json!({
        "overhead": {"memory": "100m"},
        "terminationGracePeriodSeconds": -1,
        "containers": [{"name": "c", "resources": {
            "limits": {"memory": "1500m", "cpu": "1500m"},
            "requests": {"ephemeral-storage": "1m"},
        }}],
        "volumes": [{"name": "v", "gitRepo": {"repository": "r"}}],
    });
    let whole = "is invalid, must be an integer";
    let resources = "spec.containers[0].resources";
    let expected = [
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+".to_owned(),
        format!("spec.overhead[memory]: fractional byte value \"100m\" {whole}"),
        format!("{resources}.limits[memory]: fractional byte value \"1500m\" {whole}"),
        format!("{resources}.requests[ephemeral-storage]: fractional byte value \"1m\" {whole}"),
        "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be \
         treated as 1"
            .to_owned(),
    ];
    assert_eq!(told(spec), expected);
}

/// A workload whose template has annotations that do nothing.
fn workload(generation: i64) -> Value {
    json!({
        "metadata": {"name": "my.name", "generation": generation},
        "spec": {"template": {
            "metadata": {"annotations": {
                "scheduler.alpha.kubernetes.io/critical-pod": "",
                "seccomp.security.alpha.kubernetes.io/pod": "localhost/a",
                "container.seccomp.security.alpha.kubernetes.io/c": "localhost/a",
                "container.apparmor.security.beta.kubernetes.io/c": "runtime/default",
                "container.apparmor.security.beta.kubernetes.io/d": "runtime/default",
            }},
            "spec": {"containers": [
                {"name": "c"},
                {"name": "d", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
            ]},
        }},
    })
}

#[test]
fn a_template_is_told_of_under_its_path_when_it_is_new_or_has_changed() {
    let place = "spec.template.metadata.annotations";
    let gone = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
    let expected = [
        format!(
            "{place}[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the \
             \"priorityClassName\" field instead"
        ),
        format!("{place}[seccomp.security.alpha.kubernetes.io/pod]: {gone}"),
        format!("{place}[container.seccomp.security.alpha.kubernetes.io/c]: {gone}"),
        format!(
            "{place}[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use \
             the \"appArmorProfile\" field instead"
        ),
    ];
    let kind = gvk("apps", "Deployment");
    let new = of_new(&kind, &workload(1));
    let name = "metadata.name: this is used in Pod names and hostnames, which can result in surprising \
                behavior; a DNS label is recommended: [must not contain dots]";
    assert_eq!(new[0], name);
    assert_eq!(new[1..], expected);
    assert_eq!(of_change(&kind, &workload(2), &workload(1)), expected);
    assert_eq!(of_change(&kind, &workload(1), &workload(1)), [""; 0]);
    assert_eq!(of_new(&gvk("apps", "DaemonSet"), &workload(1)), expected);
    assert_eq!(
        of_change(&gvk("", "Pod"), &workload(2), &workload(1)),
        [""; 0]
    );
    assert_eq!(of_new(&gvk("", "ConfigMap"), &workload(1)), [""; 0]);
}
