//! Who asks: users, the groups they are in, and names that mean something to every server.
//!
//! A [`User`] is what authentication found out. Nobody keeps users: a name is what a certificate, a token
//! or a header said, and groups come with it. Pods speak as service accounts, whose names and groups are
//! formed from namespace and name; nodes speak as `system:node:NAME` in the group `system:nodes`.
//! Somebody may ask to act as somebody else: [`Impersonation`] reads the headers, says what must be
//! allowed for it, and who it makes of the request. Whether it is allowed is decided in `authorize`.
//!
//! What may enter: texts. What never happens here: a credential is looked at, an object is read.

mod anonymous;
mod impersonation;
mod names;
#[cfg(test)]
mod tests;
mod user;

pub use anonymous::Anonymous;
pub use impersonation::{Impersonation, Part};
pub use names::{
    ALL_SERVICE_ACCOUNTS, ANONYMOUS, AUTHENTICATED, KUBE_CONTROLLER_MANAGER, KUBE_PROXY,
    KUBE_SCHEDULER, MASTERS, MONITORING, NODE_PREFIX, NODES, UNAUTHENTICATED,
    parse_service_account, service_account_groups, service_account_name,
};
pub use user::User;
