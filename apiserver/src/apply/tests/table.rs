//! A schema table from a few lines of text, until the real one can be loaded.
//!
//! `kind GROUP/VERSION Name` or `type Name [atomic] [kept]` begins a type, `core/` standing for the
//! empty group. Indented lines are its fields: a name, what it holds, and flags. It holds `string`,
//! `int`, `bool`, `quantity`, `intorstring`, `time`, `any`, or a type by name, behind any of `map`,
//! `atomicmap`, `list` (atomic), `set` or `keyed(a,b)`. Flags are `always`, `pointer` and `=JSON`, a
//! default.

use crate::schema::{
    Field, Gvk, List, ListTopology, Map, Node, Patch, Scalar, Table, Type, TypeId, Unknown,
};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub fn table(text: &str) -> Table {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let is_header = |line: &&&str| !line.starts_with(' ');
    let headers = lines.iter().filter(is_header);
    let names = headers.enumerate().map(|(at, line)| {
        let mut words = line.split_whitespace();
        let is_kind = words.next() == Some("kind");
        let name = words.next().unwrap();
        (
            if is_kind { line } else { name },
            TypeId(u32::try_from(at).unwrap()),
        )
    });
    let ids: HashMap<&str, TypeId> = names.collect();
    let mut table = Table::default();
    for line in lines {
        match line.strip_prefix("  ") {
            None => begin(&mut table, line),
            Some(field) => {
                let fields = &mut table.types.last_mut().unwrap().fields;
                fields.push(read_field(field, &ids));
                fields.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
    }
    table
}

fn begin(table: &mut Table, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words[0] == "kind" {
        let (group, version) = words[1].split_once('/').unwrap();
        let group = if group == "core" { "" } else { group };
        let gvk = Gvk {
            group: group.into(),
            version: version.into(),
            kind: words[2].into(),
        };
        table
            .kinds
            .insert(gvk, TypeId(u32::try_from(table.types.len()).unwrap()));
    }
    let unknown = if words.contains(&"kept") {
        Unknown::Kept
    } else {
        Unknown::Pruned
    };
    table.types.push(Type {
        name: words[1].into(),
        description: "".into(),
        fields: Vec::new(),
        unknown,
        is_atomic: words.contains(&"atomic"),
    });
}

fn read_field(text: &str, ids: &HashMap<&str, TypeId>) -> Field {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let name = words.remove(0);
    let has = |flag: &str| words.contains(&flag);
    let default = words.iter().find_map(|word| word.strip_prefix('='));
    let (is_pointer, is_always_present) = (has("pointer"), has("always"));
    let default = default.map(|json| serde_json::from_str(json).unwrap());
    Field {
        name: name.into(),
        description: "".into(),
        node: read_node(&words, ids),
        tags: Vec::new(),
        is_pointer,
        is_always_present,
        is_required: false,
        default,
        patch: Patch::default(),
    }
}

fn read_node(words: &[&str], ids: &HashMap<&str, TypeId>) -> Node {
    let list = |topology| {
        Node::List(Arc::new(List {
            element: read_node(&words[1..], ids),
            topology,
        }))
    };
    let map = |is_atomic| {
        Node::Map(Arc::new(Map {
            value: read_node(&words[1..], ids),
            is_atomic,
        }))
    };
    match words[0] {
        "string" => Node::Scalar(Scalar::String(Arc::new([]))),
        "int" => Node::Scalar(Scalar::Int(32)),
        "bool" => Node::Scalar(Scalar::Bool),
        "quantity" => Node::Scalar(Scalar::Quantity),
        "intorstring" => Node::Scalar(Scalar::IntOrString),
        "time" => Node::Scalar(Scalar::Time),
        "any" => Node::Any,
        "map" => map(false),
        "atomicmap" => map(true),
        "list" => list(ListTopology::Atomic),
        "set" => list(ListTopology::Set),
        keyed if keyed.starts_with("keyed(") => {
            let keys = keyed
                .trim_start_matches("keyed(")
                .trim_end_matches(')')
                .split(',');
            list(ListTopology::Map(keys.map(Arc::from).collect()))
        }
        name => Node::Struct(*ids.get(name).unwrap_or_else(|| panic!("no type {name}"))),
    }
}

/// Some built-in kinds, with the fields that tests use.
pub static BUILT_IN: LazyLock<Table> = LazyLock::new(|| table(BUILT_IN_TEXT));

const BUILT_IN_TEXT: &str = "
kind apps/v1 Deployment
  apiVersion string
  kind string
  metadata ObjectMeta always
  spec DeploymentSpec always
  status DeploymentStatus always
kind core/v1 Pod
  apiVersion string
  kind string
  metadata ObjectMeta always
  spec PodSpec always
  status PodStatus always
kind core/v1 Service
  apiVersion string
  kind string
  metadata ObjectMeta always
  spec ServiceSpec always
kind core/v1 ConfigMap
  apiVersion string
  kind string
  metadata ObjectMeta always
  data map string
  binaryData map string
  immutable bool pointer
type ObjectMeta
  name string
  namespace string
  uid string
  resourceVersion string
  generation int
  creationTimestamp time always
  deletionTimestamp time pointer
  labels map string
  annotations map string
  finalizers set string
  ownerReferences keyed(uid) OwnerReference
  managedFields list any
type OwnerReference atomic
  apiVersion string always
  kind string always
  name string always
  uid string always
type DeploymentSpec
  replicas int pointer
  minReadySeconds int
  paused bool
  selector LabelSelector pointer always
  strategy DeploymentStrategy always
  template PodTemplateSpec always
type DeploymentStrategy
  type string
  rollingUpdate RollingUpdate pointer
type RollingUpdate
  maxSurge intorstring pointer
  maxUnavailable intorstring pointer
type LabelSelector atomic
  matchLabels map string
type PodTemplateSpec
  metadata ObjectMeta always
  spec PodSpec always
type PodSpec
  containers keyed(name) Container always
  tolerations list Toleration
  nodeSelector atomicmap string
  volumes keyed(name) Volume
  serviceAccountName string
  terminationGracePeriodSeconds int pointer
  securityContext SecurityContext pointer
type SecurityContext
  runAsUser int pointer
  runAsNonRoot bool pointer
type Container
  name string always
  image string
  args list string
  command list string
  env keyed(name) EnvVar
  ports keyed(containerPort,protocol) ContainerPort
  resources Resources always
  volumeMounts keyed(mountPath) VolumeMount
  livenessProbe Probe pointer
  readinessProbe Probe pointer
  imagePullPolicy string
type EnvVar
  name string always
  value string
type ContainerPort
  containerPort int always
  protocol string =\"TCP\"
  name string
  hostPort int
type Resources
  limits map quantity
  requests map quantity
type VolumeMount
  mountPath string always
  name string always
  readOnly bool
type Volume
  name string always
  emptyDir EmptyDir pointer
  configMap ConfigMapVolume pointer
type EmptyDir
  medium string
type ConfigMapVolume
  name string
type Probe
  httpGet HttpGet pointer
  periodSeconds int
  initialDelaySeconds int
type HttpGet
  path string
  port intorstring always
type Toleration
  key string
  operator string
  effect string
type DeploymentStatus
  replicas int
  readyReplicas int
  observedGeneration int
  conditions keyed(type) Condition
type PodStatus
  phase string
  podIP string
  conditions keyed(type) Condition
type Condition
  type string always
  status string always
  reason string
  message string
type ServiceSpec
  type string
  clusterIP string
  selector atomicmap string
  ports keyed(port,protocol) ServicePort
type ServicePort
  name string
  port int always
  protocol string =\"TCP\"
  targetPort intorstring always
  nodePort int
";

#[test]
fn a_table_is_read() {
    let table = &*BUILT_IN;
    let gvk = Gvk {
        group: String::new(),
        version: "v1".into(),
        kind: "Service".into(),
    };
    let service = table.get(table.kind(&gvk).unwrap());
    let Node::Struct(spec) = &service.field("spec").unwrap().node else {
        panic!()
    };
    let Node::List(ports) = &table.get(*spec).field("ports").unwrap().node else {
        panic!()
    };
    let keys = ListTopology::Map(Arc::new(["port".into(), "protocol".into()]));
    assert_eq!(ports.topology, keys);
    let Node::Struct(port) = &ports.element else {
        panic!()
    };
    let protocol = table.get(*port).field("protocol").unwrap();
    assert_eq!(protocol.default, Some("TCP".into()));
    assert!(table.get(*port).field("port").unwrap().is_always_present);
}
