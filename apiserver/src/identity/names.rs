//! Names that every server knows.

use crate::names::{dns1123_label, dns1123_subdomain};

/// The group whose members may do everything, whatever the policy says.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who said who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who did not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of requests that do not say who asks.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of all nodes.
pub const NODES: &str = "system:nodes";
/// The group that may read metrics and health.
pub const MONITORING: &str = "system:monitoring";
/// The group of all service accounts.
pub const ALL_SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// The user as which controllers outside this program come.
pub const KUBE_CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// The user as which a scheduler outside this program comes.
pub const KUBE_SCHEDULER: &str = "system:kube-scheduler";
/// The user as which the proxies of services come.
pub const KUBE_PROXY: &str = "system:kube-proxy";

const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
/// What the user name of a node begins with; its name follows.
pub const NODE_PREFIX: &str = "system:node:";

/// The user name of a service account.
pub fn service_account_name(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}")
}

/// The groups that a service account is in because it is one. [`AUTHENTICATED`] comes on top.
pub fn service_account_groups(namespace: &str) -> [String; 2] {
    [
        ALL_SERVICE_ACCOUNTS.to_owned(),
        format!("{ALL_SERVICE_ACCOUNTS}:{namespace}"),
    ]
}

/// Namespace and name of the service account that a user name stands for, if it stands for one that
/// could exist.
pub fn parse_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    let could_exist = dns1123_label(namespace).is_empty() && dns1123_subdomain(name).is_empty();
    could_exist.then_some((namespace, name))
}
