//! Who may what, as upstream documents it for the roles of a new cluster. Everything else is refused.

use super::cells::{Cell, SHOP};
use super::people::Rights;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Unauthorized,
    Forbidden,
    Allowed,
}

/// What `view` reads, by group: words are resources or subresources.
const VIEW_READS: [(&str, &str); 9] = [
    (
        "",
        "bindings configmaps endpoints events limitranges namespaces namespaces/status \
        persistentvolumeclaims persistentvolumeclaims/status pods pods/log pods/status \
        replicationcontrollers replicationcontrollers/scale replicationcontrollers/status \
        resourcequotas resourcequotas/status serviceaccounts services services/status",
    ),
    (
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale \
        deployments/status replicasets replicasets/scale replicasets/status statefulsets \
        statefulsets/scale statefulsets/status",
    ),
    (
        "autoscaling",
        "horizontalpodautoscalers horizontalpodautoscalers/status",
    ),
    ("batch", "cronjobs cronjobs/status jobs jobs/status"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
    (
        "networking.k8s.io",
        "ingresses ingresses/status networkpolicies",
    ),
    ("policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    (
        "resource.k8s.io",
        "resourceclaims resourceclaims/status resourceclaimtemplates",
    ),
];

/// What `edit` reads besides: secrets, and what goes through to pods.
const EDIT_READS: [(&str, &str); 2] = [
    (
        "",
        "secrets pods/attach pods/exec pods/portforward pods/proxy services/proxy",
    ),
    ("coordination.k8s.io", "leases"),
];

/// What `edit` creates, updates, patches and deletes.
const EDIT_WRITES: [(&str, &str); 9] = [
    (
        "",
        "configmaps events persistentvolumeclaims pods pods/attach pods/exec pods/portforward \
        pods/proxy replicationcontrollers replicationcontrollers/scale secrets serviceaccounts \
        services services/proxy",
    ),
    (
        "apps",
        "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets \
        statefulsets/scale",
    ),
    ("autoscaling", "horizontalpodautoscalers"),
    ("batch", "cronjobs jobs"),
    ("coordination.k8s.io", "leases"),
    ("events.k8s.io", "events"),
    ("networking.k8s.io", "ingresses networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("resource.k8s.io", "resourceclaims resourceclaimtemplates"),
];

/// What `edit` only creates.
const EDIT_CREATES: [(&str, &str); 1] = [("", "pods/eviction serviceaccounts/token")];

/// What `admin` reads and writes besides.
const ADMIN: [(&str, &str); 1] = [("rbac.authorization.k8s.io", "roles rolebindings")];

/// What `admin` only creates.
const ADMIN_CREATES: [(&str, &str); 1] = [("authorization.k8s.io", "localsubjectaccessreviews")];

/// What everybody who is somebody creates.
const BASIC: [(&str, &str); 2] = [
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews selfsubjectrulesreviews",
    ),
    ("authentication.k8s.io", "selfsubjectreviews"),
];

/// What a node reads of everything, and what it creates, whichever node it is.
const NODE_READS: [(&str, &str); 4] = [
    ("", "services"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("node.k8s.io", "runtimeclasses"),
    ("storage.k8s.io", "csidrivers"),
];
const NODE_CREATES: [(&str, &str); 7] = [
    ("", "nodes pods pods/eviction events"),
    ("events.k8s.io", "events"),
    ("authentication.k8s.io", "tokenreviews"),
    (
        "authorization.k8s.io",
        "subjectaccessreviews localsubjectaccessreviews",
    ),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "csinodes"),
];

fn names(table: &[(&str, &str)], cell: &Cell) -> bool {
    let what = cell.what();
    let is_it = |(group, words): &(&str, &str)| {
        *group == cell.group && words.split_whitespace().any(|word| word == what)
    };
    table.iter().any(is_it)
}

/// What becomes of a request about a resource.
pub fn expected(rights: Rights, cell: &Cell) -> Outcome {
    let is_allowed = match rights {
        Rights::Refused | Rights::Nobody => return Outcome::Unauthorized,
        Rights::Everything => true,
        _ if is_basic(cell) => true,
        Rights::Basic | Rights::Account => false,
        Rights::Node => may_node(cell),
        // Bound in one namespace.
        _ if cell.namespace != SHOP => false,
        Rights::View => may_view(cell),
        Rights::Edit => may_edit(cell),
        Rights::Admin => may_admin(cell),
    };
    match is_allowed {
        true => Outcome::Allowed,
        false => Outcome::Forbidden,
    }
}

fn is_basic(cell: &Cell) -> bool {
    cell.verb == "create" && names(&BASIC, cell)
}

fn may_view(cell: &Cell) -> bool {
    !cell.writes() && names(&VIEW_READS, cell)
}

fn may_edit(cell: &Cell) -> bool {
    may_view(cell)
        || (!cell.writes() && names(&EDIT_READS, cell))
        || (cell.writes() && names(&EDIT_WRITES, cell))
        || (cell.verb == "create" && names(&EDIT_CREATES, cell))
}

fn may_admin(cell: &Cell) -> bool {
    may_edit(cell) || names(&ADMIN, cell) || (cell.verb == "create" && names(&ADMIN_CREATES, cell))
}

/// A node: what belongs to its pods, its own Node and Lease, and what all nodes need. The object `mine`
/// belongs to it, `there` to nobody.
fn may_node(cell: &Cell) -> bool {
    let is_mine = cell.name_in_path() == "mine";
    let changes = matches!(cell.verb, "update" | "patch");
    match (cell.group.as_str(), cell.what().as_str()) {
        ("", "secrets" | "configmaps" | "serviceaccounts" | "persistentvolumeclaims") => {
            cell.verb == "get" && is_mine
        }
        ("", "persistentvolumes" | "pods") if cell.verb == "get" => is_mine,
        ("", "persistentvolumeclaims/status") => changes && is_mine,
        ("", "serviceaccounts/token") => cell.verb == "create" && is_mine,
        ("resource.k8s.io", "resourceclaims") | ("storage.k8s.io", "volumeattachments") => {
            cell.verb == "get" && is_mine
        }
        ("resource.k8s.io", "resourceslices") if cell.verb != "create" => {
            matches!(cell.verb, "get" | "update" | "patch" | "delete") && is_mine
        }
        ("storage.k8s.io", "csinodes") if cell.verb != "create" => {
            (cell.verb == "get" || changes || cell.verb == "delete") && cell.name_in_path() == "n1"
        }
        // Which of them it may write into is for admission to say.
        ("", "nodes" | "nodes/status") if changes => true,
        ("", "pods/status") => changes,
        ("", "pods") if cell.verb == "delete" => true,
        ("", "events") | ("events.k8s.io", "events") if changes => true,
        ("", "endpoints") => cell.verb == "get",
        _ => {
            (cell.verb == "create" && names(&NODE_CREATES, cell))
                || (!cell.writes() && names(&NODE_READS, cell))
        }
    }
}

/// Paths that are for everybody who is somebody.
const DISCOVERY: [&str; 11] = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/readyz",
    "/openapi",
    "/openapi/*",
    "/version",
    "/version/",
];
/// Without a name.
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];
/// For accounts, which must check each other's tokens.
const ISSUER: [&str; 2] = ["/.well-known/openid-configuration", "/openid/v1/jwks"];

/// What becomes of a request for a path.
pub fn expected_path(rights: Rights, verb: &str, path: &str) -> Outcome {
    let is_one = |paths: &[&str]| {
        let fits = |one: &&str| match one.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => *one == path,
        };
        paths.iter().any(fits)
    };
    let is_allowed = match rights {
        Rights::Refused => return Outcome::Unauthorized,
        Rights::Nobody if !is_one(&PUBLIC) => return Outcome::Unauthorized,
        Rights::Everything => true,
        Rights::Account if is_one(&ISSUER) => verb == "get",
        _ => verb == "get" && is_one(&DISCOVERY),
    };
    match is_allowed {
        true => Outcome::Allowed,
        false => Outcome::Forbidden,
    }
}
